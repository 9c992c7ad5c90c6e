// A fresh, migrated database for each test file: a copy of a template that is migrated once per state of migrations/.
import { createHash, randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { openConnection } from '../../src/postgres/connection.ts';
import { createDatabase, type Database } from '../../src/postgres/database.ts';
import { migrate } from '../../src/postgres/migrations/migrate.ts';
import { DEFAULT_FOLDER, readMigrations } from '../../src/postgres/migrations/migration_files.ts';
import type { PoolOptions } from '../../src/postgres/pool.ts';
import type { AdminConnection } from './global_setup.ts';

export interface TestDatabase {
  database: Database;
  /** Where it is, for `createDatabase`, a process of its own, or a URL. */
  connection: AdminConnection;
  close(): Promise<void>;
}

/** A migrated database of one's own; `options` go to `createDatabase`. */
export async function createTestDatabase(options: Partial<PoolOptions> = {}): Promise<TestDatabase> {
  const { connection, drop } = await createCopy(await migratedTemplate());
  const database = createDatabase({ connection, on_error: () => {}, ...options });
  const close = async () => {
    await database.close();
    await drop();
  };
  return { database, connection, close };
}

/** A database without any tables, for the tests of migrations. */
export async function createEmptyDatabase(): Promise<{ connection: AdminConnection; drop(): Promise<void> }> {
  return await createCopy('template0');
}

async function createCopy(template: string) {
  const database = `latchkey_test_${randomBytes(8).toString('hex')}`;
  await onServer(`create database ${database} template ${template}`);
  return {
    connection: { ...inject('admin'), database },
    drop: () => onServer(`drop database if exists ${database} with (force)`),
  };
}

/** The template's name; makes it first when nobody has. It gets its name last, so a half-made one is never copied. */
async function migratedTemplate(): Promise<string> {
  const migrations = await readMigrations(DEFAULT_FOLDER);
  const state = createHash('sha256').update(migrations.map(({ name, checksum }) => `${name}:${checksum}`).join());
  const template = `latchkey_template_${state.digest('hex').slice(0, 12)}`;
  const client = await openConnection({ connection: inject('admin') });
  try {
    await client.query(`select pg_advisory_lock(hashtext('latchkey_template'))`);
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [template]);
    if (rowCount === 0) {
      const { connection } = await createCopy('template0');
      await migrate({ connection });
      await client.query(`alter database ${connection.database} rename to ${template}`);
    }
  } finally {
    await client.end();
  }
  return template;
}

async function onServer(statement: string): Promise<void> {
  const client = await openConnection({ connection: inject('admin') });
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
