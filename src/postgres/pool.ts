// Connections on loan, to Kysely and to prepared queries alike. Called by database.ts.
// No wait is without end, a lost database becomes a 503, and no dead connection goes back into the pool.
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { CONNECT_TIMEOUT_MS, type ConnectionOptions, connectionConfig } from './connection.ts';
import { databaseError, databaseUnavailable, isConflict, isConnectionLost, isStalePlan, refusesConnection } from './database_errors.ts';
import { runPipelined, type SqlStatement } from './pipelined_query.ts';

const CONNECT_RETRY_MS = 200;
/** A statement, the wait for a connection included: its error is answered within the 5 s a request has. */
const TRIP_MS = 4_000;
/** However long the wait for the connection was. */
const LEAST_QUERY_MS = 500;

export interface PoolOptions extends ConnectionOptions {
  /** Where connections of one's own go, past a pooler in transaction mode. Absent: where all others go. */
  direct_connection?: ConnectionOptions['connection'] | undefined;
  /** The most connections at a time. Default 10. */
  pool_size?: number | undefined;
  /**
   * False behind a pooler in transaction mode: statements get no names and connections no settings of their own,
   * so the role should carry `statement_timeout`, `lock_timeout` and `idle_in_transaction_session_timeout`. Default true.
   */
  prepared_statements?: boolean | undefined;
  /** Told of a connection that died while nobody used it. */
  on_error: (error: Error) => void;
}

/** A pool whose lost connections never end the process. */
export function createPool(options: PoolOptions): pg.Pool {
  const limits = { statement_timeout: TRIP_MS, lock_timeout: 2_000, idle_in_transaction_session_timeout: 10_000 };
  const pool = new pg.Pool({
    ...connectionConfig(options),
    ...(options.prepared_statements !== false && limits),
    // The same limit on our side: a peer that is gone sends no timeout.
    query_timeout: limits.statement_timeout,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    max: options.pool_size ?? 10,
  });
  pool.on('error', options.on_error);
  pool.on('connect', (client) => {
    // Without a listener, a connection that dies while it is lent out would end the process; whoever borrowed it fails anyway.
    client.on('error', () => {});
    // Left to choose, PostgreSQL plans statements such as a rotation anew each time: a rotation then takes twice as long.
    if (options.prepared_statements !== false) client.query('set plan_cache_mode = force_generic_plan').catch(() => {});
  });
  return pool;
}

/**
 * A connection on loan, which is given up instead of given back when it proved dead. Kysely uses these too. `onError` is told of each error as the
 * database worded it.
 */
export async function withConnection(pool: pg.Pool, onError: (error: unknown) => void) {
  const asked = performance.now();
  const client = await connect(pool);
  /** Of each query, so that whoever waited for the connection is answered as soon as others. */
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

    /** Many runs in one transaction. Throws `unavailable` when they may have happened, and anything else when they did not. */
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
