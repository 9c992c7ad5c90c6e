import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createGroupRepository, type Group, type GroupRepository } from '../../src/repository/groups.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addPerson, addSystemGroups, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let groups: GroupRepository;
const kysely = () => test_database.database.kysely;
const FAMILY: Group = {
  id: 'family',
  name: 'Family',
  policy: { entities: { domains: { light: true } } },
  system_generated: false,
  managed_by: 'config',
};

const test_database = perFile(() => createTestDatabase());
beforeAll(() => {
  groups = createGroupRepository(test_database.database);
});
beforeEach(async () => {
  await kysely().deleteFrom('users').execute();
  await kysely().deleteFrom('groups').execute();
  await addSystemGroups(test_database.database);
});
const memberships = async (user_id: string) =>
  (await kysely().selectFrom('user_groups').select('group_id').where('user_id', '=', user_id).orderBy('group_id').execute()).map(
    ({ group_id }) => group_id,
  );

test('groups are written once and rewritten when they differ', async () => {
  expect(await groups.put(kysely(), [FAMILY], NOON)).toEqual(['family']);
  expect(await groups.put(kysely(), [FAMILY], NOON)).toEqual([]);
  expect(await groups.put(kysely(), [{ ...FAMILY, name: 'Kin' }], NOON)).toEqual(['family']);
  expect((await groups.list()).map(({ id, name }) => [id, name])).toEqual([
    ['system-admin', 'system-admin'],
    ['system-users', 'system-users'],
    ['system-read-only', 'system-read-only'],
    ['family', 'Kin'],
  ]);
  expect((await groups.list())[3]).toEqual({ ...FAMILY, name: 'Kin' });
});

test('a group that left the configuration keeps its members, grants nothing and comes back', async () => {
  await groups.put(kysely(), [FAMILY], NOON);
  const { id } = await addPerson(test_database.database, { group_ids: ['family'] });
  expect(await groups.disableOthers(kysely(), [])).toEqual(['family']);
  expect(await groups.rights(id)).toEqual({ is_owner: false, is_active: true, policies: [] });
  expect(await memberships(id)).toEqual(['family']);
  expect((await groups.list()).map((group) => group.id)).not.toContain('family');
  expect(await groups.put(kysely(), [FAMILY], NOON)).toEqual(['family']);
  expect(await groups.rights(id)).toMatchObject({ policies: [FAMILY.policy] });
});

test('memberships are replaced whole, or not at all when a group is unknown', async () => {
  const { id } = await addPerson(test_database.database, { group_ids: ['system-users', 'system-admin'] });
  expect(await groups.replaceMemberships(kysely(), id, ['system-users', 'nobody'])).toBe(false);
  expect(await memberships(id)).toEqual(['system-admin', 'system-users']);
  expect(await groups.replaceMemberships(kysely(), id, ['system-users', 'system-read-only'])).toBe(true);
  expect(await memberships(id)).toEqual(['system-read-only', 'system-users']);
  expect(await groups.replaceMemberships(kysely(), id, [])).toBe(true);
  expect(await memberships(id)).toEqual([]);
});

test('synced groups are replaced, other memberships stay', async () => {
  const managed = ['system-read-only', 'family', 'system-admin'];
  await groups.put(kysely(), [FAMILY], NOON);
  const { id } = await addPerson(test_database.database, { group_ids: ['system-users', 'system-read-only'] });
  const sync = (...wanted: string[]) => groups.syncGroups(kysely(), id, { managed, wanted });
  expect(await sync('family', 'system-admin')).toEqual({ joined: ['family', 'system-admin'], left: ['system-read-only'] });
  expect(await memberships(id)).toEqual(['family', 'system-admin', 'system-users']);
  expect(await sync('family', 'system-admin')).toEqual({ joined: [], left: [] });
  expect(await sync()).toEqual({ joined: [], left: ['family', 'system-admin'] });
  expect(await memberships(id)).toEqual(['system-users']);
});

test('a sync gives no group that does not exist or is not managed, and leaves machines and the owner alone', async () => {
  const { id } = await addPerson(test_database.database, { group_ids: ['system-users'] });
  expect(await groups.syncGroups(kysely(), id, { managed: ['nobody'], wanted: ['nobody', 'system-admin'] })).toEqual({
    joined: [],
    left: [],
  });
  expect(await memberships(id)).toEqual(['system-users']);
  const all = { managed: ['system-users', 'system-admin'], wanted: ['system-admin'] };
  for (const is_other of [{ system_generated: true }, { is_owner: true }]) {
    const other = await addPerson(test_database.database, { ...is_other, group_ids: ['system-users'] });
    expect(await groups.syncGroups(kysely(), other.id, all)).toEqual({ joined: [], left: [] });
    expect(await memberships(other.id)).toEqual(['system-users']);
    await kysely().deleteFrom('users').where('id', '=', other.id).execute();
  }
});

test('of parallel syncs one after the other holds, and none fails', async () => {
  const { id } = await addPerson(test_database.database, { group_ids: ['system-users'] });
  const managed = ['system-users', 'system-admin', 'system-read-only'];
  const wishes = Array.from({ length: 20 }, (_, turn) => managed.filter((_group, place) => place !== turn % 3));
  await Promise.all(wishes.map((wanted) => groups.syncGroups(kysely(), id, { managed, wanted })));
  expect(await groups.syncGroups(kysely(), id, { managed, wanted: [] })).toMatchObject({ joined: [] });
  expect(await memberships(id)).toEqual([]);
});

test('rights are those of every group together', async () => {
  const { id } = await addPerson(test_database.database, { is_owner: true, group_ids: ['system-read-only', 'system-admin'] });
  const rights = await groups.rights(id);
  expect(rights).toMatchObject({ is_owner: true, is_active: true });
  expect(rights?.policies).toHaveLength(2);
  expect(await groups.rights('0'.repeat(32))).toBeUndefined();
});
