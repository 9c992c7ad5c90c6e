// Pushed authorization requests (RFC 9126): kept by the hash of their request_uri, good for one completed authorization.

import type { JsonObject } from '../domain/json.ts';
import type { Database } from './database.ts';

export interface PushedRequest {
  request_uri_hash: Buffer;
  client_id: string;
  parameters: JsonObject;
  dpop_jkt: string | null;
  created_at: Date;
  expires_at: Date;
}

export type PushedRequests = ReturnType<typeof createPushedRequests>;

export function createPushedRequests(database: Database) {
  const { kysely } = database;
  return {
    async store({ parameters, ...request }: PushedRequest): Promise<void> {
      await kysely
        .insertInto('pushed_authorization_requests')
        .values({ ...request, parameters: JSON.stringify(parameters) })
        .execute();
    },

    /** A request of that client that was not completed yet and has not expired. */
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

    /** Completes a request; of two that try, one does. */
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
