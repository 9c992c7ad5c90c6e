// The connection pool for Kysely and prepared queries. Every wait is bounded, a lost database
// becomes a 503, and broken connections are discarded.
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { CONNECT_TIMEOUT_MS, type ConnectionOptions, connectionConfig } from './connection.ts';
import { databaseError, databaseUnavailable, isConflict, isConnectionLost, isStalePlan, refusesConnection } from './database_errors.ts';
import { runPipelined, type SqlStatement } from './pipelined_query.ts';

const CONNECT_RETRY_MS = 200;
/**
 * Milliseconds for a statement including the wait for a connection, within the 5 s of a request.
 */
const TRIP_MS = 4_000;
/** Minimum time for the statement after the wait. */
const LEAST_QUERY_MS = 500;

export interface PoolOptions extends ConnectionOptions {
  /** The address of direct connections, bypassing a transaction pooler. Default: the same. */
  direct_connection?: ConnectionOptions['connection'] | undefined;
  /** Maximum connections. Default 10. */
  pool_size?: number | undefined;
  /**
   * False behind a transaction pooler: no named statements and no connection settings, so the role
   * should set `statement_timeout`, `lock_timeout` and `idle_in_transaction_session_timeout`.
   * Default true.
   */
  prepared_statements?: boolean | undefined;
  /** Called when an idle connection is lost. */
  on_error: (error: Error) => void;
}

/** Creates a pool whose lost connections never end the process. */
export function createPool(options: PoolOptions): pg.Pool {
  const limits = { statement_timeout: TRIP_MS, lock_timeout: 2_000, idle_in_transaction_session_timeout: 10_000 };
  const pool = new pg.Pool({
    ...connectionConfig(options),
    ...(options.prepared_statements !== false && limits),
    // Also limited on our side: a lost peer sends no timeout.
    query_timeout: limits.statement_timeout,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    max: options.pool_size ?? 10,
  });
  pool.on('error', options.on_error);
  pool.on('connect', (client) => {
    // An unhandled error of a borrowed connection would end the process; its user gets the error
    // anyway.
    client.on('error', () => {});
    // With the automatic choice PostgreSQL plans statements such as a rotation each time, which
    // doubles their time.
    if (options.prepared_statements !== false) client.query('set plan_cache_mode = force_generic_plan').catch(() => {});
  });
  return pool;
}

/**
 * Lends a connection, and discards it if it proved broken. Also used by Kysely. `onError` receives
 * every original error.
 */
export async function withConnection(pool: pg.Pool, onError: (error: unknown) => void) {
  const asked = performance.now();
  const client = await connect(pool);
  /** Per query, so that the wait for a connection counts. */
  const query_timeout = Math.max(TRIP_MS - (performance.now() - asked), LEAST_QUERY_MS);
  let in_transaction = false;
  let broken: Error | undefined;

  async function attempt<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    if (broken) throw broken;
    try {
      return await ask();
    } catch (error) {
      if (error instanceof Error && (isConnectionLost(error) || isStalePlan(error))) broken = error;
      onError(error);
      throw error;
    }
  }

  return {
    async query(query: string | pg.QueryConfig, values?: readonly unknown[]): Promise<pg.QueryResult> {
      in_transaction ||= typeof query === 'string' && /^(begin|start transaction)/.test(query);
      const asking: pg.QueryConfig & { query_timeout?: number } = typeof query === 'string' ? { text: query } : query;
      if (values) asking.values = [...values];
      asking.query_timeout = query_timeout;
      const ask = () => client.query(asking);
      try {
        return await attempt(ask);
      } catch (error) {
        if (isConflict(error) && !in_transaction) return await attempt(ask).catch(rethrow);
        throw databaseError(error);
      }
    },

    /**
     * Many runs in one transaction. Throws `unavailable` if they may have been committed, other
     * errors if not.
     */
    async queryMany(statement: SqlStatement, runs: readonly unknown[][]): Promise<Record<string, unknown>[][]> {
      try {
        return await attempt(() => runPipelined(client, statement, runs, query_timeout));
      } catch (error) {
        throw isConnectionLost(error) ? databaseUnavailable(error) : error;
      }
    },
    release: () => client.release(broken),
  };
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    if (!refusesConnection(error)) throw databaseUnavailable(error);
    await pause(CONNECT_RETRY_MS);
    return await pool.connect().catch((error) => {
      throw databaseUnavailable(error);
    });
  }
}

function rethrow(error: unknown): never {
  throw databaseError(error);
}
