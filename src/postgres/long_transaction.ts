// A transaction for rare bulk work: on a direct connection, without the pool's time limits.
import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import { type ConnectionOptions, openConnection } from './connection.ts';
import { databaseError, isConflict } from './database_errors.ts';
import type { Schema } from './schema.ts';

/**
 * Runs `work` in a transaction; repeats it once after a conflict with another one. Throws
 * `unavailable` as the pool does.
 */
export async function longTransaction<T>(source: ConnectionOptions, work: (trx: Kysely<Schema>) => Promise<T>): Promise<T> {
  const client = await openConnection(source);
  const once = () => over(client).transaction().execute(work);
  try {
    return await once().catch((error: unknown) => {
      if (isConflict(error)) return once();
      throw error;
    });
  } catch (error) {
    throw databaseError(error);
  } finally {
    await client.end();
  }
}

function over(client: pg.Client): Kysely<Schema> {
  const connection = { query: client.query.bind(client), release: () => {} };
  // Kysely's type includes cursors, which it uses only if given a class for them.
  const pool = { connect: async () => connection as unknown as PostgresPoolClient, end: async () => {} };
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}
