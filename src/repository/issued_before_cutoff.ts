// Revokes everything issued before a time. Rows are deleted, so that frequent queries need no time
// check; the single row of `cut_off` is for tokens without a row. Used by accounts/revoke_all.ts.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { lockInOrder } from '../postgres/lock_in_order.ts';
import type { Schema } from '../postgres/schema.ts';
import { endSessionsWhere } from './session_ends.ts';

/** The number of revoked items. */
export interface CutCounts {
  sessions: number;
  refresh_tokens: number;
}

/** Seconds to wait for running writes. */
const LOCK_TIMEOUT = 10;

/**
 * Waits for running issuance and blocks new issuance until the transaction ends. Issuing locks the
 * user's row, so a single table lock replaces many row locks, whose order would conflict. Reads and
 * refreshes continue.
 */
export async function lockIssuing(trx: Kysely<Schema>): Promise<void> {
  await sql`set local lock_timeout = ${sql.lit(`${LOCK_TIMEOUT}s`)}`.execute(trx);
  await sql`lock table users in exclusive mode`.execute(trx);
}

/**
 * Revokes everything issued before a time; null: everything. Requires `lockIssuing` in the
 * transaction.
 */
export async function endIssuedBefore(trx: Kysely<Schema>, { before, now }: { before: Date | null; now: Date }): Promise<CutCounts> {
  const is_old_grant = isFrom(before, sql`least(created_at, auth_time)`);
  await lockInOrder(trx, 'refresh_tokens', is_old_grant);
  const ended = await endSessionsWhere(trx, isFrom(before, sql`least(s.created_at, s.auth_time)`), now);
  // Apps have been notified by now, which needs the grants deleted next.
  const others = await remove(trx, 'refresh_tokens', is_old_grant);
  await remove(trx, 'authorization_codes', sql`spent_at is null and ${isFrom(before, sql`least(created_at, auth_time)`)}`);
  await remove(trx, 'device_codes', sql`status <> 'spent' and ${isFrom(before, sql`least(created_at, auth_time)`)}`);
  for (const table of ['host_sessions', 'host_codes', 'link_tickets', 'login_flows'] as const)
    await remove(trx, table, isFrom(before, sql`created_at`));
  const not_before = before ?? nextSecond(now);
  await trx
    .insertInto('cut_off')
    .values({ not_before })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ not_before: sql`greatest(cut_off.not_before, excluded.not_before)` }))
    .execute();
  return { ...ended, refresh_tokens: ended.refresh_tokens + others };
}

/** True for no time if `before` is null. `time` is SQL. */
function isFrom(before: Date | null, time: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`${time} < ${before ?? 'infinity'}::timestamptz`;
}

async function remove(trx: Kysely<Schema>, table: keyof Schema, which: RawBuilder<boolean>): Promise<number> {
  const { numAffectedRows } = await sql`delete from ${sql.table(table)} where ${which}`.execute(trx);
  return Number(numAffectedRows ?? 0);
}

/** Tokens have whole seconds; those of the current second may have been issued before. */
function nextSecond(now: Date): Date {
  return new Date((Math.floor(now.getTime() / 1000) + 1) * 1000);
}
