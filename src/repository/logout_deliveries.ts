// Logout tokens on their way to clients. Whoever takes one sets its next attempt in the same statement: a process that dies with it in hand
// loses nothing, and no two processes have the same one.
import { sql } from 'kysely';
import type { Database } from '../postgres/database.ts';

export interface LogoutDelivery {
  /** Names the logout token in every attempt. */
  jti: string;
  client_id: string;
  user_id: string;
  sid: string;
  /** The one under way included. */
  attempts: number;
}

export type LogoutDeliveryRepository = ReturnType<typeof createLogoutDeliveryRepository>;

export function createLogoutDeliveryRepository({ kysely }: Pick<Database, 'kysely'>) {
  return {
    /** Takes what is due, oldest first. `waits`: seconds until the next attempt after the first, the second, …; the last one goes on. */
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

    /** Delivered, or given up. */
    async settle(jti: string): Promise<void> {
      await kysely.deleteFrom('logout_deliveries').where('jti', '=', jti).execute();
    },
  };
}
