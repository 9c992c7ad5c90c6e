// How a browser gets a protected host's own cookie, step by step. test/journeys/nginx.test.ts has
// it whole.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../../../src/domain/secret.ts';
import { startServer, type TestServer } from '../../../support/fixtures/server.ts';

const HOST = 'nas.example.com:8443';
const US = 'https://auth.example.com';
const BEHIND_PROXY = { remote_address: '10.0.0.1' };
const PROXY = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-host': HOST };
const MARK = 'lk_br_a_browser';
const STATE = sha256(MARK).toString('base64url');
const HOST_COOKIE = `__Host-latchkey_host_login_8443=${MARK}`;

let server: TestServer;
let session: string;
let credential_id: string;
let user_id: string;
beforeAll(async () => {
  const rules = [
    { host: HOST, paths: ['/admin'], groups: ['system-read-only'] },
    { host: HOST, paths: ['/fresh'], max_age: '10m' },
    { host: HOST, paths: ['/vault'], acr: '2', public_paths: ['/vault/open'] },
    { host: HOST },
  ];
  server = await startServer({ config: { http: { trusted_proxies: ['10.0.0.0/8'] }, forward_auth: { rules } } });
  await server.createOwner();
  ({ id: credential_id, user_id } = await server.container.database.kysely.selectFrom('credentials').selectAll().executeTakeFirstOrThrow());
  session = await newSession();
});
afterAll(() => server.close());

/** The cookie of a login that has just been made. */
async function newSession(amr = ['pwd']): Promise<string> {
  const provider = { auth_provider_type: 'homeassistant', auth_provider_id: null };
  const login = { user_id, credential_id, ...provider, auth_time: server.container.clock(), amr };
  return `__Host-latchkey_session=${await server.container.sessions.start(login, { remote_address: '203.0.113.7', user_agent: null })}`;
}

const begin = (to: string, headers: Record<string, string | string[]> = PROXY) =>
  server.inject({ ...BEHIND_PROXY, url: `/.latchkey/login?${new URLSearchParams({ to })}`, headers });
const login = (query: Record<string, string>, cookie = session) =>
  server.inject({ url: `/auth/forward/login?${new URLSearchParams(query)}`, headers: { cookie } });
const callback = (query: Record<string, string>, cookie = HOST_COOKIE) =>
  server.inject({ ...BEHIND_PROXY, url: `/.latchkey/callback?${new URLSearchParams(query)}`, headers: { ...PROXY, cookie } });
const queryOf = (url: unknown) => Object.fromEntries(new URL(String(url), US).searchParams);
const newCode = async (to = '/x') => queryOf((await login({ host: HOST, to, state: STATE })).headers.location).code ?? '';

describe('at the host', () => {
  it('the browser is marked and led to us', async () => {
    const answer = await begin('/x?y');
    const [, mark = ''] = /^__Host-latchkey_host_login_8443=([^;]+)/.exec(String(answer.headers['set-cookie'])) ?? [];
    expect(answer.headers['set-cookie']).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    expect([answer.statusCode, answer.headers.location]).toEqual([303, expect.stringMatching(`^${US}/auth/forward/login\\?`)]);
    expect(queryOf(answer.headers.location)).toEqual({ host: HOST, to: '/x?y', state: sha256(mark).toString('base64url') });
  });

  it('one that is marked keeps its mark, so that several windows may log in at once', async () => {
    const answer = await begin('/', { ...PROXY, cookie: HOST_COOKIE });
    expect([queryOf(answer.headers.location).state, answer.headers['set-cookie']]).toEqual([STATE, undefined]);
  });

  it.each<[string, Record<string, string | string[]>, string?]>([
    ['a peer that is no proxy', PROXY, '203.0.113.7'],
    ['no host', { 'x-forwarded-for': '203.0.113.7' }],
    ['no address', { 'x-forwarded-host': HOST }],
    ['a host that no rule names', { ...PROXY, 'x-forwarded-host': 'evil.example' }],
    ['two hosts', { ...PROXY, 'x-forwarded-host': [HOST, 'evil.example'] }],
    ['an alias', { ...PROXY, x_forwarded_host: 'evil.example' }],
  ])('%s is refused', async (_story, headers, remote_address = '10.0.0.1') => {
    for (const url of ['/.latchkey/login?to=/', `/.latchkey/callback?code=${await newCode()}`]) {
      const answer = await server.inject({ url, remote_address, headers: { ...headers, cookie: HOST_COOKIE } });
      expect([url, answer.statusCode, answer.headers['set-cookie']]).toEqual([url, 400, undefined]);
    }
  });

  it('a code is traded for a cookie of that host', async () => {
    const answer = await callback({ code: await newCode(), to: '/x?y' });
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/x?y']);
    expect(answer.headers['set-cookie']).toMatch(
      /^__Host-latchkey_host_session_8443=lk_hs_[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  it('a code is worth nothing after a minute, a second time, without the mark and with another', async () => {
    const code = await newCode();
    expect((await callback({ code }, '')).statusCode).toBe(400);
    expect((await callback({ code }, `${HOST_COOKIE}x`)).statusCode).toBe(400);
    expect((await callback({ code })).statusCode).toBe(303);
    expect((await callback({ code })).statusCode).toBe(400);
    const late = await newCode();
    server.advance(60);
    expect((await callback({ code: late })).statusCode).toBe(400);
  });
});

describe('with us', () => {
  it('who is logged in gets a code for the host', async () => {
    const { statusCode, headers } = await login({ host: HOST, to: '/x?y', state: STATE });
    expect([statusCode, headers.location]).toEqual([
      303,
      expect.stringMatching(/^https:\/\/nas\.example\.com:8443\/\.latchkey\/callback\?code=/),
    ]);
    expect(queryOf(headers.location)).toEqual({ code: expect.stringMatching(/^lk_hc_[\w-]{43}$/), to: '/x?y' });
  });

  it('who is not logs in first, and comes back', async () => {
    const { headers } = await login({ host: HOST, to: '/x?y', state: STATE }, '');
    const next = queryOf(headers.location).next ?? '';
    const back = { host: HOST, to: '/x?y', state: STATE, login_after: expect.any(String) };
    expect([headers.location, queryOf(next)]).toEqual([expect.stringMatching(/^\/login\?/), back]);
  });

  it('who may not see the page gets a page that says so', async () => {
    const answer = await login({ host: HOST, to: '/admin', state: STATE });
    expect([answer.statusCode, answer.headers.location]).toEqual([403, undefined]);
    expect(answer.body).toContain('Access denied');
  });

  describe('a rule that demands a login', () => {
    /** Where the login leads back to, and the browser that it is for. */
    const sentToLogin = async (to: string, cookie: string) => {
      const { statusCode, headers } = await login({ host: HOST, to, state: STATE }, cookie);
      const [, mark = ''] = /(__Host-latchkey_login=[^;]+)/.exec(String(headers['set-cookie'])) ?? [];
      return { statusCode, location: String(headers.location), next: queryOf(queryOf(headers.location).next ?? ''), mark };
    };
    const isCode = ({ headers }: { headers: Record<string, unknown> }) => String(headers.location).includes('/.latchkey/callback?code=');

    it('of a certain age asks for another one when it is older, and is content with that', async () => {
      const cookie = await newSession();
      server.advance(600);
      expect(isCode(await login({ host: HOST, to: '/fresh', state: STATE }, cookie))).toBe(true);
      server.advance(1);
      const { statusCode, location, next, mark } = await sentToLogin('/fresh', cookie);
      expect([statusCode, location]).toEqual([303, expect.stringMatching(/^\/login\?.*reason=reauth/)]);
      expect(isCode(await login(next, `${await newSession()}; ${mark}`))).toBe(true);
    });

    it('by several factors asks for it once, and then says that there is no access', async () => {
      const { location, next, mark } = await sentToLogin('/vault', await newSession());
      expect(location).toMatch(/^\/login\?/);
      expect(isCode(await login(next, `${await newSession(['pwd', 'otp', 'mfa'])}; ${mark}`))).toBe(true);
      const refused = await login(next, `${await newSession()}; ${mark}`);
      expect([refused.statusCode, refused.headers.location]).toEqual([403, undefined]);
      // Somebody who was not logged in has just shown what they can.
      const first = await sentToLogin('/vault', '');
      expect((await login(first.next, `${await newSession()}; ${first.mark}`)).statusCode).toBe(403);
    });

    it('is not satisfied by a marker of another browser, of another page, or by the login of before', async () => {
      const old = await newSession();
      server.advance(1);
      const { next, mark } = await sentToLogin('/vault', old);
      for (const [query, cookie] of [
        [next, await newSession()],
        [next, `${await newSession()}; __Host-latchkey_login=lk_br_other`],
        [{ ...next, to: '/vault/x' }, `${await newSession()}; ${mark}`],
        [next, `${old}; ${mark}`],
      ] as const)
        expect((await login(query, cookie)).headers.location).toMatch(/^\/login\?/);
    });

    it('leaves public paths and other rules alone', async () => {
      const cookie = await newSession();
      for (const to of ['/vault/open', '/x']) expect(isCode(await login({ host: HOST, to, state: STATE }, cookie))).toBe(true);
    });
  });

  // K12
  it.each([
    { host: 'evil.example' },
    { host: '' },
    { host: `${HOST}@evil.example` },
    { host: 'nas.example.com' },
    { host: HOST.toUpperCase() },
    { state: '' },
    { state: 'short' },
    { state: `${STATE}=` },
  ])('%j leads nowhere', async (differs) => {
    const answer = await login({ host: HOST, to: '/', state: STATE, ...differs });
    expect([answer.statusCode, answer.headers.location]).toEqual([400, undefined]);
  });
});

// K12
describe.each([
  '//evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  'https://evil.example/',
  'javascript:alert(1)',
  '/x\r\nSet-Cookie: a=b',
  '/..//evil.example',
  '/.latchkey/login?to=/',
  '',
])('a return path %j', (to) => {
  it('leads to the start of the host', async () => {
    expect(queryOf((await begin(to)).headers.location).to).toBe('/');
    expect(queryOf((await login({ host: HOST, to, state: STATE })).headers.location).to).toBe('/');
    expect((await callback({ code: await newCode(), to })).headers.location).toBe('/');
  });
});

it('in a home network without certificates all of it is plain http', async () => {
  const rules = [{ host: 'nas.lan' }];
  const config = { public_url: 'http://auth.lan:8420', http: { trusted_proxies: ['10.0.0.0/8'] }, forward_auth: { rules } };
  const plain = await startServer({ config });
  const at = { ...PROXY, 'x-forwarded-host': 'nas.lan' };
  const asked = await plain.inject({ ...BEHIND_PROXY, url: '/auth/verify', headers: { ...at, 'x-original-uri': '/x' } });
  expect(asked.headers['x-latchkey-login']).toBe('http://nas.lan/.latchkey/login?to=%2Fx');
  const begun = await plain.inject({ ...BEHIND_PROXY, url: '/.latchkey/login?to=/x', headers: at });
  expect(begun.headers['set-cookie']).toMatch(/^latchkey_host_login=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
  expect(begun.headers.location).toMatch(/^http:\/\/auth\.lan:8420\/auth\/forward\/login\?/);
  await plain.close();
});
