import { beforeEach, expect, test } from 'vitest';
import { createAccounts } from '../support/fixtures/accounts.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const a = perFile(() => createAccounts());
beforeEach(async () => {
  await a.groups.reconcile([]);
  await a.clear();
});

const FAMILY = { id: 'family', name: 'Family', policy: { entities: { domains: { light: true } } } } as const;
const light = { category: 'entities', object: { entity_id: 'light.kitchen' }, key: 'control' };

test('the three system groups are always there, in their order', async () => {
  expect(await a.groups.list()).toEqual([
    { id: 'system-admin', name: 'Administrators', policy: { entities: true }, system_generated: true, managed_by: 'system' },
    { id: 'system-users', name: 'Users', policy: { entities: true }, system_generated: true, managed_by: 'system' },
    {
      id: 'system-read-only',
      name: 'Read Only',
      policy: { entities: { all: { read: true } } },
      system_generated: true,
      managed_by: 'system',
    },
  ]);
});

test('a configured group is created, changed, disabled and enabled again with its members', async () => {
  await a.groups.reconcile([FAMILY]);
  const { id } = await addPerson(a.database, { group_ids: ['family'] });
  expect(await a.permissions.check(id, light)).toBe(true);
  await a.groups.reconcile([{ ...FAMILY, policy: {} }]);
  expect(await a.permissions.check(id, light)).toBe(false);
  await a.groups.reconcile([FAMILY]);
  await a.groups.reconcile([]);
  expect(await a.permissions.check(id, light)).toBe(false);
  expect(await a.users.get(id)).toMatchObject({ group_ids: ['family'] });
  await a.groups.reconcile([FAMILY]);
  expect(await a.permissions.check(id, light)).toBe(true);
});

test('a start that changes nothing writes nothing, and replicas that start together agree', async () => {
  await Promise.all(Array.from({ length: 5 }, () => a.groups.reconcile([FAMILY])));
  await a.groups.reconcile([FAMILY]);
  expect(await a.events()).toEqual(['group.reconciled']);
});
