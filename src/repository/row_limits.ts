// Limits on tables that anybody can fill without logging in: a number of rows for one network, which is
// refused beyond it, and one for all, beyond which the oldest rows that nobody has typed into are deleted.
// Tables that hold what somebody did wrong have the second limit alone: the one for all.
import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../postgres/database.ts';

/** Rows of one kind that one IPv4 address or one IPv6 /64 may have at a time. */
export const MAX_OF_NETWORK = 100;
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

/** By table: which rows are deleted first. */
const TRIMMED = {
  ...{ login_flows: oldest(LIMITED.login_flows), device_codes: oldest(LIMITED.device_codes) },
  pushed_authorization_requests: oldest(LIMITED.pushed_authorization_requests),
  // An address adds a row for each name that it guesses at. Deleting one frees a guess only of a failure that 100,000 others came after.
  failed_logins: sql`last_failed_at`,
  // The failures behind a ban stay, and refuse what the address guesses.
  ip_bans: sql`expires_at`,
} as const;

export type LimitedTable = keyof typeof LIMITED;
export type TrimmedTable = keyof typeof TRIMMED;

/** The tables that have such a limit. */
export const LIMITED_TABLES = Object.keys(LIMITED) as LimitedTable[];

export interface RowLimit {
  /** For the WHERE of the INSERT: whether the network may have one more row at `now`. */
  admits(network: string, now: Date): RawBuilder<boolean>;
  /** Makes room for a row; to be awaited before each INSERT. */
  makeRoom(): Promise<void>;
}

export function createRowLimit(database: Pick<Database, 'kysely'>, table: LimitedTable): RowLimit {
  const { network: column } = LIMITED[table];
  return {
    admits: (network, now) =>
      sql<boolean>`row_admitted(${sql.lit(table)}, ${sql.lit(column)}, ${network}, ${sql.lit(MAX_OF_NETWORK)}, ${now})`,
    makeRoom: createTrim(database, table),
  };
}

/** Makes room for a row; to be awaited before each INSERT. */
export function createTrim({ kysely }: Pick<Database, 'kysely'>, table: TrimmedTable): () => Promise<void> {
  const rows = sql.table(table);
  let stored = 0;
  return async () => {
    if (stored++ % TRIM_EVERY !== 0) return;
    await sql`delete from ${rows} where ctid = any(array(
      select ctid from ${rows} order by ${TRIMMED[table]}
      limit least(greatest((select count(*) from ${rows}) - ${sql.lit(MAX_ROWS)}, 0), ${sql.lit(MAX_TRIMMED)})
      for update skip locked))`.execute(kysely);
  };
}

function oldest({ in_use }: { in_use: RawBuilder<unknown> }): RawBuilder<unknown> {
  return sql`${in_use}, created_at`;
}
