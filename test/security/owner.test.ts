// What administrators cannot do to the owner, generated from the table of routes: one that is not
// in the list fails.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiRoutes } from '../../src/http/api/api_routes.ts';
import { addApiPerson, type Call, callerWith } from '../support/fixtures/api.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { CHALLENGE } from '../support/fixtures/standard_grants.ts';

interface Attempt {
  /** Path parameters other than the owner's id. */
  path?: Record<string, string>;
  bodies?: object[];
  /** Instead of `cannot_modify_owner`. */
  code?: string;
}

/** What an administrator sends to change the owner, or why the route cannot. */
const ROUTES: Record<string, Attempt | string> = {
  'PATCH /api/users/:user_id': {
    bodies: [{ name: 'New' }, { local_only: true }, { group_ids: [] }, { group_ids: ['strict'] }, { is_active: true }],
  },
  'DELETE /api/users/:user_id': {},
  'POST /api/users/:user_id/approve': { bodies: [{}, { group_ids: ['strict'] }] },
  'POST /api/users/:user_id/decline': 'deletes only somebody who waits, which the owner never does',
  'POST /api/users/:user_id/login': { bodies: [{ username: 'second', password: 'another good password' }] },
  'DELETE /api/users/:user_id/login': {},
  'DELETE /api/users/:user_id/sessions/:session_id': { path: { session_id: 'SESSION' } },
  // The owner logs in to both of them.
  'DELETE /api/clients/:client_id': { path: { client_id: 'app' } },
  'POST /api/approvals/refuse': { bodies: [{ client_id: 'https://app.example.com/' }, { client_id: 'registered' }] },
  'POST /api/url_clients/refuse': { bodies: [{ client_id: 'https://app.example.com/' }] },
  // A trusted client gets codes without asking the owner.
  'POST /api/clients': { bodies: [{ client_name: 'x', redirect_uris: ['https://x.example.com/cb'], trusted: true }], code: 'unauthorized' },
  'PATCH /api/clients/:client_id': { path: { client_id: 'app' }, bodies: [{ trusted: true }], code: 'unauthorized' },
  'POST /api/clients/:client_id/secrets': { path: { client_id: 'trusted' }, bodies: [{}], code: 'unauthorized' },
  'DELETE /api/clients/:client_id/secrets/:secret_id': { path: { client_id: 'trusted' }, code: 'unauthorized' },
  'POST /api/users': 'makes another user',
  'POST /api/approvals/approve': 'lets an app in, and asks each person before it gets anything',
  'POST /api/url_clients/approve': 'lets an app in, and asks each person before it gets anything',
  'POST /api/permissions/check': 'reads',
};

let server: TestServer;
let admin: Call;
let owner: Call;
let owner_id: string;
let session_id: string;
let waiting_id: string;

beforeAll(async () => {
  const app = { redirect_uris: ['https://app.example.com/cb'], token_endpoint_auth_method: 'client_secret_basic' };
  server = await startServer({
    config: {
      approvals: { by: 'administrators' },
      groups: [{ id: 'strict', name: 'Strict', require_mfa: true, policy: {} }],
      http: { ip_ban_enabled: false },
    },
  });
  const { access_token } = await server.ownerTokens();
  owner = callerWith(server, access_token);
  owner_id = (await owner('GET', '/api/me')).json().id;
  admin = callerWith(server, (await addApiPerson(server, owner, 'admin', ['system-admin'])).access_token);
  for (const client_id of ['app', 'trusted'])
    expect((await owner('POST', '/api/clients', { ...app, client_id, trusted: client_id === 'trusted' })).statusCode).toBe(201);
  const { kysely } = server.container.database;
  const { id } = await kysely.selectFrom('credentials').select('id').where('user_id', '=', owner_id).executeTakeFirstOrThrow();
  const login = { user_id: owner_id, credential_id: id, auth_provider_type: 'homeassistant', auth_provider_id: null };
  await server.container.sessions.start({ ...login, auth_time: server.clock(), amr: ['pwd'] }, { remote_address: '::1', user_agent: null });
  session_id = (await owner('GET', '/api/me/sessions')).json().items[0].id;
  const registered = { client_id: 'registered', ...app, token_endpoint_auth_method: 'none' as const };
  await kysely
    .insertInto('clients')
    .values({
      ...registered,
      ...{ grant_types: ['authorization_code'], scope: ['openid'], managed_by: 'registration', created_at: server.clock() },
      ...{ approval: 'approved', approval_since: server.clock() },
    })
    .execute();
  for (const client_id of ['app', 'registered'])
    await server.container.refreshTokens.create(
      owner_id,
      { client_id },
      { user_id: null, is_owner: true, is_admin: true, remote_address: null },
    );
  waiting_id = (await owner('POST', '/api/users', { name: 'waiting' })).json().id;
  await kysely.updateTable('users').set({ is_active: false, is_pending: true }).where('id', '=', waiting_id).execute();
  await kysely
    .insertInto('url_clients')
    .values({
      client_id: 'https://app.example.com/',
      status: 'approved',
      metadata: '{}',
      metadata_hash: Buffer.alloc(32),
      created_at: server.clock(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
});
afterAll(() => server.close());

const routes = () => apiRoutes(server.container);

/** Everything of the owner that an administrator could wish to change. */
async function ownersRows(): Promise<unknown> {
  const { kysely } = server.container.database;
  const tables = ['user_groups', 'credentials', 'sessions', 'refresh_tokens', 'consents', 'mfa_enrolments'] as const;
  const rows = tables.map((table) => kysely.selectFrom(table).selectAll().where('user_id', '=', owner_id).orderBy('user_id').execute());
  return [await kysely.selectFrom('users').selectAll().where('id', '=', owner_id).execute(), ...(await Promise.all(rows))].map((list) =>
    (list as object[]).map((row) => JSON.stringify({ ...row, last_used_at: null, last_used_ip: null })).sort(),
  );
}

// S8, M7
describe('an administrator', () => {
  it('finds every route that changes something in the list, unless it is their own or the owner alone may call it', () => {
    const changing = routes().filter(({ method, url, who }) => method !== 'GET' && who !== 'owner' && !/^\/api\/me(\/|$)/.test(url));
    expect(changing.map(({ method, url }) => `${method} ${url}`).sort()).toEqual(Object.keys(ROUTES).sort());
  });

  it.each(Object.entries(ROUTES).filter((entry): entry is [string, Attempt] => typeof entry[1] !== 'string'))(
    'changes nothing of the owner by %s',
    async (route, { path = {}, bodies = [undefined], code = 'cannot_modify_owner' }) => {
      const [method, url = ''] = route.split(' ');
      const ids = { user_id: owner_id, secret_id: '0'.repeat(32), ...path } as Record<string, string>;
      const real = url.replaceAll(/:(\w+)/g, (_, name) => (ids[name] === 'SESSION' ? session_id : ids[name]!));
      const before = await ownersRows();
      for (const body of bodies) {
        const answer = await admin(method as 'GET', real, body);
        const status = code === 'unauthorized' ? 403 : 409;
        expect([route, body, answer.statusCode, answer.json().code]).toEqual([route, body, status, code]);
      }
      expect(await ownersRows()).toEqual(before);
    },
  );

  it('does not merge a waiting user into the owner', async () => {
    const answer = await admin('POST', `/api/users/${waiting_id}/approve`, { merge_into: owner_id });
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'cannot_modify_owner']);
  });

  it('does not lock the owner out of an app by its groups', async () => {
    const url = '/api/clients/open';
    const made = { client_id: 'open', redirect_uris: ['https://open.example.com/cb'], allowed_group_ids: ['strict'] };
    expect((await admin('POST', '/api/clients', made)).statusCode).toBe(201);
    const session = { user_id: owner_id, auth_time: server.clock(), amr: ['pwd'], credential_id: null, sid: 'x' };
    const asked = { response_type: 'code', client_id: 'open', redirect_uri: 'https://open.example.com/cb', scope: 'openid' };
    const query = new URLSearchParams({ ...asked, code_challenge: CHALLENGE, code_challenge_method: 'S256' });
    const { request } = await server.container.authorize.open(query, '::1');
    if (request instanceof Error) throw request;
    const key = { auth_provider_type: 'homeassistant', auth_provider_id: null };
    expect(await server.container.authorize.next(request, { ...session, ...key }, { query, browser_hash: null })).toEqual({
      next: 'consent',
    });
    expect((await admin('DELETE', url)).statusCode).toBe(204);
  });

  it('does not rename somebody who has just become the owner', async () => {
    const heir = await addApiPerson(server, owner, 'heir', ['system-admin']);
    const rename = (name: string) => admin('PATCH', `/api/users/${heir.id}`, { name });
    const [renamed] = await Promise.all([
      rename('Before or after'),
      server.container.users.handOverOwnership(heir.id, { user_id: null, is_owner: true, is_admin: true, remote_address: null }),
    ]);
    expect([200, 409]).toContain(renamed.statusCode);
    expect((await rename('After')).statusCode).toBe(409);
    const owners = await server.container.database.kysely
      .selectFrom('users')
      .select(['id', 'is_active'])
      .where('is_owner', '=', true)
      .execute();
    expect(owners).toEqual([{ id: heir.id, is_active: true }]);
    await server.container.users.handOverOwnership(owner_id, { user_id: null, is_owner: true, is_admin: true, remote_address: null });
  });
});

// M7, S8
describe('of another administrator, an administrator', () => {
  let other: { id: string };
  beforeAll(async () => {
    other = await addApiPerson(server, owner, 'colleague', ['system-users', 'system-admin']);
  });
  const groupsOf = async () => (await server.container.users.get(other.id)).group_ids;

  it.each<[string, object]>([
    ['does not take the rights, which would open the way to a merge', { group_ids: ['system-users'] }],
    ['does not change the groups', { group_ids: ['system-users', 'system-admin'] }],
    ['does not set the e-mail address', { email: 'mine@example.com' }],
    ['does not mark the e-mail address as verified', { email: 'mine@example.com', email_verified: true }],
    ['does not change the username', { username: 'mine' }],
  ])('%s', async (_title, patch) => {
    const answer = await admin('PATCH', `/api/users/${other.id}`, patch);
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'unauthorized']);
    expect(await groupsOf()).toEqual(['system-admin', 'system-users']);
  });

  it('changes the name, and deactivates', async () => {
    for (const patch of [{ name: 'Colleague' }, { is_active: false }, { is_active: true }])
      expect((await admin('PATCH', `/api/users/${other.id}`, patch)).statusCode).toBe(200);
  });

  it('changes their own e-mail address, and resigns', async () => {
    const one = await addApiPerson(server, owner, 'resigning', ['system-users', 'system-admin']);
    const patch = { email: 'own@example.com', group_ids: ['system-users'] };
    expect((await callerWith(server, one.access_token)('PATCH', `/api/users/${one.id}`, patch)).statusCode).toBe(200);
  });
});

// M7
it('two administrators who demote each other at once leave the active owner', async () => {
  const [one, two] = [
    await addApiPerson(server, owner, 'one', ['system-admin']),
    await addApiPerson(server, owner, 'two', ['system-admin']),
  ];
  const demote = (by: string, id: string) => callerWith(server, by)('PATCH', `/api/users/${id}`, { group_ids: [], is_active: false });
  await Promise.all([demote(one.access_token, two.id), demote(two.access_token, one.id)]);
  const owners = await server.container.database.kysely.selectFrom('users').select('is_active').where('is_owner', '=', true).execute();
  expect(owners).toEqual([{ is_active: true }]);
});
