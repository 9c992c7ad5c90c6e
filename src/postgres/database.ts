// The pool, Kysely on top of it, and prepared hot queries. Everything in repository/ queries
// through it.
import { setTimeout as pause } from 'node:timers/promises';
import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import type { ConnectionOptions } from './connection.ts';
import { databaseUnavailable, isConflict, isStalePlan } from './database_errors.ts';
import { createDiskSpace, DISK_PROBE } from './disk_space.ts';
import type { SqlStatement } from './pipelined_query.ts';
import { createPool, type PoolOptions, withConnection } from './pool.ts';
import { type BuildQuery, prepareQuery } from './prepared_query.ts';
import { createQueryBatcher } from './query_batcher.ts';
import type { Schema } from './schema.ts';

const PING_TIMEOUT_MS = 1_000;
/** Time for the conflicting transaction to finish. */
const CONFLICT_PAUSE_MS = 50;

/** The database, and the address of direct connections. */
export interface Database extends ConnectionOptions {
  /**
   * For queries that are not hot, and for building hot ones. A lost database causes `unavailable`.
   */
  kysely: Kysely<Schema>;
  /**
   * Compiles a query once and runs it as a prepared statement of that name. Pass lists as `=
   * any(${p.ids})`, jsonb arrays as JSON text.
   */
  prepare<Values extends object, Row>(name: string, build: BuildQuery<Values, Row>): (values: Values) => Promise<Row[]>;
  /**
   * The same for hot queries: runs in the same tick are batched into one round trip and one
   * transaction, in `order` if they lock rows.
   */
  prepareBatched<Values extends object, Row>(
    name: string,
    build: BuildQuery<Values, Row>,
    order?: (values: Values) => string,
  ): (values: Values) => Promise<Row[]>;
  /** Runs `work` in a transaction; repeats it once after a conflict with another one. */
  transaction<T>(work: (trx: Kysely<Schema>) => Promise<T>): Promise<T>;
  /**
   * Resolves if the database answers within a second, accepts writes and has disk space; else
   * throws `unavailable`.
   */
  ping(): Promise<void>;
  poolCounters(): { total: number; idle: number; waiting: number };
  /** Waits for running queries, then closes every connection. */
  close(): Promise<void>;
}

export function createDatabase(options: PoolOptions): Database {
  const { connection, direct_connection, tls, application_name, prepared_statements = true } = options;
  // pg reports its pool as ended while the last connections still close; errors of a server that
  // stops at that moment are ignored.
  const on_error = (error: Error) => {
    if (!closing) options.on_error(error);
  };
  const pool = createPool({ ...options, on_error });
  const disk = createDiskSpace(() => run({ text: DISK_PROBE }));
  const borrow = () => withConnection(pool, disk.note);
  // Kysely's type includes cursors, which it uses only if given a class for them.
  const connect = async () => (await borrow()) as unknown as PostgresPoolClient;
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: { connect, end: async () => {} } }) });
  const texts = new Map<string, string>();
  let closing: Promise<void> | undefined;

  async function run(query: pg.QueryConfig): Promise<pg.QueryResult> {
    const leased = await borrow();
    try {
      return await leased.query(query);
    } finally {
      leased.release();
    }
  }

  async function runMany<Row>(statement: SqlStatement, runs: readonly unknown[][]): Promise<Row[][]> {
    const leased = await borrow();
    try {
      return (await leased.queryMany(statement, runs)) as Row[][];
    } finally {
      leased.release();
    }
  }

  function prepare<Values extends object, Row>(name: string, build: BuildQuery<Values, Row>) {
    const { text, parameters } = prepareQuery(kysely, build);
    if ((texts.get(name) ?? text) !== text) throw new Error(`Two different queries are called ${name}`);
    texts.set(name, text);
    const statement = prepared_statements ? { name, text } : { text };
    return {
      async runOne(input: Values): Promise<Row[]> {
        const values = parameters(input);
        try {
          return (await run({ ...statement, values })).rows;
        } catch (error) {
          if (isStalePlan(error)) return (await run({ text, values })).rows;
          throw error;
        }
      },
      runAll: (all: readonly Values[]) => runMany<Row>(statement, all.map(parameters)),
    };
  }

  async function once<T>(work: (trx: Kysely<Schema>) => Promise<T>): Promise<T> {
    return await kysely.transaction().execute(work);
  }

  return {
    connection: direct_connection ?? connection,
    tls,
    application_name,
    kysely,
    prepare: (name, build) => prepare(name, build).runOne,
    prepareBatched: (name, build, order) => createQueryBatcher({ ...prepare(name, build), ...(order && { order }) }),
    transaction: (work) =>
      once(work).catch(async (error) => {
        if (!isConflict(error)) throw error;
        // An immediate retry could take the same rows before the waiting transaction continues.
        await pause(CONFLICT_PAUSE_MS);
        return await once(work);
      }),
    ping: () => inTime(run({ text: `select current_setting('transaction_read_only') as read_only` }).then(refuseReadOnly).then(disk.check)),
    poolCounters: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close() {
      closing ??= pool.end();
      return closing;
    },
  };
}

function refuseReadOnly({ rows }: pg.QueryResult<{ read_only: string }>): void {
  if (rows[0]?.read_only === 'on') throw databaseUnavailable(new Error('the database is read-only'));
}

async function inTime(answer: Promise<void>): Promise<void> {
  const timeout = new AbortController();
  const late = pause(PING_TIMEOUT_MS, 'late' as const, { signal: timeout.signal });
  try {
    if ((await Promise.race([answer, late])) === 'late') throw databaseUnavailable(new Error('no answer within a second'));
  } finally {
    timeout.abort();
    late.catch(() => {});
    answer.catch(() => {});
  }
}
