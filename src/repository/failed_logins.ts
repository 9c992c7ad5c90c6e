// Failed logins per address and name; written on failure only. A row counts failures since its
// start, if that is after `since`.
import { sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import { createRowTrimmer } from './row_limits.ts';

export type FailedLoginRepository = ReturnType<typeof createFailedLoginRepository>;

/** An address and a name: `subject` is the name's SHA-256, or empty. */
interface Pair {
  address: string;
  subject: Buffer;
}

/** The counts that decide whether a guess is allowed. */
export interface AttemptCounts {
  /** Failures of the address at any name. */
  of_address: number;
  /** Failures of the address at that name. */
  of_pair: number;
  /** Recent failures at that name from everywhere. */
  at_subject: number;
  subject_failed_at: Date | null;
}

interface Failure extends Pair {
  now: Date;
  since: Date;
}

/** Failures of a pair waiting for a running statement; added together afterwards. */
interface Waiting {
  latest: Failure;
  failures: number;
  total: Promise<number>;
}

export function createFailedLoginRepository(database: Pick<Database, 'kysely'>) {
  const { kysely } = database;
  const makeRoom = createRowTrimmer(database, 'failed_logins');
  /** Running statements by pair: one at a time, so that a flood occupies one connection. */
  const busy = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, Waiting>();

  async function addAll({ address, subject, now, since }: Failure, failures: number): Promise<number> {
    await makeRoom();
    const began = sql<boolean>`failed_logins.first_failed_at > ${since}`;
    const counted = await kysely
      .with('counted', (db) =>
        db
          .insertInto('failed_logins')
          .values({ address, subject, failures, first_failed_at: now, last_failed_at: now })
          .onConflict((oc) =>
            oc.columns(['address', 'subject']).doUpdateSet({
              failures: sql`case when ${began} then failed_logins.failures else 0 end + excluded.failures`,
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
  }

  /** Starts a statement for an idle pair; later failures wait for it and share the next. */
  function start(key: string, failure: Failure, failures: number): Promise<number> {
    const added = addAll(failure, failures);
    const over = added.then(
      () => {},
      () => {},
    );
    busy.set(key, over);
    void over.then(() => {
      if (!waiting.has(key)) busy.delete(key);
    });
    return added;
  }

  return {
    /** The counts for an address and a name; `lately`: start of the window for the name. */
    async standing({ address, subject, since, lately }: Pair & { since: Date; lately: Date }): Promise<AttemptCounts> {
      const mine = sql`address = ${address} and first_failed_at > ${since}`;
      const theirs = sql`subject = ${subject} and last_failed_at > ${lately}`;
      const { rows } = await sql<AttemptCounts>`
        select coalesce(sum(failures) filter (where ${mine}), 0)::int as of_address,
               coalesce(sum(failures) filter (where ${mine} and subject = ${subject}), 0)::int as of_pair,
               coalesce(sum(failures) filter (where ${theirs}), 0)::int as at_subject,
               max(last_failed_at) filter (where ${theirs}) as subject_failed_at
        from failed_logins where address = ${address} or (${theirs})`.execute(kysely);
      return rows[0] ?? { of_address: 0, of_pair: 0, at_subject: 0, subject_failed_at: null };
    },

    /** Counts a failure; returns the address's total, parallel calls included. */
    add(failure: Failure): Promise<number> {
      const key = `${failure.address} ${failure.subject.toString('hex')}`;
      const before = busy.get(key);
      if (!before) return start(key, failure, 1);
      const joined = waiting.get(key);
      if (joined) {
        joined.failures += 1;
        joined.latest = failure;
        return joined.total;
      }
      const first: Waiting = { latest: failure, failures: 1, total: Promise.resolve(0) };
      first.total = before.then(() => {
        waiting.delete(key);
        return start(key, first.latest, first.failures);
      });
      waiting.set(key, first);
      return first.total;
    },

    /** Clears the failures of one address at one name. */
    async clear({ address, subject }: Pair): Promise<void> {
      await kysely.deleteFrom('failed_logins').where('address', '=', address).where('subject', '=', subject).execute();
    },
  };
}
