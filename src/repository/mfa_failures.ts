// The table `mfa_failures`: guesses at a user's second factor over all flows. A guess is counted
// before it is checked, so parallel ones cannot evade the limit; success clears the count.
import { sql } from 'kysely';
import { addSeconds } from '../domain/clock.ts';
import type { Database } from '../postgres/database.ts';

export type MfaFailureRepository = ReturnType<typeof createMfaFailureRepository>;

/** Maximum guesses within the window; afterwards none is checked for as long. */
export const MFA_FAILURE_LIMIT = 10;
const WINDOW = 15 * 60;

export function createMfaFailureRepository({ kysely }: Pick<Database, 'kysely'>) {
  return {
    /**
     * Counts a guess and returns the count; null if the limit is exceeded and the guess must not be
     * checked.
     */
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

    /** Clears the count. */
    async clear(user_id: string): Promise<void> {
      await kysely.deleteFrom('mfa_failures').where('user_id', '=', user_id).execute();
    },
  };
}
