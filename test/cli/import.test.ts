import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
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
  await cli.database.kysely.deleteFrom('groups').where('managed_by', '=', 'database').execute();
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

describe('Authelia', () => {
  const HASH = '$argon2id$v=19$m=65536,t=3,p=4$AhBPBag9jFlWmTnp1emD4w$BngrtsM2fQgkPf6NMvi3mMyWkFLIW6HzIBvRsT59VoI';
  const USERS = `---
users:
  john:
    disabled: false
    displayname: 'John Doe'
    password: '${HASH}'
    email: 'john.doe@example.com'
    groups: ['admins', 'dev']
  Harry:
    disabled: true
    displayname: 'Harry Potter'
    password: '{CRYPT}$6$rounds=50000$aaaaaaaaaaaaaaaa$bbbbbbbbbbbbbbbb'
    email: 'harry@example.com'
    groups: ['system-admin', 'Dark Arts']
  bob: {}
`;
  const write = async (text = USERS) => {
    const path = join(folder, 'users_database.yml');
    await writeFile(path, text);
    return path;
  };
  const authelia = async (text?: string, ...options: string[]) => cli.run(['import', 'authelia', await write(text), ...options]);

  test('people come over with password, e-mail and groups, and nobody becomes an administrator', async () => {
    const { out } = await authelia(USERS, '--apply');
    expect(out).toContain('John Doe (john) came over: password\n');
    expect(out).toContain('Harry Potter (harry, disabled) came over: a login without a password\n');
    expect(out).toContain('  - the password of "Harry" is hashed in a way that cannot be checked here: set a new one\n');
    expect(out).toContain('  - the group "system-admin" is built in here and means something else; nobody joins it\n');
    expect(out).toContain('  - the group "Dark Arts" stays behind: its name or policy is not valid\n');
    expect(out).toContain('* the group "admins" is new and allows nothing yet\n');
    const users = await cli.list('user', 'list');
    expect(
      users.map(({ username, email, email_verified, group_ids, is_active, is_owner }) => [
        username,
        email,
        email_verified,
        group_ids,
        is_active,
        is_owner,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ['john', 'john.doe@example.com', true, ['admins', 'dev'], true, false],
        ['harry', 'harry@example.com', true, [], false, false],
        ['bob', null, false, [], true, false],
      ]),
    );
    const tried = await cli.run(['provider', 'test', 'homeassistant', '--username', 'john', '--password-stdin', '--json'], {
      stdin: 'a password from Authelia',
    });
    expect(tried.out).toContain('"type":"identity"');
    for (const stdin of ['!', '', 'a good long password'])
      expect((await cli.run(['provider', 'test', 'homeassistant', '--username', 'bob', '--password-stdin'], { stdin })).out).not.toContain(
        'The provider says',
      );
    expect((await cli.run(['user', 'set-password', 'bob', '--password-stdin'], { stdin: 'a good long password' })).code).toBe(0);
  });

  test('a second run changes nothing', async () => {
    await authelia(USERS, '--apply');
    const before = await cli.list('user', 'list');
    expect((await authelia(USERS, '--apply')).out).toMatch(/\n0 came over, 3 here already, 0 cannot\n$/);
    expect(await cli.list('user', 'list')).toEqual(before);
  });

  test('two names that differ in case only are one', async () => {
    const { out } = await authelia('users: { john: {}, John: {} }');
    expect(out).toMatch(/1 would come over, 0 here already, 1 cannot/);
    expect(out).toContain('cannot come over: the username "john" is there twice');
  });

  test.each<[string, string, RegExp]>([
    ['no users', 'people: {}', /users: /],
    ['a list', '- john', /the file: /],
    ['a number as password', 'users: { john: { password: 5 } }', /users\.john\.password: /],
    ['a name twice', 'users:\n  john: {}\n  john: {}\n', /users_database\.yml:3:3: "john" is there twice/],
    [
      'an alias bomb',
      `a: &a [x, x]\nb: &b [${'*a, '.repeat(20)}]\nc: &c [${'*b, '.repeat(20)}]\nusers: { john: { groups: *c } }`,
      /aliases/,
    ],
    ['a tag', 'users: !!js/function "x"', /tags are not allowed/],
    ['half a file', `users:\n  john:\n    password: '${HASH}`, /users_database\.yml:/],
  ])('%s: the file is refused, and quoted nowhere', async (_story, text, words) => {
    const { code, out, err } = await authelia(text, '--apply');
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(words);
    expect(err).not.toContain('argon2id');
    expect(await people()).toEqual([]);
  });

  test('the commands of docs/from-authelia.md run', async () => {
    const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'from-authelia.md'), 'utf8');
    const commands = Array.from(page.matchAll(/^latchkey (.+)$/gm), ([, command = '']) => command);
    expect(commands).toHaveLength(3);
    const path = await write();
    for (const command of commands) expect((await cli.run(command.replace('/config/users_database.yml', path).split(' '))).code).toBe(0);
    expect(await people()).toContain('John Doe');
  });
});
