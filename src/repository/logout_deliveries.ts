// The queue of logout tokens. Taking one schedules its next attempt in the same statement, so a
// crash loses none and no two processes take the same.
import { sql } from 'kysely';
import type { Database } from '../postgres/database.ts';

export interface LogoutDelivery {
  /** The `jti` of the logout token in every attempt. */
  jti: string;
  client_id: string;
  user_id: string;
  sid: string;
  /** Including the current one. */
  attempts: number;
}

export type LogoutDeliveryRepository = ReturnType<typeof createLogoutDeliveryRepository>;

export function createLogoutDeliveryRepository({ kysely }: Pick<Database, 'kysely'>) {
  return {
    /**
     * Takes due deliveries, oldest first. `waits`: seconds until the next attempt, by number of
     * attempts; the last value repeats.
     */
    async take({ now, limit, waits }: { now: Date; limit: number; waits: readonly number[] }): Promise<LogoutDelivery[]> {
      const { rows } = await sql<LogoutDelivery>`
        with due as (
          select jti from logout_deliveries where next_attempt_at <= ${now} order by next_attempt_at limit ${limit} for update skip locked
        )
        update logout_deliveries d set attempts = d.attempts + 1, next_attempt_at = ${now}::timestamptz
          + (${waits}::int[])[least(d.attempts + 1, cardinality(${waits}::int[]))] * interval '1 second'
        from due where d.jti = due.jti
        returning d.jti, d.client_id, d.user_id, d.sid, d.attempts`.execute(kysely);
      return rows;
    },

    /** Removes a delivery that succeeded or was given up. */
    async settle(jti: string): Promise<void> {
      await kysely.deleteFrom('logout_deliveries').where('jti', '=', jti).execute();
    },
  };
}
