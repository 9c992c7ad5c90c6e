// The cut: whatever was issued before a time is worth nothing any more, whoever has it. What hangs on rows goes with them, so that nothing that is
// asked often has to look at a time; the one row of `cut_off` is for the tokens that hang on none. Called by accounts/revoke_all.ts.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { lockInOrder } from '../postgres/lock_in_order.ts';
import type { Schema } from '../postgres/schema.ts';
import { endSessionsWhere } from './session_ends.ts';

/** How much ended. */
export interface CutCounts {
  sessions: number;
  refresh_tokens: number;
}

/** Seconds to wait for what is being written. */
const LOCK_TIMEOUT = 10;

/**
 * Waits for everything that is being issued, and keeps others from issuing until the transaction ends. Whatever is issued names its user, whose row
 * it locks; one lock on their table is held instead of one on each of many, which others would take in another order. Reads and refreshes go on.
 */
export async function lockIssuing(trx: Kysely<Schema>): Promise<void> {
  await sql`set local lock_timeout = ${sql.lit(`${LOCK_TIMEOUT}s`)}`.execute(trx);
  await sql`lock table users in exclusive mode`.execute(trx);
}

/** Ends what was issued before a time, null: everything there is. Within a transaction that has called `holdIssuing`. */
export async function endIssuedBefore(trx: Kysely<Schema>, { before, now }: { before: Date | null; now: Date }): Promise<CutCounts> {
  const is_old_grant = isFrom(before, sql`least(created_at, auth_time)`);
  await lockInOrder(trx, 'refresh_tokens', is_old_grant);
  const ended = await endSessionsWhere(trx, isFrom(before, sql`least(s.created_at, s.auth_time)`), now);
  // Their apps, told by now, are known by the grants that go next.
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

/** No time is after everything. `time` is SQL. */
function isFrom(before: Date | null, time: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`${time} < ${before ?? 'infinity'}::timestamptz`;
}

async function remove(trx: Kysely<Schema>, table: keyof Schema, which: RawBuilder<boolean>): Promise<number> {
  const { numAffectedRows } = await sql`delete from ${sql.table(table)} where ${which}`.execute(trx);
  return Number(numAffectedRows ?? 0);
}

/** Tokens tell their time in whole seconds: those of the running one were issued before, for all that can be known. */
function nextSecond(now: Date): Date {
  return new Date((Math.floor(now.getTime() / 1000) + 1) * 1000);
}
