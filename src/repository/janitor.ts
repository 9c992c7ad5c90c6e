// The janitor deletes expired rows in short batches, on one replica at a time. Correctness does not
// depend on it: every statement checks expiry itself.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { AuditEvent } from '../domain/audit_event.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import { forgetUnapprovedClients } from './registration_limit.ts';

const BATCH = 1000;
const PEOPLE_BATCH = 100;
/** Maximum batches per table and round. */
const MAX_BATCHES = 1000;
/** Maximum ranges of grants per round; the next round continues there. */
const MAX_STRETCHES = 50;
const EVERY_MS = 60_000;
const HOUR = 3600;
const DAY = 24 * HOUR;
/** Last use is written in batches, so the row may be late. */
const LATE_USE_SECONDS = 5;

/** Arbitrary but fixed. */
const RUNNER_LOCK_KEY = 4_207_849_312;

/** Deleted rows by table. */
type ExpiryCounts = Record<string, number>;

export interface Janitor {
  /** One round; returns no counts if another replica is running one. */
  run(): Promise<ExpiryCounts>;
  /** Starts a round every minute. */
  start(): void;
  /** Waits for a running round. */
  close(): Promise<void>;
}

export interface JanitorDeps {
  database: Pick<Database, 'transaction'>;
  clock: Clock;
  audit: { insert(trx: Kysely<Schema>, event: AuditEvent): Promise<void> };
  on_error: (error: unknown) => void;
  /** Seconds that a new user or an app may wait for approval. */
  pending_lifetime: number;
  /** Seconds that events are kept. */
  audit_retention: number;
  /** Seconds that failed logins count; they are kept for at least a day. */
  failure_lifetime: number;
}

/** Selects the expired rows at a time, given the configured retention. */
type Due = (now: Date, deps: JanitorDeps) => RawBuilder<unknown>;

export function createJanitor(deps: JanitorDeps): Janitor {
  const { database, clock, audit, on_error } = deps;
  let walked_to = '';
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<ExpiryCounts> | undefined;

  /** One batch in its own transaction; undefined while another replica holds the lock. */
  async function batch<T>(work: (trx: Kysely<Schema>) => Promise<T>): Promise<T | undefined> {
    return await database.transaction(async (trx) => {
      const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_xact_lock(${sql.lit(RUNNER_LOCK_KEY)}) as locked`.execute(trx);
      return rows[0]?.locked ? await work(trx) : undefined;
    });
  }

  /** Repeats batches until one is not full. */
  async function drain(size: number, remove: (trx: Kysely<Schema>) => Promise<number>): Promise<number> {
    let total = 0;
    for (let batches = 0; batches < MAX_BATCHES; batches++) {
      const removed = (await batch(remove)) ?? 0;
      total += removed;
      if (removed < size) break;
    }
    return total;
  }

  /**
   * A grant's expiry depends on its last use, which no index covers, so all rows are scanned in
   * ranges.
   */
  async function walkRefreshTokens(): Promise<number> {
    let total = 0;
    for (let stretches = 0; stretches < MAX_STRETCHES; stretches++) {
      const walk = await batch((trx) => removeDeadGrants(trx, clock(), walked_to));
      if (!walk) break;
      total += walk.removed;
      walked_to = walk.last ?? '';
      if (walk.last === null) break;
    }
    return total;
  }

  async function round(): Promise<ExpiryCounts> {
    const counts: ExpiryCounts = {};
    for (const [table, due] of EXPIRING) counts[table] = await drain(BATCH, (trx) => removeDue(trx, table, due(clock(), deps)));
    counts.audit_events = await drain(BATCH, (trx) => removeAuditEvents(trx, addSeconds(clock(), -deps.audit_retention)));
    counts.refresh_tokens = await walkRefreshTokens();
    counts.users = await drain(PEOPLE_BATCH, async (trx) => {
      const gone = await removeForgottenUsers(trx, addSeconds(clock(), -deps.pending_lifetime));
      for (const target_user_id of gone) await audit.insert(trx, { type: 'user.expired', outcome: 'done', target_user_id });
      return gone.length;
    });
    counts.clients = await drain(PEOPLE_BATCH, async (trx) => {
      const { pending_lifetime } = deps;
      const gone = await forgetUnapprovedClients(trx, { now: clock(), pending_lifetime, limit: PEOPLE_BATCH });
      const detail = { reason: 'unapproved' };
      for (const client_id of gone) await audit.insert(trx, { type: 'client.deleted', outcome: 'done', client_id, detail });
      return gone.length;
    });
    return counts;
  }

  function run(): Promise<ExpiryCounts> {
    running ??= round().finally(() => {
      running = undefined;
    });
    return running;
  }

  return {
    run,
    start() {
      timer ??= setInterval(() => run().catch(on_error), EVERY_MS).unref();
    },
    async close() {
      clearInterval(timer);
      await running?.catch(() => {});
    },
  };
}

/** What expires in each table. Each column has an index, or the table is small. */
export const EXPIRING: readonly (readonly [table: keyof Schema, due: Due])[] = [
  ['login_flows', (now) => sql`expires_at <= ${now}`],
  // Kept for a while, so that a replay is recognized.
  ['authorization_codes', (now) => sql`expires_at <= ${addSeconds(now, -HOUR)}`],
  ['pushed_authorization_requests', (now) => sql`expires_at <= ${now}`],
  // Kept for a while, so that a late poll gets `expired_token`.
  ['device_codes', (now) => sql`expires_at <= ${addSeconds(now, -HOUR)}`],
  ['sessions', (now) => sql`expires_at <= ${now}`],
  ['device_cookies', (now) => sql`expires_at <= ${now}`],
  ['host_codes', (now) => sql`expires_at <= ${now}`],
  ['host_sessions', (now) => sql`expires_at <= ${now}`],
  ['link_tickets', (now) => sql`expires_at <= ${now}`],
  ['mfa_setup_flows', (now) => sql`expires_at <= ${now}`],
  ['mfa_failures', (now) => sql`last_failed_at <= ${addSeconds(now, -DAY)}`],
  ['failed_logins', (now, { failure_lifetime }) => sql`last_failed_at <= ${addSeconds(now, -Math.max(failure_lifetime, DAY))}`],
  ['ip_bans', (now) => sql`expires_at <= ${now}`],
  ['client_secrets', (now) => sql`expires_at <= ${now}`],
  ['url_clients', (now, { pending_lifetime }) => sql`status = 'pending' and created_at <= ${addSeconds(now, -pending_lifetime)}`],
  ['used_proofs', (now) => sql`expires_at <= ${now}`],
  ['revoked_access_tokens', (now) => sql`expires_at <= ${now}`],
  ['signing_keys', (now) => sql`expires_at <= ${addSeconds(now, -HOUR)}`],
];

async function removeDue(trx: Kysely<Schema>, table: keyof Schema, due: RawBuilder<unknown>): Promise<number> {
  const { numAffectedRows } = await sql`delete from ${sql.table(table)} where ctid = any(array(
    select ctid from ${sql.table(table)} where ${due} limit ${BATCH} for update skip locked))`.execute(trx);
  return Number(numAffectedRows ?? 0);
}

/** The runtime role may not delete these; see migration 0018, which limits the batch size. */
async function removeAuditEvents(trx: Kysely<Schema>, before: Date): Promise<number> {
  const { rows } = await sql<{ removed: string }>`select expire_audit_events(${before}) as removed`.execute(trx);
  return Number(rows[0]?.removed ?? 0);
}

async function removeDeadGrants(trx: Kysely<Schema>, now: Date, after: string): Promise<{ last: string | null; removed: number }> {
  const { rows } = await sql<{ last: string | null; removed: number }>`
    with walked as (select id from refresh_tokens where id > ${after} order by id limit ${BATCH}),
    dead as (
      select r.id from refresh_tokens r join walked using (id)
      where r.expires_at <= ${now}
        or coalesce(r.last_used_at, r.created_at) + r.idle_lifetime * interval '1 second' <= ${addSeconds(now, -LATE_USE_SECONDS)}
      for update of r skip locked
    ),
    removed as (delete from refresh_tokens where id in (select id from dead) returning id)
    select (select max(id) from walked) as last, (select count(*) from removed) as removed`.execute(trx);
  return rows[0] ?? { last: null, removed: 0 };
}

async function removeForgottenUsers(trx: Kysely<Schema>, before: Date): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with forgotten as (
      select id from users where is_pending and created_at <= ${before} order by created_at limit ${PEOPLE_BATCH} for update skip locked
    ),
    logins as (
      delete from local_logins where username in (
        select subject from credentials where user_id in (select id from forgotten)
          and auth_provider_type = ${LOCAL_PROVIDER.auth_provider_type} and auth_provider_id is null)
    )
    delete from users where id in (select id from forgotten) returning id`.execute(trx);
  return rows.map(({ id }) => id);
}
