// Failed logins by address and by whom they were aimed at; written on failure only. What a row counts began after `since` or counts no more.
import { sql } from 'kysely';
import type { Database } from './database.ts';

export type FailedLogins = ReturnType<typeof createFailedLogins>;

/** One address and one name: `subject` is the name's SHA-256, empty where nobody was named. */
interface Pair {
  address: string;
  subject: Buffer;
}

/** What decides whether a guess may be looked at. */
export interface Standing {
  /** Failures of the address, whoever they were aimed at. */
  of_address: number;
  /** Failures of the address at that name. */
  of_pair: number;
  /** Lately failed guesses at that name, from everywhere. */
  at_subject: number;
  subject_failed_at: Date | null;
}

export function createFailedLogins(database: Database) {
  const { kysely } = database;
  return {
    /** How an address and a name stand; `lately` is from when guesses at the name are counted. */
    async standing({ address, subject, since, lately }: Pair & { since: Date; lately: Date }): Promise<Standing> {
      const mine = sql`address = ${address} and first_failed_at > ${since}`;
      const theirs = sql`subject = ${subject} and last_failed_at > ${lately}`;
      const { rows } = await sql<Standing>`
        select coalesce(sum(failures) filter (where ${mine}), 0)::int as of_address,
               coalesce(sum(failures) filter (where ${mine} and subject = ${subject}), 0)::int as of_pair,
               coalesce(sum(failures) filter (where ${theirs}), 0)::int as at_subject,
               max(last_failed_at) filter (where ${theirs}) as subject_failed_at
        from failed_logins where address = ${address} or (${theirs})`.execute(kysely);
      return rows[0] ?? { of_address: 0, of_pair: 0, at_subject: 0, subject_failed_at: null };
    },

    /** Counts one failure; answers how many the address has now. */
    async add({ address, subject, now, since }: Pair & { now: Date; since: Date }): Promise<number> {
      const began = sql<boolean>`failed_logins.first_failed_at > ${since}`;
      const counted = await kysely
        .with('counted', (db) =>
          db
            .insertInto('failed_logins')
            .values({ address, subject, failures: 1, first_failed_at: now, last_failed_at: now })
            .onConflict((oc) =>
              oc.columns(['address', 'subject']).doUpdateSet({
                failures: sql`case when ${began} then failed_logins.failures + 1 else 1 end`,
                first_failed_at: sql`case when ${began} then failed_logins.first_failed_at else excluded.first_failed_at end`,
                last_failed_at: sql`greatest(failed_logins.last_failed_at, excluded.last_failed_at)`,
              }),
            )
            .returning('failures'),
        )
        .selectFrom('counted')
        .leftJoin('failed_logins as other', (join) =>
          join.on('other.address', '=', address).on('other.subject', '<>', subject).on('other.first_failed_at', '>', since),
        )
        .select((eb) => sql<number>`(counted.failures + coalesce(${eb.fn.sum('other.failures')}, 0))::int`.as('failures'))
        .groupBy('counted.failures')
        .executeTakeFirstOrThrow();
      return counted.failures;
    },

    /** Forgets the failures of one address at one name, and no others. */
    async clear({ address, subject }: Pair): Promise<void> {
      await kysely.deleteFrom('failed_logins').where('address', '=', address).where('subject', '=', subject).execute();
    },
  };
}
