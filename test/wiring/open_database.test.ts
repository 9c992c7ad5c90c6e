// Which database the configuration names, and how the server gets in.
import { sql } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { longTransaction } from '../../src/postgres/long_transaction.ts';
import { migrate, migrationStatus } from '../../src/postgres/migrations/migrate.ts';
import { withMigrationLock } from '../../src/postgres/migrations/migration_lock.ts';
import { openDatabase } from '../../src/wiring/open_database.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { testConfig } from '../support/fixtures/server.ts';

/** Of the same database, with a password that is none of its. */
let database_url: string;

const db = perFile(() => createTestDatabase());
beforeAll(() => {
  const { host, port, user, database } = db.connection;
  database_url = `postgres://${encodeURIComponent(user)}:wrong@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
});

async function open(config: Record<string, unknown>) {
  return await openDatabase(await testConfig(config), {
    log: { info: () => {}, warn: () => {} },
    join: false,
    create: true,
    on_error: () => {},
  });
}

describe('a database of one’s own', () => {
  it('is opened with the password that stands apart from its URL', async () => {
    const { database, close } = await open({ database_url, database: { password: db.connection.password } });
    await database.ping();
    expect(await migrationStatus(database)).toMatchObject({ pending: [] });
    await close();
  });

  // X19
  it('behind a pooler is asked through it, but for what holds on to its connection', async () => {
    const named = (name: string) => `${database_url}&application_name=${name}`;
    const { password } = db.connection;
    const { database, close } = await open({
      database_url: named('pooler'),
      database: { direct_url: named('server'), password, prepared_statements: false },
    });
    const question = `select current_setting('application_name') as through`;
    const ask = sql.raw<{ through: string }>(question);
    const answers = [
      await ask.execute(database.kysely),
      await database.transaction((trx) => ask.execute(trx)),
      await withMigrationLock(database, (client) => client.query(question)),
      await longTransaction(database, (trx) => ask.execute(trx)),
    ];
    expect(answers.map(({ rows }) => rows[0].through)).toEqual(['pooler', 'pooler', 'server', 'server']);
    expect(await migrate(database)).toEqual({ applied: [] });
    await close();
  });

  it('stays closed to another one', async () => {
    const { database, close } = await open({ database_url });
    await expect(database.ping()).rejects.toMatchObject({ code: 'unavailable' });
    await close();
  });
});
