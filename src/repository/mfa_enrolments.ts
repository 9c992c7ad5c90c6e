// The table `mfa_enrolments`: second factors, with secrets sealed to their row. One guarded update
// accepts an answer.
import { type Kysely, type SqlBool, sql } from 'kysely';
import type { JsonObject } from '../domain/json.ts';
import type { Enrolment } from '../domain/mfa_module.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import type { Sealer } from '../secrets/sealer.ts';

/** An enrolment in listings. */
export interface MfaEnrolmentEntry {
  id: string;
  mfa_module_id: string;
  /** The owner's name for it, where a module allows several. */
  name: string | null;
  created_at: Date;
  last_used_at: Date | null;
}

/** An enrolment with its unsealed secret and version. */
export interface MfaEnrolment extends MfaEnrolmentEntry, Enrolment {
  user_id: string;
  version: number;
}

export type NewMfaEnrolment = Omit<MfaEnrolment, 'version' | 'last_used_at'> & { device_id: string | null };

export type MfaEnrolmentRepository = ReturnType<typeof createMfaEnrolmentRepository>;

/** More than any user has. */
export const MAX_ENROLMENTS = 100;

const ENTRY = ['id', 'mfa_module_id', 'name', 'created_at', 'last_used_at'] as const satisfies (keyof MfaEnrolmentEntry)[];
const COLUMNS = [...ENTRY, 'user_id', 'version', 'secret'] as const;

type Row = Omit<MfaEnrolment, 'secret'> & { secret: Buffer };

/** Unseals the secret of a row. */
export function enrolmentOpener(sealer: Pick<Sealer, 'open'>): (row: Row) => MfaEnrolment {
  return (row) => ({ ...row, secret: JSON.parse(sealer.open(row.secret, placeOf(row.id)).toString()) });
}

export function createMfaEnrolmentRepository(
  { kysely, prepare }: Pick<Database, 'kysely' | 'prepare'>,
  sealer: Pick<Sealer, 'seal' | 'open'>,
) {
  const open = enrolmentOpener(sealer);
  const seal = (id: string, secret: JsonObject) => sealer.seal(JSON.stringify(secret), placeOf(id));

  const ofUser = prepare<{ user_id: string }, Row>('mfa_enrolments_of_user', (db, p) =>
    db
      .selectFrom('mfa_enrolments')
      .select(COLUMNS)
      .where('user_id', '=', p.user_id)
      .orderBy('created_at')
      .orderBy('id')
      .limit(MAX_ENROLMENTS),
  );
  const isRequired = prepare<{ user_id: string; group_ids: readonly string[] }, { required: boolean }>(
    'mfa_enrolments_is_required',
    (_, p) =>
      sql<{ required: boolean }>`select exists (select from groups where is_enabled and require_mfa and (id = any(${p.group_ids})
      or exists (select from user_groups where user_id = ${p.user_id} and group_id = groups.id))) as required`,
  );

  return {
    /** All enrolments of a user, oldest first, unsealed. */
    ofUser: async (user_id: string): Promise<MfaEnrolment[]> => (await ofUser({ user_id })).map(open),

    /** All enrolments of a user, oldest first, without secrets. */
    list: (user_id: string, trx = kysely): Promise<MfaEnrolmentEntry[]> =>
      trx
        .selectFrom('mfa_enrolments')
        .select(ENTRY)
        .where('user_id', '=', user_id)
        .orderBy('created_at')
        .orderBy('id')
        .limit(MAX_ENROLMENTS)
        .execute(),

    /** Whether a current or coming group of the user requires a second factor. */
    isRequired: async (user_id: string | null, group_ids: readonly string[] = []): Promise<boolean> =>
      (await isRequired({ user_id: user_id ?? '', group_ids }))[0]?.required ?? false,

    /** The user of a device. */
    async findDevice(mfa_module_id: string, device_id: string): Promise<MfaEnrolment | undefined> {
      const query = kysely.selectFrom('mfa_enrolments').select(COLUMNS).where('mfa_module_id', '=', mfa_module_id);
      const row = await query.where('device_id', '=', device_id).executeTakeFirst();
      return row && open(row);
    },

    /** Accepts an answer: stores the new secret if the enrolment is unchanged. */
    async use({ id, version }: Pick<MfaEnrolment, 'id' | 'version'>, secret: JsonObject, now: Date): Promise<boolean> {
      const used = await kysely
        .updateTable('mfa_enrolments')
        .set({ secret: seal(id, secret), version: version + 1, last_used_at: now })
        .where('id', '=', id)
        .where('version', '=', version)
        .returning('id')
        .executeTakeFirst();
      return used !== undefined;
    },

    /**
     * Stores an enrolment; `replaces`: deletes the user's others of the module. False if the device
     * is enrolled already.
     */
    async put(trx: Kysely<Schema>, enrolment: NewMfaEnrolment, { replaces }: { replaces: boolean }): Promise<boolean> {
      const { id, user_id, mfa_module_id } = enrolment;
      const row = { ...enrolment, secret: seal(id, enrolment.secret) };
      if (replaces) await trx.deleteFrom('mfa_enrolments').where(isOfModule(user_id, mfa_module_id)).execute();
      const stored = await trx
        .insertInto('mfa_enrolments')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .returning('id')
        .executeTakeFirst();
      return stored !== undefined;
    },

    async rename(user_id: string, id: string, name: string): Promise<MfaEnrolmentEntry | undefined> {
      const query = kysely.updateTable('mfa_enrolments').set({ name }).where('user_id', '=', user_id).where('id', '=', id);
      return await query.returning(ENTRY).executeTakeFirst();
    },

    /** Deletes the named enrolments of a user; returns their number. */
    async remove(trx: Kysely<Schema>, user_id: string, ids: readonly string[]): Promise<number> {
      const query = trx.deleteFrom('mfa_enrolments').where('user_id', '=', user_id).where(sql<SqlBool>`id = any(${ids})`);
      return (await query.returning('id').execute()).length;
    },
  };
}

function isOfModule(user_id: string, mfa_module_id: string) {
  return sql<SqlBool>`user_id = ${user_id} and mfa_module_id = ${mfa_module_id}`;
}

function placeOf(id: string) {
  return { table: 'mfa_enrolments', column: 'secret', id };
}
