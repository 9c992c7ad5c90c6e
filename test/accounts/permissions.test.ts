import { expect, test } from 'vitest';
import { createAccounts } from '../support/fixtures/accounts.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const a = perFile(() => createAccounts());

test.each([
  ['the owner everything, whatever the category', { is_owner: true }, { category: 'doors', object: {}, key: 'open' }, true],
  ['a user what the groups allow', { group_ids: ['system-users'] }, { category: 'entities', object: {}, key: 'control' }, true],
  ['a reader only to read', { group_ids: ['system-read-only'] }, { category: 'entities', object: {}, key: 'control' }, false],
  ['a reader to read', { group_ids: ['system-read-only'] }, { category: 'entities', object: {}, key: 'read' }, true],
  [
    'of two groups the more permissive',
    { group_ids: ['system-read-only', 'system-users'] },
    { category: 'entities', object: {}, key: 'edit' },
    true,
  ],
  ['nobody without groups', {}, { category: 'entities', object: {}, key: 'read' }, false],
  ['nobody who is inactive', { is_active: false, group_ids: ['system-admin'] }, { category: 'entities', object: {}, key: 'read' }, false],
])('%s: allowed or not', async (_, differences, question, wanted) => {
  await a.clear();
  const { id } = await addPerson(a.database, differences);
  expect(await a.permissions.check(id, question)).toBe(wanted);
});

test('a user who does not exist is not found', async () => {
  const question = { category: 'entities', object: {}, key: 'read' };
  await expect(a.permissions.check('0'.repeat(32), question)).rejects.toMatchObject({ code: 'not_found' });
});
