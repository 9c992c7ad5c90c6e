// Limits self-registered clients: per network, per network and hour, and unused ones in total.
// Beyond a limit the oldest unused ones are deleted, so that a flood does not keep others from
// registering. Those registered without a token have limits of their own.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { addSeconds } from '../domain/clock.ts';
import { MAX_OF_NETWORK } from '../domain/row_quota.ts';
import type { Schema } from '../postgres/schema.ts';

/** Maximum self-registered clients without a login, and of unapproved ones. */
const MAX_UNUSED = 1000;
const HOUR = 3600;
const DAY = 24 * HOUR;

/** Arbitrary but fixed. */
const LOCK_KEY = 4_207_849_313;

/**
 * Every login leaves one of these rows; clients changed by an operator or approved count as used.
 */
const IS_UNUSED = sql<boolean>`c.managed_by = 'registration' and c.operator_fields = '{}' and c.approval is distinct from 'approved'
  and not exists (select from consents where client_id = c.client_id)
  and not exists (select from authorization_codes where client_id = c.client_id)
  and not exists (select from refresh_tokens where client_id = c.client_id)`;

/** Where a client registers from, and how. */
interface RegistrationSource {
  network: string;
  /** Loopback or a proxy: never refused because of others at the same address. */
  is_shared: boolean;
  /** Without a token: the maximum per network and hour; null: with one. */
  max_per_hour: number | null;
  now: Date;
}

/** `too_often`: this hour; `full`: the network has its maximum and all of them are in use. */
export type Room = { removed: string[] } | { refused: 'too_often' | 'full' };

/**
 * Makes room for one more client; called in the transaction that inserts it, one at a time. Returns
 * the ids of the deleted clients.
 */
export async function makeRoomForRegistration(trx: Kysely<Schema>, source: RegistrationSource): Promise<Room> {
  const { network, is_shared, max_per_hour } = source;
  await sql`select pg_advisory_xact_lock(${sql.lit(LOCK_KEY)})`.execute(trx);
  // A flood without a token deletes none of those with one.
  const is_alike = max_per_hour === null ? sql<boolean>`c.approval is null` : sql<boolean>`c.approval <> 'approved'`;
  const { of_network, of_all, of_hour } = await count(trx, source, is_alike);
  if (max_per_hour !== null && !is_shared && of_hour >= max_per_hour) return { refused: 'too_often' };
  const surplus = of_network - MAX_OF_NETWORK + 1;
  const is_its = sql<boolean>`c.registered_from = ${network} and ${is_alike} and ${IS_UNUSED}`;
  const removed = surplus > 0 ? await removeOldest(trx, is_its, sql`${surplus}::int`) : [];
  if (removed.length < surplus && !is_shared) return { refused: 'full' };
  // Use is checked only if it matters.
  if (of_all - removed.length < MAX_UNUSED) return { removed };
  const is_unused = sql<boolean>`${is_alike} and ${IS_UNUSED}`;
  const too_many = sql`greatest((select count(*) from clients c where ${is_unused}) - ${sql.lit(MAX_UNUSED - 1)}, 0)`;
  return { removed: [...removed, ...(await removeOldest(trx, is_unused, too_many))] };
}

interface Counts {
  of_network: number;
  of_all: number;
  /** Registered without a token by the network in the last hour, also those approved since. */
  of_hour: number;
}

async function count(trx: Kysely<Schema>, { network, now }: RegistrationSource, is_alike: RawBuilder<boolean>): Promise<Counts> {
  const { rows } = await sql<Counts>`
    select count(*) filter (where registered_from = ${network} and ${is_alike})::int as of_network,
      count(*) filter (where ${is_alike})::int as of_all,
      count(*) filter (where registered_from = ${network} and approval is not null
        and created_at > ${addSeconds(now, -HOUR)})::int as of_hour
    from clients c where managed_by = 'registration'`.execute(trx);
  return rows[0] ?? { of_network: 0, of_all: 0, of_hour: 0 };
}

/** Those that the owner has been asked about go last. */
async function removeOldest(trx: Kysely<Schema>, which: RawBuilder<boolean>, limit: RawBuilder<unknown>): Promise<string[]> {
  const { rows } = await sql<{ client_id: string }>`delete from clients where client_id = any(array(
    select c.client_id from clients c where ${which}
    order by c.approval is not distinct from 'pending', c.created_at, c.client_id limit ${limit} for update of c))
    returning client_id`.execute(trx);
  return rows.map(({ client_id }) => client_id);
}

/**
 * Deletes a batch of clients that were not approved: after a day, or `pending_lifetime` seconds
 * after somebody logged in to reach them or they were refused. Returns their ids.
 */
export async function forgetUnapprovedClients(
  trx: Kysely<Schema>,
  { now, pending_lifetime, limit }: { now: Date; pending_lifetime: number; limit: number },
): Promise<string[]> {
  const is_due = sql<boolean>`((c.approval = 'new' and c.approval_since <= ${addSeconds(now, -DAY)})
    or (c.approval in ('pending', 'refused') and c.approval_since <= ${addSeconds(now, -pending_lifetime)}))`;
  return await removeOldest(trx, sql<boolean>`${is_due} and ${IS_UNUSED}`, sql`${limit}::int`);
}
