// Limits on tables that anybody can fill without logging in: a number of rows for one network, which is
// refused beyond it, and one for all, beyond which the oldest rows that nobody has typed into are deleted.
import { type RawBuilder, sql } from 'kysely';
import type { Database } from './database.ts';

/** Rows of one kind that one IPv4 address or one IPv6 /64 may have at a time. */
const MAX_OF_NETWORK = 100;
/** Rows of one kind at a time; together with `TRIM_EVERY` rows of each of ten replicas 100,000. */
const MAX_ROWS = 99_000;
/** Counting is dear, so a process counts before the first row that it stores and then once in so many. */
const TRIM_EVERY = 100;
/** Rows deleted by one statement at most, so that it ends in time. */
const MAX_TRIMMED = 5000;

/** By table: the column of the network, and which rows are deleted last. */
const LIMITED = {
  login_flows: { network: 'network', in_use: sql`typed_at is not null or version > 0` },
  pushed_authorization_requests: { network: 'network', in_use: sql`used_at is null` },
  device_codes: { network: 'remote_address', in_use: sql`claimed_sid is not null or status <> 'pending'` },
} as const;

export type LimitedTable = keyof typeof LIMITED;

/** The tables that have such a limit. */
export const LIMITED_TABLES = Object.keys(LIMITED) as LimitedTable[];

export interface RowLimit {
  /** For the WHERE of the INSERT: whether the network may have one more row at `now`. */
  admits(network: string, now: Date): RawBuilder<boolean>;
  /** Makes room for a row; to be awaited before each INSERT. */
  makeRoom(): Promise<void>;
}

export function createRowLimit({ kysely }: Pick<Database, 'kysely'>, table: LimitedTable): RowLimit {
  const { network: column, in_use } = LIMITED[table];
  let stored = 0;
  return {
    admits: (network, now) =>
      sql<boolean>`row_admitted(${sql.lit(table)}, ${sql.lit(column)}, ${network}, ${sql.lit(MAX_OF_NETWORK)}, ${now})`,

    async makeRoom() {
      if (stored++ % TRIM_EVERY !== 0) return;
      const rows = sql.table(table);
      await sql`delete from ${rows} where ctid = any(array(
        select ctid from ${rows} order by ${in_use}, created_at
        limit least(greatest((select count(*) from ${rows}) - ${sql.lit(MAX_ROWS)}, 0), ${sql.lit(MAX_TRIMMED)})
        for update skip locked))`.execute(kysely);
    },
  };
}
