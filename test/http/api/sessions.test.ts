// The browsers a person is logged in with: what they and administrators see of them, and what ends
// with one.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { authorizeUrl, type StandardBrowser, standardBrowser } from '../../support/clients/standard_browser.ts';
import { addApiPerson, type Call, callerWith, type Person } from '../../support/fixtures/api.ts';
import { REMOTE_ADDRESS, startServer, type TestServer } from '../../support/fixtures/server.ts';
import { CALLBACK } from '../../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../../support/fixtures/standard_grants.ts';

const USER_AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

let server: TestServer;
let owner: Call;
let owner_id: string;
let person: Person;
let me: Call;
let browser: StandardBrowser;
let count = 0;

beforeAll(async () => {
  const app = { client_id: 'app', client_name: 'Wiki', redirect_uris: [CALLBACK], trusted: true };
  const clients = [{ ...app, backchannel_logout_uri: 'https://app.example.com/logout' }];
  server = await startServer({ config: { clients, http: { ip_ban_enabled: false } } });
  await server.createOwner();
});
afterAll(() => server.close());
beforeEach(async () => {
  count += 1;
  owner = callerWith(server, (await server.redeem(await server.login())).access_token);
  ({ id: owner_id } = (await owner('GET', '/api/me')).json());
  person = await addApiPerson(server, owner, `person${count}`);
  me = callerWith(server, person.access_token);
  browser = standardBrowser(server, { 'user-agent': USER_AGENT });
});

interface Session {
  id: string;
  clients: { client_id: string }[];
}
const sessions = async (call = me, url = '/api/me/sessions'): Promise<Session[]> => (await call('GET', url)).json().items;

async function logIn(who: StandardBrowser = browser): Promise<string> {
  const code = (await who.authorize(authorizeUrl(), person)).searchParams.get('code')!;
  const form = { grant_type: 'authorization_code', client_id: 'app', code, code_verifier: VERIFIER };
  return (await server.inject({ method: 'POST', url: '/auth/token', form })).json().access_token;
}
const isLoggedIn = async (who: StandardBrowser) => (await who.get('/account/security')).status === 200;

it('are listed without anything that opens one', async () => {
  await logIn();
  const created_at = server.clock().toISOString();
  server.advance(60);
  await browser.get('/account/security');
  const answer = await me('GET', '/api/me/sessions');
  expect(answer.json()).toEqual({
    items: [
      {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        created_at,
        last_used_at: server.clock().toISOString(),
        expires_at: expect.any(String),
        remote_address: '127.0.0.1',
        user_agent: USER_AGENT,
        auth_provider_type: 'homeassistant',
        auth_provider_id: null,
        clients: [{ client_id: 'app', client_name: 'Wiki' }],
        is_current: false,
      },
    ],
    next_cursor: null,
  });
  const [{ id }] = answer.json().items;
  for (const cookie of [id, `lk_se_${id}`]) {
    const headers = { cookie: `__Host-latchkey_session=${cookie}` };
    expect((await server.inject({ url: '/account/security', headers })).statusCode).toBe(303);
  }
});

it('that are over are not listed, and the earlier end is shown', async () => {
  await logIn();
  const { idle_lifetime, lifetime } = server.container.config.sessions;
  const [first] = (await me('GET', '/api/me/sessions')).json().items;
  expect(Date.parse(first.expires_at) - server.clock().getTime()).toBe(1000 * Math.min(idle_lifetime, lifetime));
  server.advance(idle_lifetime);
  expect((await server.container.userSessions.list(person.id, { limit: 10, cursor: null })).items).toEqual([]);
});

it('come in pages', async () => {
  for (let n = 0; n < 3; n++) {
    await logIn(standardBrowser(server));
    server.advance(1);
  }
  const first = (await me('GET', '/api/me/sessions?limit=2')).json();
  const second = (await me('GET', `/api/me/sessions?limit=2&cursor=${first.next_cursor}`)).json();
  expect([first.items.length, second.items.length, second.next_cursor]).toEqual([2, 1, null]);
});

it('end one by one, with their tokens, and their apps are notified', async () => {
  const here = await logIn();
  const other = standardBrowser(server);
  server.advance(1);
  const there = await logIn(other);
  const [first, second] = await sessions();
  await server.container.database.kysely.deleteFrom('logout_deliveries').execute();
  expect((await me('DELETE', `/api/me/sessions/${first!.id}`)).statusCode).toBe(204);
  expect([await isLoggedIn(browser), await isLoggedIn(other)]).toEqual([false, true]);
  const userinfo = async (token: string) => (await server.inject({ url: '/auth/userinfo', token })).statusCode;
  expect([await userinfo(here), await userinfo(there)]).toEqual([401, 200]);
  expect(await sessions()).toMatchObject([{ id: second!.id }]);
  const told = await server.container.database.kysely.selectFrom('logout_deliveries').select(['client_id', 'sid']).execute();
  expect(told).toEqual([{ client_id: 'app', sid: first!.id }]);
  const again = await me('DELETE', `/api/me/sessions/${first!.id}`);
  expect([again.statusCode, again.json().code]).toEqual([404, 'not_found']);
  const { items } = await server.container.audit.list({ limit: 200, cursor: null });
  const event = { type: 'session.ended', actor_user_id: person.id, target_user_id: person.id, detail: { sid: first!.id } };
  expect(items.filter(({ type, detail }) => type === 'session.ended' && detail.sid === first!.id)).toMatchObject([event]);
});

it.each(['0'.repeat(32), 'x', '%00'])('of others, and what is none, cannot be ended: %s', async (id) => {
  expect((await me('DELETE', `/api/me/sessions/${id}`)).statusCode).toBe(404);
});

it("another's is neither listed nor ended", async () => {
  await logIn();
  const [mine] = await sessions();
  const other = callerWith(server, (await addApiPerson(server, owner, `other${count}`)).access_token);
  expect(await sessions(other)).toEqual([]);
  expect((await other('DELETE', `/api/me/sessions/${mine!.id}`)).statusCode).toBe(404);
  expect(await isLoggedIn(browser)).toBe(true);
});

describe('for administrators', () => {
  it('the sessions of others are listed and ended', async () => {
    await logIn();
    const url = `/api/users/${person.id}/sessions`;
    const [theirs] = await sessions(owner, url);
    expect((await owner('DELETE', `${url}/${theirs!.id}`)).statusCode).toBe(204);
    expect(await isLoggedIn(browser)).toBe(false);
    expect(await sessions(owner, url)).toEqual([]);
    expect((await owner('DELETE', `${url}/${theirs!.id}`)).statusCode).toBe(404);
  });

  it("the owner's are the owner's alone to end, and nobody has none", async () => {
    const admin = callerWith(server, (await addApiPerson(server, owner, `admin${count}`, ['system-admin'])).access_token);
    const { id: credential_id } = await server.container.database.kysely
      .selectFrom('credentials')
      .select('id')
      .where('user_id', '=', owner_id)
      .executeTakeFirstOrThrow();
    const provider = { auth_provider_type: 'homeassistant', auth_provider_id: null };
    const logged_in = { user_id: owner_id, credential_id, ...provider, auth_time: server.clock(), amr: ['pwd'] };
    await server.container.sessions.start(logged_in, { remote_address: REMOTE_ADDRESS, user_agent: null });
    const url = `/api/users/${owner_id}/sessions`;
    const [theirs] = await sessions(admin, url);
    const refused = await admin('DELETE', `${url}/${theirs!.id}`);
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'cannot_modify_owner']);
    expect((await owner('DELETE', `${url}/${theirs!.id}`)).statusCode).toBe(204);
    for (const id of ['0'.repeat(32), '%00']) expect([id, (await admin('GET', `/api/users/${id}/sessions`)).statusCode]).toEqual([id, 404]);
  });
});
