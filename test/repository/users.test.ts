import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createUserRepository, type UserRepository } from '../../src/repository/users.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addPerson, addSystemGroups, later, NOON, person } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let users: UserRepository;
const kysely = () => test_database.database.kysely;

const test_database = perFile(() => createTestDatabase());
beforeAll(async () => {
  users = createUserRepository(test_database.database);
  await addSystemGroups(test_database.database);
});
beforeEach(async () => {
  await kysely().deleteFrom('users').execute();
  await kysely().deleteFrom('local_logins').execute();
});

test('a user is read with its groups, its logins and its name at the local provider', async () => {
  const { id } = await addPerson(test_database.database, { username: 'paulus', group_ids: ['system-users', 'system-admin'] });
  expect(await users.find(id)).toEqual({
    ...person({ id }),
    username: 'paulus',
    // The row is one of the version before, which knows no such column.
    is_username_stored: false,
    email: null,
    email_verified: false,
    email_credential_id: null,
    picture: null,
    locale: null,
    zoneinfo: null,
    created_by: null,
    group_ids: ['system-admin', 'system-users'],
    credentials: [{ type: 'homeassistant', id: null, data: { username: 'paulus' } }],
  });
});

test('a user without a login has no username and no credentials', async () => {
  const { id } = await addPerson(test_database.database);
  expect(await users.find(id)).toMatchObject({ username: null, credentials: [], group_ids: [] });
});

test('pages follow each other by age and end', async () => {
  const made = [];
  for (const seconds of [3, 1, 2, 2, 2]) made.push(await addPerson(test_database.database, { created_at: later(seconds) }));
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await users.page({ limit: 2, cursor });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  const byAge = [...made].sort((a, b) => +a.created_at - +b.created_at || (a.id < b.id ? -1 : 1));
  expect(seen).toEqual(byAge.map(({ id }) => id));
});

test.each(['', 'x', '1.', '.abc', "1.a' or 1", `${'9'.repeat(16)}.a`])('%j is no cursor', async (cursor) => {
  await expect(users.page({ limit: 2, cursor })).rejects.toMatchObject({ code: 'invalid_format' });
});

test('a user is made with its groups, or reported when one is unknown', async () => {
  const user = person();
  expect(await users.create(kysely(), user, ['system-users'])).toBe('made');
  expect(await users.find(user.id)).toMatchObject({ group_ids: ['system-users'] });
  expect(await users.create(kysely(), person(), ['system-users', 'nobody'])).toBe('unknown_group');
});

// H21
test('of 20 parallel owners one is made', async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => users.create(kysely(), person({ is_owner: true }), ['system-admin'])),
  );
  expect(outcomes.filter((outcome) => outcome === 'made')).toHaveLength(1);
  expect(await kysely().selectFrom('users').select('id').execute()).toHaveLength(1);
  expect(await users.ownerExists()).toBe(true);
});

describe('ownership', () => {
  const owners = () => kysely().selectFrom('users').select('id').where('is_owner', '=', true).execute();

  test('changes hands in one statement', async () => {
    const former = await addPerson(test_database.database, { is_owner: true });
    const heir = await addPerson(test_database.database);
    expect(await users.handOver(kysely(), heir.id, former.id)).toBe(true);
    expect(await owners()).toEqual([{ id: heir.id }]);
    expect(await users.handOver(kysely(), former.id, null)).toBe(true);
    expect(await owners()).toEqual([{ id: former.id }]);
  });

  test('stays where it is when the heir is no active person, or somebody else is the owner', async () => {
    const former = await addPerson(test_database.database, { is_owner: true });
    const friend = await addPerson(test_database.database);
    const inactive = await addPerson(test_database.database, { is_active: false });
    const machine = await addPerson(test_database.database, { system_generated: true });
    for (const [to, from] of [
      [inactive.id, former.id],
      [machine.id, null],
      [former.id, null],
      ['0'.repeat(32), null],
      [friend.id, friend.id],
    ] as const) {
      expect(await users.handOver(kysely(), to, from)).toBe(false);
    }
    expect(await owners()).toEqual([{ id: former.id }]);
  });

  test('of 20 parallel heirs one gets it from the owner', async () => {
    const former = await addPerson(test_database.database, { is_owner: true });
    const heirs = await Promise.all(Array.from({ length: 20 }, () => addPerson(test_database.database)));
    const outcomes = await Promise.all(heirs.map(({ id }) => users.handOver(kysely(), id, former.id)));
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect(await owners()).toHaveLength(1);
  });
});

test('an update changes what is given, and neither a machine nor the owner being active', async () => {
  const { id } = await addPerson(test_database.database, { name: 'Old' });
  expect(await users.update(kysely(), id, { name: 'New' })).toBe(true);
  expect(await users.update(kysely(), id, {})).toBe(true);
  expect(await users.find(id)).toMatchObject({ name: 'New', is_active: true });
  const machine = await addPerson(test_database.database, { system_generated: true });
  expect(await users.update(kysely(), machine.id, { name: 'New' })).toBe(false);
  const owner = await addPerson(test_database.database, { is_owner: true });
  expect(await users.update(kysely(), owner.id, { is_active: false })).toBe(false);
  expect(await users.update(kysely(), owner.id, { local_only: true })).toBe(true);
});

test("removing a user removes the password of its login, and nobody else's", async () => {
  const { id } = await addPerson(test_database.database, { username: 'gone', group_ids: ['system-users'] });
  await addPerson(test_database.database, { username: 'stays' });
  expect(await users.remove(kysely(), id, NOON)).toBe(true);
  expect(await users.remove(kysely(), id, NOON)).toBe(false);
  expect(await kysely().selectFrom('local_logins').select('username').execute()).toEqual([{ username: 'stays' }]);
});

test('neither the owner nor a machine is removed, and their logins stay', async () => {
  const owner = await addPerson(test_database.database, { is_owner: true, username: 'owner' });
  const machine = await addPerson(test_database.database, { system_generated: true });
  expect(await users.remove(kysely(), owner.id, NOON)).toBe(false);
  expect(await users.remove(kysely(), machine.id, NOON)).toBe(false);
  expect(await kysely().selectFrom('local_logins').select('username').execute()).toEqual([{ username: 'owner' }]);
});

test('only active people are offered to choose from', async () => {
  await addPerson(test_database.database, { name: 'B' });
  await addPerson(test_database.database, { name: 'A', group_ids: ['system-users'] });
  await addPerson(test_database.database, { is_active: false });
  await addPerson(test_database.database, { system_generated: true });
  expect((await users.active()).map(({ name, group_ids }) => [name, group_ids])).toEqual([
    ['A', ['system-users']],
    ['B', []],
  ]);
});
