// The table `mfa_setup_flows`: enrolments in progress, one per user and module. The form contains
// the new secret, so it is sealed.
import type { SetupForm } from '../domain/mfa_module.ts';
import type { Database } from '../postgres/database.ts';
import type { Sealer } from '../secrets/sealer.ts';

export interface MfaSetupFlow {
  id: string;
  user_id: string;
  mfa_module_id: string;
  /** The form shown last. */
  form: SetupForm;
  /** Wrong answers so far. */
  attempts: number;
  version: number;
  created_at: Date;
  expires_at: Date;
}

export type MfaSetupFlowRepository = ReturnType<typeof createMfaSetupFlowRepository>;

export function createMfaSetupFlowRepository({ kysely }: Pick<Database, 'kysely'>, sealer: Pick<Sealer, 'seal' | 'open'>) {
  const seal = ({ id, form }: Pick<MfaSetupFlow, 'id' | 'form'>) => sealer.seal(JSON.stringify(form), placeOf(id));
  return {
    /** Starts a flow; replaces the user's earlier one with this module. */
    async begin(flow: MfaSetupFlow): Promise<void> {
      const row = { ...flow, form: seal(flow) };
      await kysely
        .insertInto('mfa_setup_flows')
        .values(row)
        .onConflict((conflict) => conflict.columns(['user_id', 'mfa_module_id']).doUpdateSet(row))
        .execute();
    },

    /** An unexpired flow of the user. */
    async find({ user_id, id, now }: { user_id: string; id: string; now: Date }): Promise<MfaSetupFlow | undefined> {
      const query = kysely.selectFrom('mfa_setup_flows').selectAll().where('id', '=', id).where('user_id', '=', user_id);
      const row = await query.where('expires_at', '>', now).executeTakeFirst();
      return row && { ...row, form: JSON.parse(sealer.open(row.form, placeOf(id)).toString()) };
    },

    /** Stores the next form; false if a parallel answer was first. */
    async advance({ version, attempts, ...flow }: MfaSetupFlow): Promise<boolean> {
      const query = kysely.updateTable('mfa_setup_flows').set({ form: seal(flow), attempts, version: version + 1 });
      const advanced = await query.where('id', '=', flow.id).where('version', '=', version).returning('id').executeTakeFirst();
      return advanced !== undefined;
    },

    /** Deletes a flow of the version that was read; one of two parallel answers succeeds. */
    async take({ id, version }: Pick<MfaSetupFlow, 'id' | 'version'>, trx = kysely): Promise<boolean> {
      const query = trx.deleteFrom('mfa_setup_flows').where('id', '=', id).where('version', '=', version);
      return (await query.returning('id').executeTakeFirst()) !== undefined;
    },
  };
}

function placeOf(id: string) {
  return { table: 'mfa_setup_flows', column: 'form', id };
}
