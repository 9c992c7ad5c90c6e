// What a login has earned and nobody has traded for tokens yet: authorization codes, and device codes that their person has answered.
import type { Kysely } from 'kysely';
import type { Schema } from '../postgres/schema.ts';

/**
 * Ends it within a transaction that has locked the user's row: of one client in the standard profile, where that is given, else all there is.
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
