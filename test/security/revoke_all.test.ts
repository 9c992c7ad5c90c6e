// The owner's last resort: whatever was issued before a given time is refused everywhere, and what
// is issued afterwards works.
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { OPERATOR } from '../../src/accounts/actor.ts';
import { sha256 } from '../../src/domain/secret.ts';
import { authorizeUrl, standardBrowser } from '../support/clients/standard_browser.ts';
import { addApiPerson, callerWith, type Person } from '../support/fixtures/api.ts';
import { RELEASE } from '../support/fixtures/released_codes.ts';
import { CLIENT_ID, REDIRECT_URI, REMOTE_ADDRESS, startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../support/fixtures/standard_grants.ts';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const HOST = 'wiki.example.com';
const APP = { client_id: 'app', client_secret: 'the secret of the app' };

let server: TestServer;
let person: Person;
let count = 0;

beforeAll(async () => {
  const grant_types = ['authorization_code', 'refresh_token', 'client_credentials', EXCHANGE, DEVICE];
  const app = { ...APP, redirect_uris: [CALLBACK], token_endpoint_auth_method: 'client_secret_post', trusted: true, grant_types };
  const told = { backchannel_logout_uri: 'https://app.example.com/logout', scope: 'openid profile offline_access read' };
  server = await startServer({
    config: {
      clients: [{ ...app, ...told }],
      scopes: [{ name: 'read', description: 'Read' }],
      token_exchange: { enabled: true },
      http: { ip_ban_enabled: false, trusted_proxies: ['10.0.0.1'] },
      forward_auth: { rules: [{ host: HOST }] },
    },
  });
  await server.createOwner();
});
afterAll(() => server.close());
beforeEach(async () => {
  count += 1;
  person = await addApiPerson(server, await owner(), `person${count}`);
  server.advance(10);
});

const owner = async () => callerWith(server, (await server.redeem(await server.login())).access_token);
const post = (url: string, form: Record<string, string>) => server.inject({ method: 'POST', url, form });
const token = (grant_type: string, form: Record<string, string>) => post('/auth/token', { ...APP, grant_type, ...form });
const isActive = async (text: string) => (await post('/auth/introspect', { ...APP, token: text })).json().active as boolean;
const opens = async (url: string, text: string) => (await server.inject({ url, token: text })).statusCode === 200;
const rows = async (table: 'refresh_tokens' | 'sessions' | 'logout_deliveries') =>
  (await server.container.database.kysely.selectFrom(table).selectAll().execute()).length;

async function standardTokens(scope = 'openid') {
  const code = (await standardBrowser(server).authorize(authorizeUrl({ scope }), person)).searchParams.get('code')!;
  return (await token('authorization_code', { code, code_verifier: VERIFIER })).json() as { access_token: string; refresh_token: string };
}

/** Somebody's session, as its cookie. */
async function startSession(): Promise<string> {
  const { id: credential_id } = await server.container.database.kysely
    .selectFrom('credentials')
    .select('id')
    .where('user_id', '=', person.id)
    .executeTakeFirstOrThrow();
  const provider = { auth_provider_type: 'homeassistant', auth_provider_id: null };
  const login = { user_id: person.id, credential_id, ...provider, auth_time: server.clock(), amr: ['pwd'] };
  return await server.container.sessions.start(login, { remote_address: REMOTE_ADDRESS, user_agent: null });
}

/**
 * What is issued, and how one sees that it is good. A code is good once: it is looked at at the end
 * alone.
 */
const KINDS: Record<string, () => Promise<() => Promise<boolean>>> = {
  async "a grant of Home Assistant's dialect"() {
    const { refresh_token } = await server.redeem(await server.login(person));
    return async () => (await post('/auth/token', { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token })).statusCode === 200;
  },
  async 'its access token'() {
    const { access_token } = await server.redeem(await server.login(person));
    return () => opens('/api/me', access_token);
  },
  async 'a long-lived access token'() {
    const wanted = { client_name: `script ${server.clock().getTime()}`, lifespan: 3650 };
    const made = await callerWith(server, (await server.redeem(await server.login(person))).access_token)(
      'POST',
      '/api/me/long_lived_access_tokens',
      wanted,
    );
    return () => opens('/api/me', made.json().token);
  },
  async "a machine's access token"() {
    const { id } = await server.container.users.createSystem({ name: 'Backup' }, OPERATOR);
    const { access_token } = await server.container.refreshTokens.createSystem(id, OPERATOR);
    return () => opens('/api/', access_token);
  },
  async 'an access token of the standard profile'() {
    const { access_token } = await standardTokens();
    return async () => (await isActive(access_token)) && (await opens('/auth/userinfo', access_token));
  },
  async 'a refresh token of the standard profile'() {
    const { refresh_token } = await standardTokens();
    return () => isActive(refresh_token);
  },
  async 'one that outlives its session'() {
    const { refresh_token } = await standardTokens('openid offline_access');
    return async () => {
      const answer = await token('refresh_token', { refresh_token });
      return answer.statusCode === 200 || answer.json().error !== 'invalid_grant';
    };
  },
  async 'a token that was exchanged'() {
    const { access_token } = await standardTokens('openid read');
    const answer = await token(EXCHANGE, { subject_token: access_token, subject_token_type: ACCESS_TOKEN, scope: 'read' });
    return () => isActive(answer.json().access_token);
  },
  async 'a token of a client in its own name'() {
    const answer = await token('client_credentials', { scope: 'read' });
    return () => isActive(answer.json().access_token);
  },
  async 'a code'() {
    const code = (await standardBrowser(server).authorize(authorizeUrl(), person)).searchParams.get('code')!;
    return async () => (await token('authorization_code', { code, code_verifier: VERIFIER })).statusCode === 200;
  },
  async "a code of Home Assistant's dialect"() {
    const code = await server.login(person);
    return async () => (await post('/auth/token', { grant_type: 'authorization_code', client_id: CLIENT_ID, code })).statusCode === 200;
  },
  async 'a device code that was answered'() {
    const { device_code, user_code } = (await post('/auth/device_authorization', { ...APP, scope: 'openid' })).json();
    const { sid, ...login } = (await server.container.sessions.find(await startSession(), REMOTE_ADDRESS))!;
    const answering = { user_code: user_code.replaceAll('-', ''), sid, user_id: login.user_id, now: server.clock() };
    await server.container.repositories.deviceCodes.claim(answering);
    const { credential_id, auth_provider_type, auth_provider_id, auth_time, amr } = login;
    const how = { credential_id: credential_id!, auth_provider_type, auth_provider_id, auth_time, amr, allowed_group_ids: null };
    expect(await server.container.repositories.deviceCodes.approve({ ...answering, ...how }, RELEASE)).toBe(true);
    return async () => (await token(DEVICE, { device_code })).statusCode === 200;
  },
  async "a browser's session"() {
    const cookie = `__Host-latchkey_session=${await startSession()}`;
    return async () => (await server.inject({ url: '/account/security', headers: { cookie } })).statusCode === 200;
  },
  async "a protected host's"() {
    const { forwardAuth, sessions } = server.container;
    const session = await sessions.find(await startSession(), REMOTE_ADDRESS);
    const browser_hash = sha256('a browser');
    const code = await forwardAuth.issueCode(session!, { host: HOST, uri: '/', browser_hash });
    const cookie = await forwardAuth.redeem({ code, host: HOST, browser_hash, remote_address: REMOTE_ADDRESS });
    const headers = { 'x-forwarded-for': REMOTE_ADDRESS, 'x-original-url': `https://${HOST}/`, 'x-original-method': 'GET' };
    const ask = { url: '/auth/verify', remote_address: '10.0.0.1' };
    return async () =>
      (await server.inject({ ...ask, headers: { ...headers, cookie: `__Host-latchkey_host_session=${cookie}` } })).statusCode === 200;
  },
  async 'a login under way'() {
    const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
    const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: start })).json();
    const json = { client_id: CLIENT_ID, username: person.username, password: person.password };
    return async () => (await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json })).statusCode === 200;
  },
};

// F4
describe('after everything was revoked', () => {
  it.each(Object.entries(KINDS))('%s from before is refused, and one from afterwards works', async (_kind, issue) => {
    const old = await issue();
    const call = await owner();
    const answer = await call('POST', '/api/refresh_tokens/revoke_all');
    expect([answer.statusCode, answer.json().before]).toEqual([200, server.clock().toISOString()]);
    server.advance(1);
    const young = await issue();
    expect([await old(), await young()]).toEqual([false, true]);
    expect((await call('GET', '/api/me')).statusCode).toBe(401);
  });

  it.each(Object.entries(KINDS))('%s from after the time that was named is good', async (_kind, issue) => {
    const old = await issue();
    server.advance(3);
    const time = server.clock().toISOString().replace('Z', '+00:00');
    const young = await issue();
    server.advance(2);
    const call = await owner();
    expect((await call('POST', '/api/refresh_tokens/revoke_all', { before: time })).statusCode).toBe(200);
    expect([await old(), await young()]).toEqual([false, true]);
    expect((await call('GET', '/api/me')).statusCode).toBe(200);
  });

  it('a grant is revoked that a login from before the named time earned afterwards', async () => {
    const browser = standardBrowser(server);
    await browser.authorize(authorizeUrl(), person);
    server.advance(60);
    const before = server.clock();
    const code = (await browser.authorize(authorizeUrl({ scope: 'openid offline_access' }))).searchParams.get('code')!;
    const { access_token } = (await token('authorization_code', { code, code_verifier: VERIFIER })).json();
    expect(await isActive(access_token)).toBe(true);
    await server.container.revokeAll({ before }, OPERATOR);
    expect(await isActive(access_token)).toBe(false);
  });

  it('the apps of the sessions are notified, and one event remembers who did it', async () => {
    await standardTokens();
    const call = await owner();
    const [told, sessions, refresh_tokens] = [await rows('logout_deliveries'), await rows('sessions'), await rows('refresh_tokens')];
    const answer = await call('POST', '/api/refresh_tokens/revoke_all');
    expect(answer.json()).toMatchObject({ sessions, refresh_tokens });
    expect(await rows('logout_deliveries')).toBeGreaterThan(told);
    expect([await rows('sessions'), await rows('refresh_tokens')]).toEqual([0, 0]);
    const { items } = await server.container.audit.list({ limit: 200, cursor: null });
    const events = items.filter(({ type, at }) => type === 'tokens.revoked' && at.getTime() === server.clock().getTime());
    expect(events).toMatchObject([
      { actor_user_id: expect.any(String), detail: { sessions, refresh_tokens, before: server.clock().toISOString() } },
    ]);
  });

  it('nothing is taken back by an earlier time', async () => {
    const { access_token } = (await token('client_credentials', { scope: 'read' })).json();
    await server.container.revokeAll({}, OPERATOR);
    await server.container.revokeAll({ before: new Date(0) }, OPERATOR);
    expect(await isActive(access_token)).toBe(false);
    server.advance(1);
  });
});

test('a code that is redeemed at the same moment leaves no grant behind', async () => {
  for (let round = 0; round < 10; round++) {
    const code = await server.login(person);
    await Promise.all([
      post('/auth/token', { grant_type: 'authorization_code', client_id: CLIENT_ID, code }),
      server.container.revokeAll({}, OPERATOR),
    ]);
    expect(await rows('refresh_tokens')).toBe(0);
  }
});

test.each([{ before: '2999-01-01T00:00:00Z' }, { before: 'yesterday' }, { before: '2026-03-14' }, { before: 1 }, { after: 'x' }])(
  '%j revokes nothing',
  async (body) => {
    const answer = await (await owner())('POST', '/api/refresh_tokens/revoke_all', body);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_format']);
    expect(await opens('/api/me', person.access_token)).toBe(true);
  },
);
