import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLocalLogins } from '../../src/repository/local_logins.ts';
import { createPasswordHasher } from '../../src/repository/password_hash.ts';
import { addPerson } from '../support/people.ts';
import { type Cli, createCli } from './support.ts';

const PASSWORD = 'a long pass phrase';

let cli: Cli;

beforeAll(async () => {
  cli = await createCli();
  expect((await cli.run(['migrate'])).code).toBe(0);
});
beforeEach(async () => {
  for (const table of ['users', 'local_logins'] as const) await cli.database.kysely.deleteFrom(table).execute();
});
afterAll(() => cli.close());

async function isPassword(username: string, password: string): Promise<boolean> {
  const login = await createLocalLogins({ ...cli.database, prepare: cli.database.prepare }).find(username);
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
  ['a username that is not normalised', ['--username', 'Nina'], PASSWORD, /not normalized/],
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

test('a user is found by id, username or name, and never by a guess among several', async () => {
  const paula = await addPerson(cli.database, { name: 'Paula', username: 'paula' });
  const other = await addPerson(cli.database, { name: 'paula', username: 'other' });
  for (const word of [paula.id, 'Paula']) expect((await cli.run(['user', 'disable', word])).out).toContain(paula.id);
  const { code, err } = await cli.run(['user', 'delete', 'paula']);
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
  await cli.run(['user', 'delete', 'paula']);
  expect(await stateOf(id)).toBeUndefined();
});

test('whoever waits is approved, and nobody else', async () => {
  const { id } = await addPerson(cli.database, { username: 'paula', is_active: false, is_pending: true });
  expect((await cli.run(['user', 'approve', 'paula'])).out).toContain('Approved');
  expect(await stateOf(id)).toMatchObject({ is_active: true, is_pending: false });
  expect(await cli.run(['user', 'approve', 'paula'])).toMatchObject({ code: 1, err: 'User is not waiting for approval\n' });
});

test('whoever waits and is somebody already is merged into that user', async () => {
  const paula = await addPerson(cli.database, { name: 'Paula' });
  const { id } = await addPerson(cli.database, { name: 'P. Paulsen', username: 'paula', is_active: false, is_pending: true });
  const { code, out } = await cli.run(['user', 'approve', id, '--into', 'Paula']);
  expect([code, out]).toEqual([0, `Merged P. Paulsen (paula, ${id}) into Paula (${paula.id})\n`]);
  expect([await stateOf(id), await stateOf(paula.id)]).toMatchObject([undefined, { name: 'Paula', username: 'paula', is_active: true }]);
});

test('ownership is handed over, and the owner is neither disabled nor deleted', async () => {
  const owner = await addPerson(cli.database, { username: 'owner', is_owner: true });
  const heir = await addPerson(cli.database, { username: 'heir' });
  for (const word of ['disable', 'delete']) expect((await cli.run(['user', word, 'owner'])).code).toBe(1);
  expect((await cli.run(['user', 'make-owner', 'heir'])).code).toBe(0);
  expect([await stateOf(owner.id), await stateOf(heir.id)]).toMatchObject([{ is_owner: false, is_active: true }, { is_owner: true }]);
});

test('the list for people shows each user in a line, and no name can move the cursor', async () => {
  await addPerson(cli.database, { name: 'Evil\u001b[2J\u202e name', username: 'evil', is_owner: true });
  const { out } = await cli.run(['user', 'list']);
  expect(out.split('\n')[0]).toMatch(/^ID +USERNAME +NAME +KIND +STATE/);
  expect(out.split('\n')[1]).toMatch(/evil +Evil name +owner +active/);
  expect(out.split('\n')).toHaveLength(3);
});
