import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Container } from '../../src/wiring/container.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { type Cli, createCli } from './support.ts';

let cli: Cli;
let services: Container;

beforeAll(async () => {
  cli = await createCli();
  services = await cli.openServices();
  await addPerson(cli.database, { username: 'paula', name: 'Paula' });
  await addPerson(cli.database, { name: 'Backup', system_generated: true });
});
afterAll(async () => {
  await services.close();
  await cli.close();
});

/** Whom a printed token speaks for. */
async function callerOf(out: string) {
  return (await services.bearer.authenticate(out.trim(), '203.0.113.1'))?.user.name;
}

test('a long-lived token is printed alone, works, and its name is taken afterwards', async () => {
  const { code, out } = await cli.run(['token', 'create', 'paula', '--name', 'Dashboard', '--days', '30']);
  expect([code, await callerOf(out)]).toEqual([0, 'Paula']);
  expect(await cli.list('token', 'list', 'paula')).toMatchObject([{ client_name: 'Dashboard', type: 'long_lived_access_token' }]);
  expect(await cli.run(['token', 'create', 'paula', '--name', 'Dashboard'])).toMatchObject({ code: 1, out: '' });
});

test('a system user gets a short-lived token, and no refresh secret is printed', async () => {
  const { code, out } = await cli.run(['token', 'create', '--system', 'Backup']);
  expect([code, await callerOf(out)]).toEqual([0, 'Backup']);
  expect(out).not.toContain('lk_');
});

test('a person gets no system token, and a machine no long-lived one', async () => {
  expect(await cli.run(['token', 'create', '--system', 'paula'])).toMatchObject({ code: 1, out: '' });
  expect(await cli.run(['token', 'create', 'Backup', '--name', 'Own'])).toMatchObject({ code: 1, out: '' });
});

test('a revoked token stops working at once', async () => {
  const { out } = await cli.run(['token', 'create', 'paula', '--name', 'Short']);
  const { id } = (await cli.list('token', 'list', 'paula')).find(({ client_name }) => client_name === 'Short')!;
  expect(await cli.run(['token', 'revoke', 'paula', String(id)])).toMatchObject({ code: 0 });
  expect(await callerOf(out)).toBeUndefined();
  expect(await cli.run(['token', 'revoke', 'paula', String(id)])).toMatchObject({
    code: 1,
    err: expect.stringContaining(`has no token ${id}`),
  });
});

test('all tokens of a user are revoked together', async () => {
  await cli.run(['token', 'create', 'paula', '--name', 'Another']);
  expect(await cli.run(['token', 'revoke', 'paula', '--all'])).toMatchObject({ code: 0 });
  expect(await cli.list('token', 'list', 'paula')).toEqual([]);
});

test('everything issued before a time is revoked for everybody', async () => {
  const { out } = await cli.run(['token', 'create', 'paula', '--name', 'Kept']);
  const before = new Date(Date.now() - 3_600_000).toISOString();
  expect(await cli.run(['token', 'revoke-all', '--yes', '--before', before])).toMatchObject({ code: 0 });
  expect(await callerOf(out)).toBe('Paula');
  expect(await cli.run(['token', 'revoke-all', '--yes', '--before', '2999-01-01T00:00:00Z'])).toMatchObject({ code: 1, out: '' });
  expect(await cli.run(['token', 'revoke-all', '--yes'])).toMatchObject({ code: 0, out: 'Ended: 0 sessions, 2 grants\n' });
  expect(await callerOf(out)).toBeUndefined();
});

for (const words of [
  ['create', 'paula'],
  ['create', 'paula', '--name', 'X', '--system'],
  ['create', '--system', 'Backup', '--days', '3'],
  ['create', 'paula', '--name', 'X', '--days', 'many'],
  ['revoke', 'paula'],
  ['revoke', 'paula', 'some-id', '--all'],
  ['revoke-all'],
  ['revoke-all', '--yes', '--before', 'yesterday'],
  ['revoke-all', '--yes', '--before', '2026-03-14'],
]) {
  test(`"token ${words.join(' ')}" is a usage error`, async () => {
    expect(await cli.run(['token', ...words])).toMatchObject({ code: 2, out: '' });
  });
}

test('a lifespan out of bounds is refused', async () => {
  for (const days of ['0', '3651'])
    expect(await cli.run(['token', 'create', 'paula', '--name', 'Y', '--days', days])).toMatchObject({ code: 2 });
});
