// The recipe of docs/database-roles.md on the real PostgreSQL: a role that owns the tables and one
// that runs the server.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type ConnectionOptions, openConnection } from '../../src/postgres/connection.ts';
import { createDatabase, type Database } from '../../src/postgres/database.ts';
import { migrate } from '../../src/postgres/migrations/migrate.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';

const DAY = 86_400_000;
const suffix = randomBytes(6).toString('hex');
const recipe = readFileSync(new URL('../../docs/database-roles.md', import.meta.url), 'utf8');
const name = `latchkey_roles_${suffix}`;
const [running, migrations] = [name, `latchkey_migrations_${suffix}`];
const [on_server = [], in_database = []] = Array.from(recipe.matchAll(/^```sql\n(.*?)^```/gms), ([, block = '']) =>
  block
    .replaceAll(/\blatchkey_migrations\b/g, migrations)
    .replaceAll(/\blatchkey\b/g, running)
    .split(/;\n/)
    .filter((statement) => statement !== ''),
);
const connectionOf = (user: string, password: string) => ({ ...inject('admin'), user, password, database: name });
const run = { connection: connectionOf(running, 'running password') };
const own = { connection: connectionOf(migrations, 'migrations password') };

async function withClient<T>(source: ConnectionOptions, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await openConnection(source);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const runAll = (source: ConnectionOptions, statements: string[]) =>
  withClient(source, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
const asRunning = (statement: string, values: unknown[] = []) => withClient(run, (client) => client.query(statement, values));
const ago = (days: number) => new Date(Date.now() - days * DAY);

let database: Database;
let server: TestServer;
beforeAll(async () => {
  await runAll({ connection: inject('admin') }, on_server);
  await runAll({ connection: { ...inject('admin'), database: name } }, in_database);
  await migrate(own);
  // As where only `latchkey migrate` is given the role of the migrations.
  database = createDatabase({ connection: run.connection, on_error: () => {} });
  server = await startServer({ database });
});
afterAll(async () => {
  await server?.close();
  await database?.close();
  await runAll({ connection: inject('admin') }, [
    `drop database if exists ${name} with (force)`,
    `drop role if exists ${running}`,
    `drop role if exists ${migrations}`,
  ]);
});

// S19, M17
test('the running role serves logins and writes what happens down', async () => {
  const { access_token } = await server.ownerTokens();
  expect((await server.inject({ url: '/api/me', token: access_token })).statusCode).toBe(200);
  await server.container.audit.flush();
  const { rows } = await asRunning(`select type from audit_events where outcome = 'done'`);
  expect(rows).not.toEqual([]);
});

// S19, M17
test.each([
  `update audit_events set outcome = 'refused'`,
  'delete from audit_events',
  'delete from audit_events where false',
  'truncate audit_events',
  'alter table audit_events disable trigger audit_events_append_only',
  'drop trigger audit_events_append_only on audit_events',
  `create or replace function expire_audit_events(before timestamptz) returns bigint language sql as 'select 1::bigint'`,
  `set session_replication_role = replica`,
  'create table mine (id integer)',
])('the running role is refused: %s', async (statement) => {
  await expect(asRunning(statement)).rejects.toThrow(/permission denied|must be owner|cannot be changed or deleted/);
});

// S19, M17
test('what is past its retention is deleted nevertheless, and nothing of the last day whatever is asked', async () => {
  const add = `insert into audit_events (at, type, outcome) values ($1, 'roles.test', 'done')`;
  for (const days of [40, 20, 2, 0.9]) await asRunning(add, [ago(days)]);
  const left = async () => Number((await asRunning(`select count(*) from audit_events where type = 'roles.test'`)).rows[0].count);
  server.set(new Date());
  expect((await server.container.janitor.run()).audit_events).toBeGreaterThanOrEqual(1);
  expect(await left()).toBe(3);
  await asRunning(`select expire_audit_events('infinity')`);
  expect(await left()).toBe(1);
});

test('a stranger to the database may not call the function', async () => {
  const { rows } = await asRunning(`select has_function_privilege('public', 'expire_audit_events(timestamptz)', 'execute') as allowed`);
  expect(rows[0].allowed).toBe(false);
});
