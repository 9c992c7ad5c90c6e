// The table `mfa_failures`: how often a user's second factor was guessed at, whatever the flow. A guess is counted before it is looked at,
// so parallel ones cannot slip through; a right one is forgotten together with all before it.
import { sql } from 'kysely';
import { addSeconds } from '../domain/clock.ts';
import type { Database } from '../postgres/database.ts';

export type MfaFailureRepository = ReturnType<typeof createMfaFailureRepository>;

/** Guesses that are looked at in so many seconds; after the last one none is for as long. */
export const MFA_FAILURE_LIMIT = 10;
const WINDOW = 15 * 60;

export function createMfaFailureRepository({ kysely }: Pick<Database, 'kysely'>) {
  return {
    /** Counts a guess and answers how many there were with it; null when there were too many, and then this one must not be looked at. */
    async count(user_id: string, now: Date): Promise<number | null> {
      const since = addSeconds(now, -WINDOW);
      const { rows } = await sql<{ failures: number }>`
        insert into mfa_failures as f (user_id, failures, first_failed_at, last_failed_at)
        select id, 1, ${now}, ${now} from users where id = ${user_id}
        on conflict (user_id) do update set
          failures = case when f.first_failed_at > ${since} then f.failures + 1 else 1 end,
          first_failed_at = case when f.first_failed_at > ${since} then f.first_failed_at else excluded.first_failed_at end,
          last_failed_at = greatest(f.last_failed_at, excluded.last_failed_at)
        where f.failures < ${MFA_FAILURE_LIMIT} or f.last_failed_at <= ${since}
        returning failures`.execute(kysely);
      return rows[0]?.failures ?? null;
    },

    /** Forgets all guesses. */
    async clear(user_id: string): Promise<void> {
      await kysely.deleteFrom('mfa_failures').where('user_id', '=', user_id).execute();
    },
  };
}
