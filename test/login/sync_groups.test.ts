// The whole way: a provider says which groups a person is in, and they log in over HTTP.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { speaking } from '../support/fakes/speaking_provider.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';

const { type, says } = speaking();
const GROUPS = { staff: ['office', 'system-users'], bosses: ['system-admin'], guests: ['system-read-only'], keepers: ['vault'] };
const TEAMS = ['office', 'family', 'vault'].map((id) => ({ id, name: id, policy: {}, require_mfa: id === 'vault' }));

let server: TestServer;
beforeAll(async () => {
  const block = { type: 'speaking', new_users: 'activate', groups: GROUPS };
  server = await startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, { ...block, id: 'synced', sync_groups: true }, { ...block, id: 'once' }],
      groups: TEAMS,
    },
    extra_provider_types: [type],
  });
});
afterAll(() => server.close());
beforeEach(async () => {
  for (const table of ['users', 'audit_events'] as const) await server.container.database.kysely.deleteFrom(table).execute();
});

/**
 * Logs in as somebody who the provider says is in these groups; answers the groups that they are in
 * then.
 */
async function logIn(groups: string[] | undefined, id: 'synced' | 'once' = 'synced', subject = 'ann') {
  says({ subject, data: {}, name: subject, amr: ['pwd'], ...(groups && { groups }) });
  const { access_token } = await server.redeem(await server.login({ username: '', password: '' }, { handler: ['speaking', id] }));
  const { id: user_id } = (await server.inject({ url: '/api/me', token: access_token })).json();
  return { user_id, group_ids: await groupsOf(user_id) };
}
const groupsOf = async (user_id: string) => (await server.container.users.get(user_id)).group_ids;
const join = (user_id: string, group_id: string) =>
  server.container.database.kysely.insertInto('user_groups').values({ user_id, group_id }).execute();
async function changes() {
  await server.container.audit.flush();
  const query = server.container.database.kysely.selectFrom('audit_events').select('detail').where('type', '=', 'user.updated');
  return (await query.execute()).map(({ detail }) => detail);
}

it('a new user is in the default groups and those of the mapping', async () => {
  expect((await logIn(['bosses', 'unknown'])).group_ids).toEqual(['system-admin', 'system-users']);
  expect((await logIn(['guests'], 'once')).group_ids).toEqual(['system-read-only', 'system-users']);
  expect(await changes()).toEqual([]);
});

it('at each login the mapping is applied again, and what an owner gave by hand stays', async () => {
  const { user_id, group_ids } = await logIn(['staff', 'guests']);
  expect(group_ids).toEqual(['office', 'system-read-only', 'system-users']);
  await join(user_id, 'family');
  expect((await logIn(['bosses'])).group_ids).toEqual(['family', 'system-admin']);
  expect(await changes()).toEqual([
    { auth_provider: 'speaking:synced', joined: ['system-admin'], left: ['office', 'system-read-only', 'system-users'] },
  ]);
  // A boss no longer: the right is gone with the next login.
  expect((await logIn([])).group_ids).toEqual(['family']);
  expect((await logIn([])).group_ids).toEqual(['family']);
  expect(await changes()).toHaveLength(2);
});

it('a provider that says nothing of groups takes none away', async () => {
  await logIn(['staff']);
  expect((await logIn(undefined)).group_ids).toEqual(['office', 'system-users']);
});

it('where groups are not synced, only the first login counts', async () => {
  await logIn(['guests'], 'once');
  expect((await logIn(['bosses'], 'once')).group_ids).toEqual(['system-read-only', 'system-users']);
});

it('the owner is untouched', async () => {
  const { user_id } = await logIn(['staff']);
  await server.container.database.kysely.updateTable('users').set({ is_owner: true }).where('id', '=', user_id).execute();
  expect((await logIn(['guests'])).group_ids).toEqual(['office', 'system-users']);
  expect(await changes()).toEqual([]);
});

it('a login that is refused changes no group', async () => {
  const { user_id } = await logIn(['staff']);
  await server.container.database.kysely.updateTable('users').set({ is_active: false }).where('id', '=', user_id).execute();
  await expect(logIn(['bosses'])).rejects.toThrow('User is not active');
  expect(await groupsOf(user_id)).toEqual(['office', 'system-users']);
});

// I5
it('a group that demands a second factor demands it of whom the provider puts there now, before they are in it', async () => {
  const { user_id } = await logIn(['staff']);
  await expect(logIn(['staff', 'keepers'])).rejects.toThrow('A second factor is required');
  await expect(logIn(['keepers'], 'synced', 'new')).rejects.toThrow('A second factor is required');
  expect((await logIn(['guests'])).group_ids).toEqual(['system-read-only']);
  expect(await groupsOf(user_id)).toEqual(['system-read-only']);
});

it('20 parallel logins end in what the provider says', async () => {
  await logIn(['staff']);
  const all = await Promise.all(Array.from({ length: 20 }, () => logIn(['guests'])));
  expect(await groupsOf(all[0]!.user_id)).toEqual(['system-read-only']);
});
