// Pushed authorization requests (RFC 9126): stored by the hash of their request_uri, usable for one
// completed authorization.

import { sql } from 'kysely';
import type { JsonObject } from '../domain/json.ts';
import type { RowQuota } from '../domain/row_quota.ts';
import type { Database } from '../postgres/database.ts';
import { createRowLimit } from './row_limits.ts';

export interface PushedRequest {
  request_uri_hash: Buffer;
  client_id: string;
  parameters: JsonObject;
  dpop_jkt: string | null;
  created_at: Date;
  expires_at: Date;
}

const COLUMNS = ['request_uri_hash', 'client_id', 'parameters', 'dpop_jkt', 'network', 'created_at', 'expires_at'] as const;

export type PushedRequestRepository = ReturnType<typeof createPushedRequestRepository>;

export function createPushedRequestRepository(database: Database) {
  const { kysely } = database;
  const limit = createRowLimit(database, 'pushed_authorization_requests');
  return {
    /** Stores a request; false if its network has too many rows. */
    async store({ created_at, ...request }: PushedRequest, quota: RowQuota): Promise<boolean> {
      await limit.makeRoom();
      const row = { ...request, parameters: JSON.stringify(request.parameters), network: quota.network, created_at };
      const stored = await kysely
        .insertInto('pushed_authorization_requests')
        .columns(COLUMNS)
        .expression(kysely.selectNoFrom(COLUMNS.map((column) => sql.val(row[column]).as(column))).where(limit.admits(quota, created_at)))
        .returning('client_id')
        .executeTakeFirst();
      return stored !== undefined;
    },

    /** The client's request, unused and unexpired. */
    async find({ request_uri_hash, client_id, now }: { request_uri_hash: Buffer; client_id: string; now: Date }) {
      return await kysely
        .selectFrom('pushed_authorization_requests')
        .select(['parameters', 'dpop_jkt'])
        .where('request_uri_hash', '=', request_uri_hash)
        .where('client_id', '=', client_id)
        .where('used_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst();
    },

    /** Marks a request as used; one of two parallel attempts succeeds. */
    async use({ request_uri_hash, now }: { request_uri_hash: Buffer; now: Date }): Promise<boolean> {
      const used = await kysely
        .updateTable('pushed_authorization_requests')
        .set({ used_at: now })
        .where('request_uri_hash', '=', request_uri_hash)
        .where('used_at', 'is', null)
        .returning('client_id')
        .executeTakeFirst();
      return used !== undefined;
    },
  };
}
