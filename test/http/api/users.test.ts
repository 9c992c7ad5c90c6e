import { beforeAll, describe, expect, it } from 'vitest';
import { addApiPerson, type Call, callerWith } from '../../support/fixtures/api.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, startServer } from '../../support/fixtures/server.ts';

let owner: Call;
let admin: Call;
let owner_id: string;

const server = perFile(() =>
  startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, { type: 'insecure_example', users: [{ username: 'bob', password: 'pw', name: 'Bob' }] }],
      groups: [{ id: 'family', name: 'Family', policy: { entities: { domains: { light: true } } } }],
    },
  }),
);
beforeAll(async () => {
  owner = callerWith(server, (await server.ownerTokens()).access_token);
  owner_id = (await owner('GET', '/api/me')).json().id;
  admin = callerWith(server, (await addApiPerson(server, owner, 'admin', ['system-admin'])).access_token);
});

const make = async (name: string, body: object = {}) => (await admin('POST', '/api/users', { name, ...body })).json().id as string;
const summary = ({ statusCode, body }: { statusCode: number; body: string }) => [statusCode, body && JSON.parse(body).code];

describe('a user', () => {
  it('is made, changed, listed and deleted', async () => {
    const made = await admin('POST', '/api/users', { name: 'Grace', group_ids: ['family'], local_only: true });
    const user = {
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      username: null,
      name: 'Grace',
      is_owner: false,
      is_active: true,
      is_pending: false,
      local_only: true,
      system_generated: false,
      group_ids: ['family'],
      credentials: [],
      email: null,
      email_verified: false,
      picture: null,
      locale: null,
      zoneinfo: null,
    };
    expect([made.statusCode, made.json()]).toEqual([201, user]);
    const url = `/api/users/${made.json().id}`;
    const changed = await admin('PATCH', url, { name: 'Grace H.', is_active: false, group_ids: ['system-users'], local_only: false });
    const now = { ...user, name: 'Grace H.', is_active: false, group_ids: ['system-users'], local_only: false };
    expect(changed.json()).toEqual(now);
    expect((await admin('GET', url)).json()).toEqual(now);
    const { items } = (await admin('GET', '/api/users')).json();
    expect(items.map(({ name }: { name: string }) => name).sort()).toEqual(['Ada', 'Grace H.', 'admin']);
    expect((await admin('DELETE', url)).statusCode).toBe(204);
    expect(summary(await admin('GET', url))).toEqual([404, 'not_found']);
  });

  // M5
  it.each([
    { is_owner: true },
    { is_admin: true },
    { system_generated: true },
    { is_pending: false },
    { id: 'x' },
    { group_ids: 'system-admin' },
  ])('is not changed by %j', async (body) => {
    const id = await make('Mallory');
    const before = (await admin('GET', `/api/users/${id}`)).json();
    expect(summary(await admin('PATCH', `/api/users/${id}`, body))).toEqual([400, 'invalid_format']);
    expect((await admin('GET', `/api/users/${id}`)).json()).toEqual(before);
  });

  it('keeps to the rules of state', async () => {
    const admin_id = (await admin('GET', '/api/me')).json().id;
    const system = await server.container.users.createSystem(
      { name: 'robot' },
      { user_id: null, is_owner: true, is_admin: true, remote_address: null },
    );
    const rules: [string, Promise<{ statusCode: number; body: string }>, [number, string]][] = [
      ['unknown group', admin('POST', '/api/users', { name: 'x', group_ids: ['nope'] }), [400, 'unknown_group']],
      ['unknown user', admin('PATCH', `/api/users/${'0'.repeat(32)}`, { name: 'x' }), [404, 'not_found']],
      ['system user', admin('PATCH', `/api/users/${system.id}`, { name: 'x' }), [409, 'cannot_modify_system_generated']],
      ['deactivating the owner', admin('PATCH', `/api/users/${owner_id}`, { is_active: false }), [409, 'cannot_deactivate_owner']],
      ['deleting oneself', admin('DELETE', `/api/users/${admin_id}`), [409, 'no_delete_self']],
      ['deleting the owner', admin('DELETE', `/api/users/${owner_id}`), [409, 'cannot_modify_owner']],
      ['deleting a system user', admin('DELETE', `/api/users/${system.id}`), [409, 'cannot_modify_system_generated']],
      ['approving twice', owner('POST', `/api/users/${admin_id}/approve`), [409, 'not_pending']],
      ['a path of NUL', admin('GET', '/api/users/%00'), [404, 'not_found']],
    ];
    for (const [story, answer, want] of rules) expect([story, summary(await answer)]).toEqual([story, want]);
  });

  it('who came by a login waits for the owner’s approval', async () => {
    const login = () => server.login({ username: 'bob', password: 'pw' }, { handler: ['insecure_example', null] });
    await expect(login()).rejects.toThrow('Login blocked: User is not active');
    const { items } = (await admin('GET', '/api/users')).json();
    const bob = items.find(({ name }: { name: string }) => name === 'Bob');
    expect(bob).toMatchObject({
      is_pending: true,
      is_active: false,
      group_ids: ['system-users'],
      credentials: [{ type: 'insecure_example', id: null }],
    });
    expect(summary(await admin('POST', `/api/users/${bob.id}/approve`, {}))).toEqual([403, 'unauthorized']);
    const approved = await owner('POST', `/api/users/${bob.id}/approve`, { group_ids: ['family'] });
    expect(approved.json()).toMatchObject({ is_pending: false, is_active: true, group_ids: ['family'] });
    const { access_token } = await server.redeem(await login(), CLIENT_ID);
    expect((await callerWith(server, access_token)('GET', '/api/me')).json().name).toBe('Bob');
  });

  it('who is deactivated is refused on the next call', async () => {
    const person = await addApiPerson(server, owner, 'leaver');
    const call = callerWith(server, person.access_token);
    expect((await call('GET', '/api/me')).statusCode).toBe(200);
    await admin('PATCH', `/api/users/${person.id}`, { is_active: false });
    expect((await call('GET', '/api/me')).statusCode).toBe(401); // M16
  });
});

describe('a login', () => {
  it('is added, renamed, given another password, and removed', async () => {
    const url = `/api/users/${await make('Linus')}/login`;
    const given = await admin('POST', url, { username: 'linus', password: 'a good long password' });
    expect([given.statusCode, given.json()]).toEqual([201, { username: 'linus' }]);
    expect(summary(await admin('PUT', `${url}/username`, { username: 'torvalds' }))).toEqual([403, 'unauthorized']);
    expect((await owner('PUT', `${url}/username`, { username: 'torvalds' })).statusCode).toBe(204);
    expect((await owner('PUT', `${url}/password`, { password: 'another long password' })).statusCode).toBe(204);
    await server.login({ username: 'torvalds', password: 'another long password' });
    expect(summary(await admin('DELETE', url))).toEqual([409, 'last_credential']);
  });

  it.each<[string, object, [number, string]]>([
    ['a taken name', { username: OWNER.username, password: 'a good long password' }, [409, 'username_already_exists']],
    ['a name that looks like an id', { username: 'c'.repeat(32), password: 'a good long password' }, [400, 'invalid_format']],
    ['a short password', { username: 'tiny', password: 'short' }, [400, 'invalid_password']],
    ['no password', { username: 'tiny' }, [400, 'invalid_format']],
  ])('is not given with %s', async (_story, body, want) => {
    expect(summary(await admin('POST', `/api/users/${await make('Nobody')}/login`, body))).toEqual(want);
  });

  it('of an unknown user is not found', async () => {
    const url = `/api/users/${await make('Nobody')}/login`;
    expect(summary(await admin('DELETE', url))).toEqual([404, 'credentials_not_found']);
    expect(summary(await owner('PUT', `${url}/password`, { password: 'a good long password' }))).toEqual([404, 'credentials_not_found']);
  });
});

describe('groups and permissions', () => {
  it('groups are listed with their policies', async () => {
    const { items, next_cursor } = (await admin('GET', '/api/groups')).json();
    expect(next_cursor).toBeNull();
    expect(items).toContainEqual({
      id: 'family',
      name: 'Family',
      policy: { entities: { domains: { light: true } } },
      system_generated: false,
      managed_by: 'config',
    });
    expect(items.map(({ id }: { id: string }) => id).sort()).toEqual(['family', 'system-admin', 'system-read-only', 'system-users']);
  });

  it('a check answers for oneself, and for others to administrators', async () => {
    const child = await addApiPerson(server, owner, 'child', ['family']);
    const call = callerWith(server, child.access_token);
    const ask = async (by: Call, body: object) =>
      (await by('POST', '/api/permissions/check', { category: 'entities', key: 'control', ...body })).json();
    const light = { object: { entity_id: 'light.kitchen' } };
    const lock = { object: { entity_id: 'lock.door' } };
    expect([await ask(call, light), await ask(call, lock)]).toEqual([{ allowed: true }, { allowed: false }]);
    expect(await ask(admin, { ...lock, user_id: child.id })).toEqual({ allowed: false });
    expect(await ask(call, { ...lock, user_id: owner_id })).toMatchObject({ code: 'unauthorized' });
    expect(await ask(owner, lock)).toEqual({ allowed: true });
    expect(await ask(admin, { ...lock, user_id: '0'.repeat(32) })).toMatchObject({ code: 'not_found' });
    expect(await ask(call, { object: 'light.kitchen' })).toMatchObject({ code: 'invalid_format' });
  });
});
