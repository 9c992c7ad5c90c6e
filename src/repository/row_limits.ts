// Limits on tables that anybody can fill without logging in: a number of rows for one network, and one for
// all, beyond which rows that nobody has typed into are deleted, of the networks that have most of them first.
// Tables that hold what somebody did wrong have the second limit alone: the one for all.
import { type RawBuilder, sql } from 'kysely';
import type { RowQuota } from '../domain/row_quota.ts';
import type { Database } from '../postgres/database.ts';

/** Rows of one kind at a time; together with `TRIM_EVERY` rows of each of ten replicas 100,000. */
const MAX_ROWS = 99_000;
/** Counting is dear, so a process counts before the first row that it stores and then once in so many. */
const TRIM_EVERY = 100;
/** Rows deleted by one statement at most, so that it ends in time. */
const MAX_TRIMMED = 5000;

interface Limited {
  /** The column of the network. */
  network: string;
  /** Which rows count against the limit of their network: those that still can be used. */
  counted: string;
  /** Which of those make room for others of a network that nobody may be refused for. */
  replaceable: string;
  /** Which rows are deleted last. */
  in_use: string;
}

/** By table, as conditions on its columns. What a flow's version tells is no use: anybody can advance one by coming back to it. */
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
  admits(quota: RowQuota, now: Date): RawBuilder<boolean>;
  /** Makes room for a row; to be awaited before each INSERT. */
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

/** Makes room for a row; to be awaited before each INSERT. */
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

/** A network's newest row is its first, so that who has many loses them before anybody loses their only one. */
function oldest({ in_use, network }: Limited): RawBuilder<unknown> {
  return sql`${sql.raw(in_use)}, row_number() over (partition by ${sql.ref(network)} order by created_at desc) desc, created_at`;
}
