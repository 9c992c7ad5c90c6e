// Limits self-registered clients: per network, and unused ones in total. Beyond a limit the oldest
// unused ones are deleted, so that a flood does not keep others from registering.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { MAX_OF_NETWORK } from '../domain/row_quota.ts';
import type { Schema } from '../postgres/schema.ts';

/** Maximum self-registered clients without a login. */
const MAX_UNUSED = 1000;

/** Arbitrary but fixed. */
const LOCK_KEY = 4_207_849_313;

/** Every login leaves one of these rows; clients changed by an operator count as used. */
const IS_UNUSED = sql<boolean>`c.managed_by = 'registration' and c.operator_fields = '{}'
  and not exists (select from consents where client_id = c.client_id)
  and not exists (select from authorization_codes where client_id = c.client_id)
  and not exists (select from refresh_tokens where client_id = c.client_id)`;

/** Where a client registers from. */
interface RegistrationSource {
  network: string;
  /** Loopback or a proxy: never refused because of others at the same address. */
  is_shared: boolean;
}

/**
 * Makes room for one more client; called in the transaction that inserts it, one at a time. Returns
 * the ids of the deleted clients, or null when the network has its maximum and all of them are in
 * use.
 */
export async function makeRoomForRegistration(trx: Kysely<Schema>, { network, is_shared }: RegistrationSource): Promise<string[] | null> {
  await sql`select pg_advisory_xact_lock(${sql.lit(LOCK_KEY)})`.execute(trx);
  const { of_network, of_all } = await count(trx, network);
  const surplus = of_network - MAX_OF_NETWORK + 1;
  const is_its = sql<boolean>`c.registered_from = ${network} and ${IS_UNUSED}`;
  const removed = surplus > 0 ? await removeOldest(trx, is_its, sql`${surplus}::int`) : [];
  if (removed.length < surplus && !is_shared) return null;
  // Use is checked only if it matters.
  if (of_all - removed.length < MAX_UNUSED) return removed;
  const too_many = sql`greatest((select count(*) from clients c where ${IS_UNUSED}) - ${sql.lit(MAX_UNUSED - 1)}, 0)`;
  return [...removed, ...(await removeOldest(trx, IS_UNUSED, too_many))];
}

async function count(trx: Kysely<Schema>, network: string): Promise<{ of_network: number; of_all: number }> {
  const { rows } = await sql<{ of_network: number; of_all: number }>`
    select count(*) filter (where registered_from = ${network})::int as of_network, count(*)::int as of_all
    from clients where managed_by = 'registration'`.execute(trx);
  return rows[0] ?? { of_network: 0, of_all: 0 };
}

async function removeOldest(trx: Kysely<Schema>, which: RawBuilder<boolean>, limit: RawBuilder<unknown>): Promise<string[]> {
  const { rows } = await sql<{ client_id: string }>`delete from clients where client_id = any(array(
    select c.client_id from clients c where ${which} order by c.created_at, c.client_id limit ${limit} for update of c))
    returning client_id`.execute(trx);
  return rows.map(({ client_id }) => client_id);
}
