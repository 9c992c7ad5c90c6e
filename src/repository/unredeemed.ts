// Unredeemed results of a login: authorization codes and answered device codes.
import type { Kysely } from 'kysely';
import type { Schema } from '../postgres/schema.ts';

/**
 * Revokes them in a transaction that has locked the user's row: of one standard client if given,
 * else all.
 */
export async function revokeUnredeemedCodes(trx: Kysely<Schema>, user_id: string, client_id: string | null = null): Promise<void> {
  await trx
    .deleteFrom('authorization_codes')
    .where('user_id', '=', user_id)
    .where('spent_at', 'is', null)
    .$if(client_id !== null, (codes) => codes.where('client_id', '=', client_id).where('profile', '=', 'standard'))
    .execute();
  await trx
    .deleteFrom('device_codes')
    .where('user_id', '=', user_id)
    .where('status', '=', 'approved')
    .$if(client_id !== null, (codes) => codes.where('client_id', '=', client_id ?? ''))
    .execute();
}
