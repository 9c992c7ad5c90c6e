// A restored backup, as an operator has it in hand: a copy of the database of an earlier time in
// the place of the one that was.
import { beforeAll, expect, test } from 'vitest';
import { openConnection } from '../../src/postgres/connection.ts';
import type { Container } from '../../src/wiring/container.ts';
import { createCli } from '../cli/support.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const cli = perFile(() => createCli());
beforeAll(async () => {
  await addPerson(cli.database, { username: 'paula', name: 'Paula' });
});

/** Statements beside the database itself, in which nobody is meanwhile. */
async function onServer(...statements: string[]): Promise<void> {
  const { connection } = cli;
  const admin = await openConnection({ connection: { ...connection, database: 'postgres' } });
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [connection.database]);
  for (const statement of statements) await admin.query(statement);
  await admin.end();
}

async function withServices<T>(work: (services: Container) => Promise<T>): Promise<T> {
  const services = await cli.openServices();
  try {
    return await work(services);
  } finally {
    await services.close();
  }
}

const isGood = (token: string) => withServices(async ({ bearer }) => (await bearer.authenticate(token, '203.0.113.1')) !== null);
const newToken = async (name: string) => (await cli.run(['token', 'create', 'paula', '--name', name])).out.trim();

// M18
test('tokens that a restored backup revives are revoked by one command', async () => {
  const { database } = cli.connection;
  const old = await newToken('Stolen');
  await onServer(`create database ${database}_backup template ${database}`);
  expect(await cli.run(['token', 'revoke', 'paula', '--all'])).toMatchObject({ code: 0 });
  const lost = await newToken('Made after the backup');
  expect([await isGood(old), await isGood(lost)]).toEqual([false, true]);
  await onServer(`drop database ${database} with (force)`, `alter database ${database}_backup rename to ${database}`);
  expect(await isGood(old)).toBe(true);
  expect(await cli.run(['token', 'revoke-all', '--yes'])).toEqual({ code: 0, out: 'Ended: 0 sessions, 1 grants\n', err: '' });
  expect([await isGood(old), await isGood(lost), await isGood(await newToken('New'))]).toEqual([false, false, true]);
});
