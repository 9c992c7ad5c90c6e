// Limits tables that can be filled without logging in: rows per network, and rows in total, beyond
// which untouched rows of the busiest networks are deleted first. Tables of failures have only the
// second limit.
import { type RawBuilder, sql } from 'kysely';
import type { RowQuota } from '../domain/row_quota.ts';
import type { Database } from '../postgres/database.ts';

/** Maximum rows; with `TRIM_EVERY` rows on each of ten replicas, 100,000. */
const MAX_ROWS = 99_000;
/** Counting is expensive, so a process counts before its first row and then at this interval. */
const TRIM_EVERY = 100;
/** Maximum rows deleted per statement, which bounds its time. */
const MAX_TRIMMED = 5000;

interface Limited {
  /** The column of the network. */
  network: string;
  /** Rows that count against the network's limit: those still usable. */
  counted: string;
  /** Rows that may be replaced for a network that must not be refused. */
  replaceable: string;
  /** Rows deleted last. */
  in_use: string;
}

/** Conditions per table. A flow's version is no criterion, since anybody can advance a flow. */
const LIMITED = {
  login_flows: { network: 'network', counted: 'true', replaceable: 'typed_at is null', in_use: 'typed_at is not null' },
  pushed_authorization_requests: { network: 'network', counted: 'used_at is null', replaceable: 'true', in_use: 'used_at is null' },
  device_codes: {
    network: 'remote_address',
    counted: "status in ('pending', 'approved')",
    replaceable: "status = 'pending' and claimed_sid is null",
    in_use: "status = 'approved' or (status = 'pending' and claimed_sid is not null)",
  },
} as const satisfies Record<string, Limited>;

/** By table, the order of deletion. */
const TRIMMED = {
  ...{ login_flows: oldest(LIMITED.login_flows), device_codes: oldest(LIMITED.device_codes) },
  pushed_authorization_requests: oldest(LIMITED.pushed_authorization_requests),
  // An address adds a row per guessed name. Deleting one forgives a failure that 100,000 others
  // followed.
  failed_logins: sql`last_failed_at`,
  // The failures of a ban stay, and refuse the address's guesses.
  ip_bans: sql`expires_at`,
} as const;

export type LimitedTable = keyof typeof LIMITED;
export type TrimmedTable = keyof typeof TRIMMED;

/** The tables with such a limit. */
export const LIMITED_TABLES = Object.keys(LIMITED) as LimitedTable[];

export interface RowLimit {
  /** For the WHERE of the INSERT: whether the network may have another row at `now`. */
  admits(quota: RowQuota, now: Date): RawBuilder<boolean>;
  /** Makes room for a row; await it before each INSERT. */
  makeRoom(): Promise<void>;
}

export function createRowLimit(database: Pick<Database, 'kysely'>, table: LimitedTable): RowLimit {
  const { network: column, counted, replaceable } = LIMITED[table];
  const [of, count, replaced] = [sql.lit(table), sql`${sql.lit(column)}, ${sql.lit(counted)}`, sql.lit(replaceable)];
  return {
    admits: ({ network, max, replaces_oldest }, now) =>
      sql<boolean>`row_admitted(${of}, ${count}, ${replaces_oldest ? replaced : sql`null`}, ${network}, ${max}::integer, ${now})`,
    makeRoom: createRowTrimmer(database, table),
  };
}

/** Makes room for a row; await it before each INSERT. */
export function createRowTrimmer({ kysely }: Pick<Database, 'kysely'>, table: TrimmedTable): () => Promise<void> {
  const rows = sql.table(table);
  let stored = 0;
  return async () => {
    if (stored++ % TRIM_EVERY !== 0) return;
    await sql`delete from ${rows} where ctid = any(array(
      select ctid from ${rows} where ctid = any(array(
        select ctid from ${rows} order by ${TRIMMED[table]}
        limit least(greatest((select count(*) from ${rows}) - ${sql.lit(MAX_ROWS)}, 0), ${sql.lit(MAX_TRIMMED)})))
      for update skip locked))`.execute(kysely);
  };
}

/** Ordered so that networks with many rows lose theirs before others lose their only one. */
function oldest({ in_use, network }: Limited): RawBuilder<unknown> {
  return sql`${sql.raw(in_use)}, row_number() over (partition by ${sql.ref(network)} order by created_at desc) desc, created_at`;
}
