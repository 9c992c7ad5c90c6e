// Which database the configuration names, and how the server gets in.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../src/open_database.ts';
import { migrationStatus } from '../src/repository/migrate.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { testConfig } from './support/server.ts';

let db: TestDatabase;
/** Of the same database, with a password that is none of its. */
let database_url: string;

beforeAll(async () => {
  db = await createTestDatabase();
  const { host, port, user, database } = db.connection;
  database_url = `postgres://${encodeURIComponent(user)}:wrong@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
});
afterAll(() => db.close());

async function open(config: Record<string, unknown>) {
  return await openDatabase(await testConfig(config), { log: { info: () => {} }, join: false, on_error: () => {} });
}

describe('a database of one’s own', () => {
  it('is opened with the password that stands apart from its URL', async () => {
    const { database, close } = await open({ database_url, database: { password: db.connection.password } });
    await database.ping();
    expect(await migrationStatus(database)).toMatchObject({ pending: [] });
    await close();
  });

  it('stays closed to another one', async () => {
    const { database, close } = await open({ database_url });
    await expect(database.ping()).rejects.toMatchObject({ code: 'unavailable' });
    await close();
  });
});
