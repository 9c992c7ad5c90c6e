// How many clients may have registered themselves: of one network, and of all that nobody has logged in to yet. Beyond either number the oldest
// that nobody has logged in to are deleted, so that no flood keeps others from registering.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { MAX_OF_NETWORK } from './row_limits.ts';
import type { Schema } from './schema.ts';

/** Clients that registered themselves and that nobody has logged in to, of all networks. */
const MAX_UNUSED = 1000;

/** Any number will do, as long as it stays. */
const LOCK_KEY = 4_207_849_313;

/** A person's login leaves one of these; what an operator has changed was looked at by the operator. */
const IS_UNUSED = sql<boolean>`c.managed_by = 'registration' and c.operator_fields = '{}'
  and not exists (select from consents where client_id = c.client_id)
  and not exists (select from authorization_codes where client_id = c.client_id)
  and not exists (select from refresh_tokens where client_id = c.client_id)`;

/**
 * Makes room for one more client of `network`; to be called in the transaction that inserts it, for which others wait. Answers which clients were
 * deleted for it, or null when the network has as many clients as it may and all of them are in use.
 */
export async function makeRoomForRegistration(trx: Kysely<Schema>, network: string): Promise<string[] | null> {
  await sql`select pg_advisory_xact_lock(${sql.lit(LOCK_KEY)})`.execute(trx);
  const of_network = sql<boolean>`c.registered_from = ${network}`;
  const surplus = (await count(trx, of_network)) - MAX_OF_NETWORK + 1;
  const removed = surplus > 0 ? await removeOldest(trx, sql<boolean>`${of_network} and ${IS_UNUSED}`, surplus) : [];
  if (removed.length < surplus) return null;
  // The dearer count only where it can matter.
  const is_full = (await count(trx, sql<boolean>`c.managed_by = 'registration'`)) >= MAX_UNUSED;
  const unused = is_full ? (await count(trx, IS_UNUSED)) - MAX_UNUSED + 1 : 0;
  return unused > 0 ? [...removed, ...(await removeOldest(trx, IS_UNUSED, unused))] : removed;
}

async function count(trx: Kysely<Schema>, which: RawBuilder<boolean>): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from clients c where ${which}`.execute(trx);
  return rows[0]?.count ?? 0;
}

async function removeOldest(trx: Kysely<Schema>, which: RawBuilder<boolean>, limit: number): Promise<string[]> {
  const { rows } = await sql<{ client_id: string }>`delete from clients where client_id = any(array(
    select c.client_id from clients c where ${which} order by c.created_at, c.client_id limit ${limit} for update of c))
    returning client_id`.execute(trx);
  return rows.map(({ client_id }) => client_id);
}
