// Login flows, one row each. Updates require the version that was read, so of two parallel
// submissions one succeeds.
import { type Kysely, sql } from 'kysely';
import type { LoginFlow } from '../domain/login_flow.ts';
import type { RowQuota } from '../domain/row_quota.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import { createRowLimit } from './row_limits.ts';

export type LoginFlowRepository = ReturnType<typeof createLoginFlowRepository>;

const COLUMNS = [
  'id',
  'client_id',
  'redirect_uri',
  'flow_type',
  'auth_provider_type',
  'auth_provider_id',
  'remote_address',
  'browser_hash',
  'code_challenge',
  'step_id',
  'provider_state',
  'identity',
  'user_id',
  'mfa_module_id',
  'mfa_state',
  'mfa_attempts',
  'page',
  'came_back',
  'version',
  'created_at',
  'expires_at',
  'typed_at',
] as const satisfies (keyof LoginFlow)[];

export function createLoginFlowRepository(database: Database) {
  const { kysely } = database;
  const limit = createRowLimit(database, 'login_flows');
  return {
    /** Stores a new flow; false if its network has too many rows. */
    async open(flow: LoginFlow, quota: RowQuota): Promise<boolean> {
      await limit.makeRoom();
      const row = { ...flow, ...asJson(flow), network: quota.network };
      const stored = await kysely
        .insertInto('login_flows')
        .columns([...COLUMNS, 'network'])
        .expression(
          kysely
            .selectNoFrom([...COLUMNS, 'network' as const].map((column) => sql.val(row[column]).as(column)))
            .where(limit.admits(quota, flow.created_at)),
        )
        .returning('id')
        .executeTakeFirst();
      return stored !== undefined;
    },

    /** An unexpired flow. */
    find: database.prepare<{ id: string; now: Date }, LoginFlow>('login_flows_find', (db, p) =>
      db.selectFrom('login_flows').select(COLUMNS).where('id', '=', p.id).where('expires_at', '>', p.now),
    ),

    /** The same for a submitted form, and records its first submission. */
    findSubmitted: database.prepare<{ id: string; now: Date }, LoginFlow>('login_flows_find_submitted', (db, p) =>
      db
        .with('typed', (query) =>
          query.updateTable('login_flows').set({ typed_at: p.now }).where('id', '=', p.id).where('typed_at', 'is', null).returning('id'),
        )
        .selectFrom('login_flows')
        .select(COLUMNS)
        .where('id', '=', p.id)
        .where('expires_at', '>', p.now),
    ),

    /** Stores the flow's progress; returns whether the version was still current. */
    async advance(flow: LoginFlow): Promise<boolean> {
      const { id, step_id, user_id, mfa_module_id, mfa_state, mfa_attempts, version } = flow;
      const advanced = await kysely
        .updateTable('login_flows')
        .set({ step_id, user_id, mfa_module_id, mfa_state, mfa_attempts, version: version + 1, ...asJson(flow) })
        .where('id', '=', id)
        .where('version', '=', version)
        .returning('id')
        .executeTakeFirst();
      return advanced !== undefined;
    },

    /** Deletes a flow of the version that was read; returns whether this call did. */
    async take({ id, version }: Pick<LoginFlow, 'id' | 'version'>): Promise<boolean> {
      const query = kysely.deleteFrom('login_flows').where('id', '=', id).where('version', '=', version);
      return (await query.returning('id').executeTakeFirst()) !== undefined;
    },

    /** Deletes a flow of any version; returns whether an unexpired one existed. */
    async abort({ id, now }: { id: string; now: Date }): Promise<boolean> {
      const query = kysely.deleteFrom('login_flows').where('id', '=', id).where('expires_at', '>', now);
      return (await query.returning('id').executeTakeFirst()) !== undefined;
    },
  };
}

/** Deletes flows whose user is known, that is, all but the second factor is proven. */
export async function deleteFlowsOfUser(trx: Kysely<Schema>, user_id: string): Promise<void> {
  await trx.deleteFrom('login_flows').where('user_id', '=', user_id).execute();
}

function asJson({ provider_state, identity, page, came_back }: LoginFlow) {
  return {
    provider_state: JSON.stringify(provider_state),
    identity: identity && JSON.stringify(identity),
    page: page && JSON.stringify(page),
    came_back: came_back && JSON.stringify(came_back),
  };
}
