import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { homeAssistantStorage, PASSWORD_ENTRY, type Storage, secretOf, writeStorage } from '../support/fixtures/home_assistant_storage.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli } from './support.ts';

const cli = perFile(() => createCli());
let folder: string;
let storage: Storage;

beforeAll(async () => {
  expect((await cli.run(['migrate'])).code).toBe(0);
});
beforeEach(async () => {
  for (const table of ['users', 'local_logins', 'retired_usernames'] as const) await cli.database.kysely.deleteFrom(table).execute();
  // The clock of the command is the database's.
  storage = homeAssistantStorage(new Date(Date.now() - 1000));
  folder = await writeStorage(storage);
  return () => rm(folder, { recursive: true });
});

const bring = (...options: string[]) => cli.run(['import', 'home-assistant', folder, ...options]);
const people = async () => (await cli.list('user', 'list')).map(({ name }) => name);

test('a dry run says who comes over, and changes nothing', async () => {
  const { code, out, err } = await bring();
  expect([code, err, await people()]).toEqual([0, '', []]);
  expect(out).toContain(
    'Paula (paula, owner) comes over: password, login by trusted_networks, second factor totp, 2 refresh tokens, 1 long-lived token\n',
  );
  expect(out).toContain('  - replace these long-lived tokens, then delete them: "Node-RED"\n');
  expect(out).toContain('  - the login by trusted_networks works only after that provider is added to auth_providers\n');
  expect(out).toContain(
    '* anyone with an old backup of Home Assistant can use the tokens in it, and forge 1 long-lived token: replace those soon\n',
  );
  expect(out).toMatch(/\n6 would come over, 0 here already, 0 cannot\nNothing was changed; run it again with --apply\n$/);
});

test('with --apply they come over; a second run finds them here', async () => {
  expect((await bring('--apply')).out).toMatch(/\n6 came over, 0 here already, 0 cannot\n$/);
  expect(await people()).toHaveLength(6);
  const { out } = await bring('--apply');
  expect(out).toContain('Paula (owner) is here already; nothing was changed\n');
  expect(out).toMatch(/\n0 came over, 6 here already, 0 cannot\n$/);
});

test('the report as JSON has reasons as codes', async () => {
  await cli.run(['user', 'add', 'Other', '--username', 'oskar', '--password-stdin'], { stdin: 'a good long password' });
  const { applied, people: all } = JSON.parse((await bring('--json')).out);
  expect(applied).toBe(false);
  expect(all.find(({ name }: { name: string }) => name === 'Oskar')).toMatchObject({
    outcome: 'refused',
    reason: { code: 'username_taken', username: 'oskar', holder: 'Other' },
  });
});

test('.storage itself may be named', async () => {
  expect((await cli.run(['import', 'home-assistant', join(folder, '.storage')])).out).toContain('6 would come over');
});

test('names cannot write to the terminal', async () => {
  storage.auth.data.users[3]!.name = 'Os\u001b[31mkar\nPaula (paula, owner) comes over';
  await writeFile(join(folder, '.storage', 'auth'), JSON.stringify(storage.auth));
  const { out } = await bring();
  expect(out).not.toContain('\u001b');
  expect(out.split('\n').filter((line) => line.startsWith('Paula '))).toHaveLength(1);
});

describe('a broken folder is refused, without its secrets', () => {
  const auth = () => join(folder, '.storage', 'auth');
  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['no files', () => rm(auth()), /There is no Home Assistant storage in /],
    ['an empty file', () => writeFile(auth(), ''), /auth: it is not valid JSON, or only half of it was written/],
    ['half a file', () => truncate(auth(), 3000), /auth: it is not valid JSON/],
    ['junk', () => writeFile(auth(), `{"x": ${PASSWORD_ENTRY}`), /auth: it is not valid JSON/],
    ['a key twice', () => writeFile(auth(), '{"version": 1, "version": 1}'), /auth: it is not valid JSON/],
    ['a deep file', () => writeFile(auth(), '['.repeat(1000) + ']'.repeat(1000)), /auth: it is not valid JSON/],
    ['33 MB', () => truncate(auth(), 33 * 1024 * 1024), /auth: it is larger than 33554432 bytes/],
    ['another version', () => writeFile(auth(), JSON.stringify({ ...storage.auth, version: 2 })), /^auth: version: version 2 is not known/],
    ['a broken second file', () => writeFile(join(folder, '.storage', 'auth_module.totp'), '{'), /auth_module.totp: it is not valid JSON/],
  ])('%s', async (_story, change, words) => {
    await change();
    const { code, out, err } = await bring('--apply');
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(words);
    for (const secret of [PASSWORD_ENTRY, secretOf('phone')]) expect(err).not.toContain(secret);
    expect(await people()).toEqual([]);
  });
});
