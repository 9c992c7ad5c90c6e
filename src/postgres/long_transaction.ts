// A transaction for the rare work that touches everything: on a connection of its own, without the pool's limits on time.
import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import { type ConnectionOptions, openConnection } from './connection.ts';
import { databaseError, isConflict } from './database_errors.ts';
import type { Schema } from './schema.ts';

/** All or nothing. `work` may run twice, when another transaction was in the way of the first. Throws `unavailable` as the pool does. */
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
  // Kysely's type also knows cursors, which it never uses unless it was given a class for them.
  const pool = { connect: async () => connection as unknown as PostgresPoolClient, end: async () => {} };
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}
