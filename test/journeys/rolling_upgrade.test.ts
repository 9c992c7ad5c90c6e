// An upgrade while people are served: a newer version migrates the database under a process of this
// one, both run beside each other, and this one is started again on what the newer one has made of
// the database.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../../src/http/server/log.ts';
import { migrate } from '../../src/postgres/migrations/migrate.ts';
import { DEFAULT_FOLDER } from '../../src/postgres/migrations/migration_files.ts';
import { createApp } from '../../src/wiring/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { CLIENT_ID, startServer, type TestServer, testConfig } from '../support/fixtures/server.ts';

/**
 * All that a next version may do: it adds, to every table there is, and what it adds has a default.
 */
const NEXT = `
do $$ declare place regclass; begin
  for place in select oid from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'schema_migrations' loop
    execute format('alter table %s add column next_note text not null default ''next'', add column next_time timestamptz', place);
  end loop;
end $$;
create table next_things (id text primary key);
create index next_index on users (next_time);
`;
const LATER = '-- oldest-program: 9001\nalter table users drop column next_note;\n';

let db: TestDatabase;
let folder: string;
let running: TestServer;
const opened: TestServer[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'latchkey-next-'));
  await cp(DEFAULT_FOLDER, folder, { recursive: true });
  running = await start();
});
afterAll(async () => {
  for (const server of opened) await server.close();
  await db.close();
  await rm(folder, { recursive: true });
});

async function start(): Promise<TestServer> {
  const server = await startServer({ database: db.database, config: { http: { ip_ban_enabled: false } } });
  opened.push(server);
  return server;
}

const refresh = (server: TestServer, refresh_token: string) =>
  server.inject({ method: 'POST', url: '/auth/token', form: { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token } });

async function upgrade(name: string, text: string): Promise<void> {
  await writeFile(join(folder, name), text);
  expect(await migrate(db.database, { folder })).toEqual({ applied: [name] });
}

// X22
test('a migration goes unnoticed by clients, and what was issued before stays valid', async () => {
  const tokens = await running.redeem(await running.createOwner());
  let is_done = false;
  const statuses = new Set<number>();
  const someone = async () => {
    do statuses.add((await refresh(running, tokens.refresh_token)).statusCode);
    while (!is_done);
  };
  await Promise.all([
    Promise.all([someone(), someone(), someone()]),
    upgrade('9001_next.sql', NEXT).finally(() => {
      is_done = true;
    }),
  ]);
  expect([...statuses]).toEqual([200]);
  expect((await running.inject({ url: '/api/me', token: tokens.access_token })).statusCode).toBe(200);
});

// X22
test('this version starts again on the newer database, and works with the rows of both', async () => {
  const again = await start();
  expect(again.lines.join('')).toContain('the database is newer than this program, which runs on it: 9001_next.sql');
  for (const [one, other] of [
    [again, running],
    [running, again],
  ] as const) {
    const { access_token, refresh_token } = await one.redeem(await other.login());
    expect((await other.inject({ url: '/api/me', token: access_token })).statusCode).toBe(200);
    expect((await refresh(other, refresh_token)).statusCode).toBe(200);
    const json = { client_name: `made at ${opened.indexOf(one)}`, lifespan: 365 };
    const made = await one.inject({ method: 'POST', url: '/api/me/long_lived_access_tokens', token: access_token, json });
    expect((await other.inject({ url: '/api/me', token: made.json().token })).statusCode).toBe(200);
    const revoked = await other.inject({ method: 'POST', url: '/auth/revoke', form: { token: refresh_token } });
    expect([revoked.statusCode, (await refresh(one, refresh_token)).statusCode]).toEqual([200, 400]);
  }
  expect(await db.database.kysely.selectFrom('refresh_tokens').selectAll().executeTakeFirst()).toMatchObject({ next_note: 'next' });
});

test('a version that takes something away says since when nobody needs it: this one is not started on that', async () => {
  await upgrade('9002_later.sql', LATER);
  const options = { config: await testConfig(), log: createLog('silent'), database: db.database };
  await expect(createApp(options)).rejects.toThrow(
    'The database is too new for this program: 9002_later.sql needs one with migration 9001',
  );
});
