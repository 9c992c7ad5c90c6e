import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createLocalLoginRepository } from '../../src/repository/local_logins.ts';
import { createPasswordHasher } from '../../src/secrets/password_hasher.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli } from './support.ts';

const PASSWORD = 'a long pass phrase';

const cli = perFile(() => createCli());
beforeAll(async () => {
  expect((await cli.run(['migrate'])).code).toBe(0);
});
beforeEach(async () => {
  for (const table of ['users', 'local_logins', 'retired_usernames'] as const) await cli.database.kysely.deleteFrom(table).execute();
});

async function isPassword(username: string, password: string): Promise<boolean> {
  const login = await createLocalLoginRepository({ ...cli.database, prepare: cli.database.prepare }).find(username);
  return login !== undefined && (await createPasswordHasher().verify(password, login.password_hash)).ok;
}

async function stateOf(id: string) {
  const [user] = (await cli.list('user', 'list')).filter((user) => user.id === id);
  return user;
}

test('an added person is active, in the groups named, and has the password that was piped in', async () => {
  const words = ['user', 'add', 'Paula', '--username', 'paula', '--group', 'system-admin', '--group', 'system-users', '--local-only'];
  const { code, out } = await cli.run([...words, '--password-stdin'], { stdin: `${PASSWORD}\n` });
  expect([code, out]).toEqual([0, expect.stringMatching(/^Made Paula \(paula, [0-9a-f]{32}\)\n$/)]);
  const facts = { name: 'Paula', username: 'paula', is_active: true, is_owner: false, local_only: true, system_generated: false };
  expect(await cli.list('user', 'list')).toEqual([expect.objectContaining({ ...facts, group_ids: ['system-admin', 'system-users'] })]);
  expect(await isPassword('paula', PASSWORD)).toBe(true);
});

test('a system user has no login', async () => {
  expect((await cli.run(['user', 'add', '--system', 'Backup', '--group', 'system-read-only'])).code).toBe(0);
  const facts = { name: 'Backup', system_generated: true, is_active: true, username: null, group_ids: ['system-read-only'] };
  expect(await cli.list('user', 'list')).toEqual([expect.objectContaining(facts)]);
  expect((await cli.run(['user', 'add', '--system', 'Backup', '--username', 'backup'])).code).toBe(2);
});

for (const [story, words, stdin, complaint] of [
  ['an unknown group', ['--username', 'nina', '--group', 'no-such-group'], PASSWORD, /Unknown group/],
  ['a taken username', ['--username', 'taken'], PASSWORD, /already exists/],
  ['an address that is none', ['--username', 'nina', '--email', 'nina'], PASSWORD, /e-mail address is not valid/],
  ['a short password', ['--username', 'nina'], 'short', /at least 8/],
] as const) {
  test(`${story} is refused in one line and leaves nobody behind`, async () => {
    await addPerson(cli.database, { username: 'taken', name: 'First' });
    const { code, out, err } = await cli.run(['user', 'add', 'Nina', ...words, '--password-stdin'], { stdin });
    expect([code, out, err]).toEqual([1, '', expect.stringMatching(complaint)]);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(await cli.list('user', 'list')).toHaveLength(1);
  });
}

for (const [story, words, stdin] of [
  ['without a terminal nobody is asked for a password', ['user', 'add', 'Nina', '--username', 'nina'], ''],
  ['an empty standard input is no password', ['user', 'add', 'Nina', '--username', 'nina', '--password-stdin'], '\n'],
  ['a person needs a username', ['user', 'add', 'Nina', '--password-stdin'], PASSWORD],
  ['a new password is not asked for without a terminal either', ['user', 'set-password', 'nina'], ''],
] as const) {
  test(story, async () => {
    const { code, out, err } = await cli.run([...words], { stdin });
    expect([code, out]).toEqual([2, '']);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(await cli.list('user', 'list')).toEqual([]);
  });
}

test('a user is found by id, username or name, and never guessed among several', async () => {
  const paula = await addPerson(cli.database, { name: 'Paula', username: 'paula' });
  const other = await addPerson(cli.database, { name: 'paula', username: 'other' });
  for (const word of [paula.id, 'Paula']) expect((await cli.run(['user', 'disable', word])).out).toContain(paula.id);
  const { code, err } = await cli.run(['user', 'delete', 'paula', '--yes']);
  expect(code).toBe(1);
  for (const { id } of [paula, other]) expect(err).toContain(id);
  expect((await cli.run(['user', 'delete', 'nobody'])).err).toBe('There is no user with the id, username or name "nobody"\n');
  expect(await cli.list('user', 'list')).toHaveLength(2);
});

test('a user is disabled, enabled, given another password and deleted', async () => {
  const { id } = await addPerson(cli.database, { username: 'paula' });
  await cli.run(['user', 'disable', 'paula']);
  expect(await stateOf(id)).toMatchObject({ is_active: false });
  await cli.run(['user', 'enable', 'paula']);
  expect(await stateOf(id)).toMatchObject({ is_active: true });
  expect((await cli.run(['user', 'set-password', 'paula', '--password-stdin'], { stdin: PASSWORD })).code).toBe(0);
  expect(await isPassword('paula', PASSWORD)).toBe(true);
  await cli.run(['token', 'create', 'paula', '--name', 'Script']);
  await cli.run(['user', 'set-password', 'paula', '--password-stdin'], { stdin: PASSWORD });
  expect(await cli.list('token', 'list', 'paula')).toHaveLength(1);
  await cli.run(['user', 'set-password', 'paula', '--password-stdin', '--sign-out'], { stdin: PASSWORD });
  expect(await cli.list('token', 'list', 'paula')).toEqual([]);
  // U4
  expect(await cli.run(['user', 'delete', 'paula'])).toEqual({ code: 2, out: '', err: 'stdin is not a terminal; pass --yes\n' });
  await cli.run(['user', 'delete', 'paula', '--yes']);
  expect(await stateOf(id)).toBeUndefined();
});

test('only a waiting user is approved', async () => {
  const { id } = await addPerson(cli.database, { username: 'paula', is_active: false, is_pending: true });
  expect((await cli.run(['user', 'approve', 'paula'])).out).toContain('Approved');
  expect(await stateOf(id)).toMatchObject({ is_active: true, is_pending: false });
  expect(await cli.run(['user', 'approve', 'paula'])).toMatchObject({ code: 1, err: 'User is not waiting for approval\n' });
});

test('only a waiting user is declined, which deletes them', async () => {
  const { id } = await addPerson(cli.database, { username: 'dora', is_active: false, is_pending: true });
  const active = await addPerson(cli.database, { username: 'dean' });
  expect((await cli.run(['user', 'decline', 'dora'])).out).toContain('Declined');
  expect(await stateOf(id)).toBeUndefined();
  expect(await cli.run(['user', 'decline', 'dean'])).toMatchObject({ code: 1, err: 'User is not waiting for approval\n' });
  expect(await stateOf(active.id)).toMatchObject({ is_active: true });
});

test('a waiting user is merged into an existing one', async () => {
  const paula = await addPerson(cli.database, { name: 'Paula' });
  const { id } = await addPerson(cli.database, { name: 'P. Paulsen', username: 'paula', is_active: false, is_pending: true });
  const { code, out } = await cli.run(['user', 'approve', id, '--into', 'Paula']);
  expect([code, out]).toEqual([0, `Merged P. Paulsen (paula, ${id}) into Paula (${paula.id})\n`]);
  expect([await stateOf(id), await stateOf(paula.id)]).toMatchObject([undefined, { name: 'Paula', username: 'paula', is_active: true }]);
});

test('ownership is handed over, and the owner is neither disabled nor deleted', async () => {
  const owner = await addPerson(cli.database, { username: 'owner', is_owner: true });
  const heir = await addPerson(cli.database, { username: 'heir' });
  for (const words of [
    ['disable', 'owner'],
    ['delete', 'owner', '--yes'],
  ])
    expect((await cli.run(['user', ...words])).code).toBe(1);
  expect((await cli.run(['user', 'make-owner', 'heir'])).code).toBe(0);
  expect([await stateOf(owner.id), await stateOf(heir.id)]).toMatchObject([{ is_owner: false, is_active: true }, { is_owner: true }]);
});

// U1, U9
test('a person is added with a profile and edited, and a username in upper case is folded', async () => {
  const words = ['user', 'add', 'Paula', '--username', 'Paula', '--email', 'paula@example.com', '--locale', 'de-CH', '--password-stdin'];
  expect(await cli.run(words, { stdin: PASSWORD })).toMatchObject({ code: 0, out: expect.stringContaining('(paula, ') });
  const first = { username: 'paula', email: 'paula@example.com', email_verified: true, locale: 'de-CH' };
  expect(await cli.list('user', 'list')).toMatchObject([first]);
  expect((await cli.run(['user', 'edit', 'paula', '--username', 'Pia', '--locale', '', '--email-unverified'])).code).toBe(0);
  expect(await cli.list('user', 'list')).toMatchObject([{ username: 'pia', email_verified: false, locale: null }]);
  expect(await isPassword('pia', PASSWORD)).toBe(true);
  expect(await cli.run(['user', 'edit', 'pia'])).toMatchObject({ code: 2, out: '' });
});

test('an address that is verified for somebody else stays unverified, and the operator is warned', async () => {
  const add = (name: string) =>
    cli.run(['user', 'add', name, '--username', name, '--email', 'same@example.com', '--password-stdin'], { stdin: PASSWORD });
  expect(await add('paula')).toMatchObject({ code: 0, err: '' });
  expect(await add('pia')).toMatchObject({ code: 0, err: 'same@example.com stays unverified: it is verified for another user\n' });
});

// U5
test('a waiting user is shown with what their provider reported', async () => {
  const { id } = await addPerson(cli.database, { name: 'Olivia Oak', is_active: false, is_pending: true });
  const credential = { id: '1'.repeat(32), user_id: id, auth_provider_type: 'ldap', auth_provider_id: 'office', subject: 'x' };
  await cli.database.kysely
    .insertInto('credentials')
    .values({ ...credential, data: '{"username":"Olivia"}', created_at: new Date(0) })
    .execute();
  await cli.database.kysely.updateTable('users').set({ email: 'o@example.com' }).where('id', '=', id).execute();
  const { out } = await cli.run(['user', 'list']);
  expect(out.split('\n')[1]).toMatch(
    / olivia +Olivia Oak +o@example.com \(unverified\) +person +waits for approval +ldap:office \(Olivia\)/,
  );
});

// U5
test.each([
  [['--config', 'CONFIG', 'user', 'list']],
  [['user', '--config', 'CONFIG', 'list']],
  [['user', 'list', '--config', 'CONFIG']],
  [['--config=CONFIG', 'user', 'list']],
])('the configuration is named anywhere: %j', async (words) => {
  const { code, err } = await cli.run(words.map((word) => word.replace('CONFIG', '/no/such/config.yaml')));
  expect([code, err]).toEqual([78, expect.stringContaining('/no/such/config.yaml')]);
});

// U5
test('a command in a folder where no server runs is refused, says what is missing and leaves nothing there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-wrong-folder-'));
  const env = { LATCHKEY_DATABASE_URL: '', LATCHKEY_DATA_DIR: join(folder, 'data') };
  for (const words of [
    ['user', 'list'],
    ['client', 'list'],
    ['user', 'add', 'Paula', '--username', 'paula', '--password-stdin'],
  ]) {
    const { code, out, err } = await cli.run(words, { env, stdin: PASSWORD });
    expect([code, out, err]).toEqual([1, '', expect.stringContaining(`There is no database in ${join(folder, 'data')}`)]);
  }
  expect(await readdir(folder)).toEqual([]);
});

test('the list shows each user in one line, and no name can move the cursor', async () => {
  await addPerson(cli.database, { name: 'Evil\u001b[2J\u202e name', username: 'evil', is_owner: true });
  const { out } = await cli.run(['user', 'list']);
  expect(out.split('\n')[0]).toMatch(/^ID +USERNAME +NAME +E-MAIL +KIND +STATE +LOGS IN BY/);
  expect(out.split('\n')[1]).toMatch(/evil +Evil name +owner +active/);
  expect(out.split('\n')).toHaveLength(3);
});
