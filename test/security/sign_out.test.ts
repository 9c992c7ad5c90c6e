// Who has had one's password must not stay: what ends with a new password, and when a person signs
// out everywhere else.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OPERATOR } from '../../src/accounts/actor.ts';
import { authorizeUrl, type StandardBrowser, standardBrowser } from '../support/clients/standard_browser.ts';
import { addApiPerson, type Call, callerWith, type Person } from '../support/fixtures/api.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../support/fixtures/standard_grants.ts';
import { enrolTotp, totpCode } from '../support/fixtures/totp.ts';

const APP = { client_id: 'app', client_secret: 'the secret of the app' };
const NEW_PASSWORD = 'quite another long password';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

let server: TestServer;
let owner: Call;
let count = 0;
/** The one that stays, and what is elsewhere. */
let person: Person;
let here: Call;
let browsers: StandardBrowser[];
let apps: { access_token: string; refresh_token: string }[];
let phone: string;
let script: string;

beforeAll(async () => {
  const grant_types = ['authorization_code', 'refresh_token', DEVICE];
  const app = { ...APP, redirect_uris: [CALLBACK], token_endpoint_auth_method: 'client_secret_post', trusted: true, grant_types };
  const clients = [{ ...app, backchannel_logout_uri: 'https://app.example.com/logout' }];
  server = await startServer({ config: { clients, auth_mfa_modules: [{ type: 'totp' }], http: { ip_ban_enabled: false } } });
  owner = callerWith(server, (await server.ownerTokens()).access_token);
});
afterAll(() => server.close());
beforeEach(async () => {
  count += 1;
  person = await addApiPerson(server, owner, `person${count}`);
  here = callerWith(server, person.access_token);
  browsers = [standardBrowser(server), standardBrowser(server)];
  apps = [await appTokens(browsers[0]!), await appTokens(browsers[1]!, 'openid offline_access')];
  phone = (await server.redeem(await server.login(person))).access_token;
  script = (await here('POST', '/api/me/long_lived_access_tokens', { client_name: 'script' })).json().token;
  await server.container.database.kysely.deleteFrom('logout_deliveries').execute();
});

const post = (url: string, form: Record<string, string>) => server.inject({ method: 'POST', url, form: { ...APP, ...form } });
const opens = async (url: string, token: string) => (await server.inject({ url, token })).statusCode === 200;

async function appTokens(browser: StandardBrowser, scope = 'openid') {
  const code = (await browser.authorize(authorizeUrl({ scope }), person)).searchParams.get('code')!;
  const answer = await post('/auth/token', { grant_type: 'authorization_code', code, code_verifier: VERIFIER });
  return answer.json() as { access_token: string; refresh_token: string };
}

/** What is still good of all that there is. */
async function living() {
  const good = async (from: Record<string, boolean | Promise<boolean>>) => {
    const all = await Promise.all(Object.entries(from).map(async ([name, is]) => [name, await is] as const));
    return all.filter(([, is]) => is).map(([name]) => name);
  };
  const introspected = async (token: string) => (await post('/auth/introspect', { token })).json().active === true;
  const refreshed = async (refresh_token: string) => {
    const answer = await post('/auth/token', { grant_type: 'refresh_token', refresh_token });
    return answer.statusCode === 200 || answer.json().error !== 'invalid_grant';
  };
  return await good({
    here: (await here('GET', '/api/me')).statusCode === 200,
    phone: opens('/api/me', phone),
    script: opens('/api/me', script),
    app: opens('/auth/userinfo', apps[0]!.access_token),
    'app, introspected': introspected(apps[0]!.access_token),
    'app, refreshed': refreshed(apps[0]!.refresh_token),
    'app with offline access': opens('/auth/userinfo', apps[1]!.access_token),
    'app with offline access, refreshed': refreshed(apps[1]!.refresh_token),
    'first browser': (await browsers[0]!.get('/account/security')).status === 200,
    'second browser': (await browsers[1]!.get('/account/security')).status === 200,
  });
}

async function told(): Promise<number> {
  return (await server.container.database.kysely.selectFrom('logout_deliveries').select('jti').execute()).length;
}

const OFFLINE = ['app with offline access', 'app with offline access, refreshed'];
const BROWSERS = ['first browser', 'second browser'];
const EVERYTHING = ['here', 'phone', 'script', 'app', 'app, introspected', 'app, refreshed', ...OFFLINE, ...BROWSERS];
const change = (fields: object = {}) =>
  here('POST', '/api/me/password', { current_password: person.password, new_password: NEW_PASSWORD, ...fields });

/**
 * As the operator, since in some of these stories the person has a second factor that they did not
 * log in with.
 */
const changePassword = () =>
  server.container.localLogins.changeOwnPassword(
    person.id,
    { current_password: person.password, new_password: NEW_PASSWORD, sign_out_others: true },
    OPERATOR,
  );

// D17
describe('anyone who changes their password', () => {
  it('and signs out everywhere else keeps what they ask with, and nothing else; their apps are notified', async () => {
    expect((await change({ sign_out_others: true })).statusCode).toBe(204);
    expect(await living()).toEqual(['here']);
    expect(await told()).toBe(2);
    await expect(server.login(person)).rejects.toThrow('invalid_auth');
    await server.login({ ...person, password: NEW_PASSWORD });
  });

  it('alone keeps everything, as in Home Assistant', async () => {
    expect((await change()).statusCode).toBe(204);
    expect(await living()).toEqual(EVERYTHING);
    expect(await told()).toBe(0);
  });

  it.each<[string, object, number]>([
    ['does not know the one there is', { current_password: 'wrong' }, 400],
    ['chooses one that is too short', { new_password: 'short' }, 400],
    ['says something else than yes or no', { sign_out_others: 'yes' }, 400],
  ])('and %s signs nobody out', async (_story, fields, status) => {
    expect((await change({ sign_out_others: true, ...fields })).statusCode).toBe(status);
    expect(await living()).toEqual(EVERYTHING);
  });
});

describe('anyone who ends their tokens', () => {
  it.each<[string, object, string[]]>([
    ['all but their own', { delete_current_token: false }, ['here']],
    ['all', {}, []],
    ['all normal ones', { token_type: 'normal' }, ['script']],
    ['the long-lived ones', { token_type: 'long_lived_access_token' }, EVERYTHING.filter((name) => name !== 'script')],
  ])('%s, is signed out of their browsers unless it is about long-lived ones', async (_story, body, left) => {
    expect((await here('POST', '/api/me/refresh_tokens/delete_all', body)).statusCode).toBe(204);
    expect(await living()).toEqual(left);
    expect(await told()).toBe(left.includes('first browser') ? 0 : 2);
  });

  it('of other people ends none', async () => {
    const other = callerWith(server, (await addApiPerson(server, owner, `other${count}`)).access_token);
    expect((await other('POST', '/api/me/refresh_tokens/delete_all', {})).statusCode).toBe(204);
    expect(await living()).toEqual(EVERYTHING);
  });

  it('is remembered with what ended', async () => {
    await here('POST', '/api/me/refresh_tokens/delete_all', {});
    const { items } = await server.container.audit.list({ limit: 200, cursor: null });
    const types = items.filter(({ actor_user_id, outcome }) => actor_user_id === person.id && outcome === 'done').map(({ type }) => type);
    // The grant that ended with its session is notified there.
    expect(types.filter((type) => type === 'session.ended')).toHaveLength(2);
    expect(types.filter((type) => type === 'refresh_token.revoked')).toHaveLength(4);
  });
});

describe('a new password from the owner', () => {
  const set = (fields: object = {}) => owner('PUT', `/api/users/${person.id}/login/password`, { password: NEW_PASSWORD, ...fields });

  it('ends browser sessions, but no token that outlives them, as in Home Assistant', async () => {
    expect((await set()).statusCode).toBe(204);
    expect(await living()).toEqual(['here', 'phone', 'script', ...OFFLINE]);
    expect(await told()).toBe(2);
  });

  it('ends everything when the owner says so', async () => {
    expect((await set({ sign_out: true })).statusCode).toBe(204);
    expect(await living()).toEqual([]);
  });
});

/** What is given out and not traded yet, and how it is traded. */
const UNTRADED: Record<string, () => Promise<() => Promise<{ statusCode: number }>>> = {
  async "a code of Home Assistant's dialect"() {
    const code = await server.login(person);
    const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code };
    return () => server.inject({ method: 'POST', url: '/auth/token', form });
  },
  async 'a device that they connected'() {
    const { device_code, verification_uri_complete } = (await post('/auth/device_authorization', { scope: 'openid' })).json();
    expect((await browsers[0]!.follow(verification_uri_complete, person)).seen.at(-1)).toBe('consent');
    return () => post('/auth/token', { grant_type: DEVICE, device_code });
  },
  async 'a login that waits for the second factor'() {
    const secret = await enrolTotp(here, server.clock());
    const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
    const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: start })).json();
    const go = (input: object) =>
      server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: { client_id: CLIENT_ID, ...input } });
    expect((await go({ username: person.username, password: person.password })).json()).toMatchObject({ step_id: 'mfa' });
    return () => go({ code: totpCode(secret, server.clock(), 30) });
  },
};

describe.each(Object.entries(UNTRADED))('%s', (_kind, issue) => {
  it('earns tokens', async () => {
    const trade = await issue();
    expect((await trade()).statusCode).toBe(200);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['the owner signed them out', () => owner('PUT', `/api/users/${person.id}/login/password`, { password: NEW_PASSWORD, sign_out: true })],
    ['they signed out everywhere else', () => changePassword()],
    ['they ended their tokens', () => here('POST', '/api/me/refresh_tokens/delete_all', { token_type: 'normal' })],
  ])('earns none after %s', async (_story, end) => {
    const trade = await issue();
    await end();
    expect((await trade()).statusCode).toBeGreaterThanOrEqual(400);
  });
});

describe('a user', () => {
  it('who is disabled is nobody anywhere, and enabled again logs in again', async () => {
    await owner('PATCH', `/api/users/${person.id}`, { is_active: false });
    expect(await living()).toEqual([]);
    expect(await told()).toBe(2);
    await owner('PATCH', `/api/users/${person.id}`, { is_active: true });
    // S19: enabling revives no session and no token.
    expect(await living()).toEqual([]);
    expect((await browsers[0]!.get('/account/security')).status).toBe(303);
  });

  it('who is deleted leaves nothing, and their apps are notified', async () => {
    await owner('DELETE', `/api/users/${person.id}`);
    expect(await living()).toEqual([]);
    expect(await told()).toBe(2);
  });
});
