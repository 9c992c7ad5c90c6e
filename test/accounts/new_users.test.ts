import { beforeEach, describe, expect, test } from 'vitest';
import type { Identity } from '../../src/domain/auth_provider.ts';
import { randomId } from '../../src/domain/secret.ts';
import { createAccounts } from '../support/fixtures/accounts.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const a = perFile(() => createAccounts({ max_pending: 3 }));
beforeEach(() => a.clear());

const ADDRESS = '192.0.2.1';
const OFFICE = { auth_provider_type: 'ldap', auth_provider_id: 'office', new_users: 'approve', default_groups: ['system-users'] } as const;
const office = (new_users: 'approve' | 'activate' | 'refuse' = 'approve', default_groups = ['system-users']) => ({
  ...OFFICE,
  new_users,
  default_groups,
});
const identity = (differences: Partial<Identity> = {}): Identity => ({
  subject: 'alice',
  data: { uid: 'alice' },
  name: 'Alice',
  amr: ['pwd'],
  ...differences,
});
const count = async () => (await a.kysely.selectFrom('users').select('id').execute()).length;

// H22, users-026
test('a person without a credential waits for approval, in the default groups', async () => {
  const { user, credential_id } = await a.newUsers.admit(office(), identity(), ADDRESS);
  expect(user).toMatchObject({ is_active: false, local_only: false });
  expect(await a.users.get(user.id)).toMatchObject({
    ...{ name: 'Alice', is_owner: false, is_active: false, is_pending: true },
    ...{ group_ids: ['system-users'], credentials: [{ type: 'ldap', id: 'office' }] },
  });
  expect(await a.rows.credentials.find(credential_id)).toMatchObject({ user_id: user.id, subject: 'alice', data: { uid: 'alice' } });
  expect(await a.events()).toEqual(['user.created']);
});

test('with new_users: activate, the person is active at once', async () => {
  const { user } = await a.newUsers.admit(office('activate'), identity({ local_only: true }), ADDRESS);
  expect(await a.users.get(user.id)).toMatchObject({ is_active: true, is_pending: false, local_only: true });
});

test('with new_users: refuse, nobody new is admitted', async () => {
  const refusal = { code: 'login_blocked', description: 'Login blocked: New users are not allowed' };
  await expect(a.newUsers.admit(office('refuse'), identity(), ADDRESS)).rejects.toMatchObject(refusal);
  expect(await count()).toBe(0);
});

test('20 parallel first logins of one person create one user', async () => {
  const admitted = await Promise.all(Array.from({ length: 20 }, () => a.newUsers.admit(office(), identity(), ADDRESS)));
  expect(new Set(admitted.map(({ user, credential_id }) => `${user.id} ${credential_id}`)).size).toBe(1);
  expect(await count()).toBe(1);
});

test('the number of waiting users is bounded under parallel logins; active ones do not count', async () => {
  const logins = Array.from({ length: 20 }, (_, n) => a.newUsers.admit(office(), identity({ subject: `user ${n}` }), ADDRESS));
  const outcomes = await Promise.allSettled(logins);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  const refusal = { code: 'login_blocked', description: 'Login blocked: Too many users are waiting for approval' };
  await expect(a.newUsers.admit(office(), identity({ subject: 'late' }), ADDRESS)).rejects.toMatchObject(refusal);
  await a.newUsers.admit(office('activate'), identity({ subject: 'late' }), ADDRESS);
  expect(await count()).toBe(4);
});

describe('the groups of a new user', () => {
  test.each([
    ['are those the provider names', ['system-read-only'], ['system-users'], ['system-read-only']],
    ['are the default ones where it names none', undefined, ['system-users'], ['system-users']],
    ['never are the administrators', ['system-admin'], ['system-admin', 'system-users'], ['system-users']],
    ['leave out what does not exist', ['nobody', 'system-users'], [], ['system-users']],
  ])('%s', async (_, group_ids, default_groups, wanted) => {
    const { user } = await a.newUsers.admit(office('approve', default_groups), identity(group_ids && { group_ids }), ADDRESS);
    expect((await a.users.get(user.id)).group_ids).toEqual(wanted);
  });
});

test.each([
  [null, null],
  ['', null],
  ['A\u202el\nice', 'Al ice'],
])('the name %j becomes %j', async (name, wanted) => {
  const { user } = await a.newUsers.admit(office(), identity({ name }), ADDRESS);
  expect((await a.users.get(user.id)).name).toBe(wanted);
});

test('a long name is cut', async () => {
  const { user } = await a.newUsers.admit(office(), identity({ name: 'x'.repeat(5000) }), ADDRESS);
  expect((await a.users.get(user.id)).name).toHaveLength(256);
});

test('an identity that was linked meanwhile logs in as that user', async () => {
  const { id } = await addPerson(a.database);
  const { subject, data } = identity();
  const { auth_provider_type, auth_provider_id } = OFFICE;
  const credential = { id: randomId(), user_id: id, auth_provider_type, auth_provider_id, subject, data, created_at: a.time.clock() };
  await a.credentials.link(credential);
  expect((await a.newUsers.admit(office(), identity(), ADDRESS)).user.id).toBe(id);
});
