// What reverse proxies ask us, header by header. test/journeys/nginx.test.ts has it whole.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../src/domain/clock.ts';
import { randomId, sha256 } from '../../../../src/domain/secret.ts';
import { CLIENT_ID, OWNER, startServer, type TestServer } from '../../../support/fixtures/server.ts';

const PROXY = '10.0.0.1';
const HOST = 'grafana.example.com';
const VAULT = 'vault.example.com';
const CLIENT = { 'x-forwarded-for': '203.0.113.7' };
const NGINX = { ...CLIENT, 'x-original-url': `https://${HOST}/x?y`, 'x-original-method': 'GET' };
const URI = { ...CLIENT, 'x-original-uri': '/x?y', 'x-forwarded-host': HOST, 'x-forwarded-proto': 'https' };
const TRAEFIK = {
  ...{ ...CLIENT, 'x-forwarded-method': 'GET', 'x-forwarded-proto': 'https', 'x-forwarded-host': HOST, 'x-forwarded-uri': '/x?y' },
  ...{ 'x-forwarded-port': '443', 'x-forwarded-server': 'traefik', 'x-real-ip': '203.0.113.7' },
};
const PAGE = { accept: 'text/html,application/xhtml+xml' };
const LOGIN = `https://${HOST}/.latchkey/login?to=%2Fx%3Fy`;
type Headers = Record<string, string | string[]>;

let server: TestServer;
let cookie: string;
let user_id: string;
let access_token: string;

beforeAll(async () => {
  const rules = [
    { host: HOST, paths: ['/open'], public_paths: ['/open'] },
    { host: HOST, paths: ['/api'], groups: ['system-admin'], allow_preflight: true },
    { host: HOST, paths: ['/admin'], groups: ['system-read-only'] },
    { host: HOST, groups: ['system-admin'] },
    { host: 'nas.example.com:8443' },
    { host: VAULT, paths: ['/open'], acr: '2', public_paths: ['/open'] },
    { host: VAULT, paths: ['/mfa'], acr: '2' },
    { host: VAULT, acr: '1', max_age: '10m' },
  ];
  server = await startServer({
    config: {
      http: { trusted_proxies: ['10.0.0.0/8'], login_attempts_threshold: 3, cors_allowed_origins: ['https://allowed.example'] },
      forward_auth: { rules },
    },
  });
  ({ access_token } = await server.ownerTokens());
  ({ id: user_id } = (await server.inject({ url: '/api/me', token: access_token })).json());
  cookie = await newCookie();
});
afterAll(() => server.close());

/** The cookie of a host, by a code, for the owner in a browser of their own. */
async function newCookie(host = HOST, remote_address = '203.0.113.7', amr = ['pwd'], uri = '/'): Promise<string> {
  const { sessions, forwardAuth, clock } = server.container;
  const { id: credential_id } = await server.container.database.kysely.selectFrom('credentials').select('id').executeTakeFirstOrThrow();
  const provider = { auth_provider_type: 'homeassistant', auth_provider_id: null };
  const login = { user_id, credential_id, ...provider, auth_time: clock(), amr };
  const session = await sessions.start(login, { remote_address, user_agent: null });
  const found = await sessions.find(session, remote_address);
  const browser_hash = sha256('a browser');
  const code = await forwardAuth.issueCode(found!, { host, uri, browser_hash });
  const made = await forwardAuth.redeem({ code, host, browser_hash, remote_address });
  return `__Host-latchkey_host_session${host.includes(':') ? `_${host.split(':')[1]}` : ''}=${made}`;
}

const ask = (route: 'verify' | 'forward', headers: Headers, remote_address = PROXY) =>
  server.inject({ url: `/auth/${route}`, remote_address, headers });

describe.each<[string, 'verify' | 'forward', Headers]>([
  ['nginx', 'verify', NGINX],
  ['nginx with the path alone', 'verify', URI],
  ['Traefik', 'forward', TRAEFIK],
  ['Caddy', 'forward', TRAEFIK],
])('%s', (_proxy, route, headers) => {
  it('is answered with who a cookie stands for', async () => {
    const answer = await ask(route, { ...headers, cookie });
    expect(answer.statusCode).toBe(200);
    const about = { 'remote-user': OWNER.username, 'remote-name': 'Ada', 'remote-email': '', 'remote-groups': 'system-admin' };
    expect(answer.headers).toMatchObject(about);
  });

  it('may send all headers of a request without its body', async () => {
    const of_a_post = { 'content-type': 'application/json', 'content-encoding': 'gzip', origin: 'https://elsewhere.example', expect: 'x' };
    expect((await ask(route, { ...headers, ...of_a_post, cookie })).statusCode).toBe(200);
  });

  it('is answered with who a bearer stands for, its scheme in any case', async () => {
    for (const scheme of ['Bearer', 'bearer']) {
      const answer = await ask(route, { ...headers, authorization: `${scheme} ${access_token}` });
      expect([scheme, answer.statusCode, answer.headers['remote-user']]).toEqual([scheme, 200, OWNER.username]);
    }
  });

  it('lets everybody see what is public, and says that it knows nobody', async () => {
    const at = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value.replace('/x?y', '/open/x') : value]),
    );
    const answer = await ask(route, { ...at, cookie });
    expect([answer.statusCode, answer.headers['remote-user'], answer.headers['remote-groups']]).toEqual([200, '', '']);
  });
});

// W15
describe('the proxy that asks by the method of the request in question', () => {
  const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT', 'TRACE'] as const;
  const askBy = (route: 'verify' | 'forward', method: (typeof METHODS)[number], headers: Headers) =>
    server.inject({ method: method as 'GET', url: `/auth/${route}`, remote_address: PROXY, headers });

  it.each(['verify', 'forward'] as const)('is answered at /auth/%s', async (route) => {
    for (const method of METHODS) {
      const of_it = { ...TRAEFIK, 'x-forwarded-method': method };
      expect([method, (await askBy(route, method, { ...of_it, cookie })).statusCode]).toEqual([method, 200]);
      expect([method, (await askBy(route, method, of_it)).statusCode]).toEqual([method, 401]);
    }
  });

  it.each(['https://app.example', 'https://allowed.example'])('gets no answer of our own to a preflight from %s', async (origin) => {
    const preflight = { ...TRAEFIK, 'x-forwarded-method': 'OPTIONS', origin, 'access-control-request-method': 'PUT' };
    const answers = (uri: string, more: Headers = {}) =>
      Promise.all(
        [...(['GET', 'OPTIONS'] as const)].map(async (method) => {
          const { statusCode, headers } = await askBy('forward', method, { ...preflight, 'x-forwarded-uri': uri, ...more });
          return [statusCode, headers['remote-user'], headers['access-control-allow-origin']];
        }),
      );
    const passed = [200, '', undefined];
    const refused = [401, undefined, undefined];
    expect(await answers('/x')).toEqual([refused, refused]);
    expect(await answers('/api/x')).toEqual([passed, passed]);
    expect(await answers('/api/../x')).toEqual([refused, refused]);
    // Anything else than a preflight needs a login there, too.
    expect(await answers('/api/x', { 'x-forwarded-method': 'PUT' })).toEqual([refused, refused]);
    expect(await answers('/api/x', { 'x-http-method-override': 'PUT' })).toEqual([refused, refused]);
    const { origin: _, ...without_origin } = preflight;
    expect((await ask('forward', { ...without_origin, 'x-forwarded-uri': '/api/x' })).statusCode).toBe(401);
  });

  it('is let through to our own login at the host, which would loop otherwise, and to nothing else', async () => {
    const at = async (uri: string) => (await ask('forward', { ...TRAEFIK, ...PAGE, 'x-forwarded-uri': uri })).statusCode;
    expect(await Promise.all(['/.latchkey/login?to=%2Fx', '/.latchkey/callback?code=x&to=%2F'].map(at))).toEqual([200, 200]);
    const others = ['/.latchkey/../x', '/.latchkey/%2e%2e/x', '/.latchkey/..;/x', '/.latchkeys', '/x/.latchkey/', '/.LATCHKEY/login'];
    for (const uri of others) expect([uri, await at(uri)]).toEqual([uri, 302]);
  });
});

it('nginx gets 401 and gets the address of the login, never a redirect', async () => {
  const answer = await ask('verify', { ...NGINX, ...PAGE });
  expect([answer.statusCode, answer.headers['x-latchkey-login'], answer.headers.location]).toEqual([401, LOGIN, undefined]);
  expect(answer.headers).toMatchObject({ 'www-authenticate': 'Bearer', 'error-ref': expect.stringMatching(/^\w+$/) });
});

it('Traefik and Caddy get a redirect for a page and 401 for anything else', async () => {
  const page = await ask('forward', { ...TRAEFIK, ...PAGE });
  expect([page.statusCode, page.headers.location]).toEqual([302, LOGIN]);
  const others: Headers[] = [TRAEFIK, { ...TRAEFIK, accept: '*/*' }, { ...TRAEFIK, ...PAGE, 'x-forwarded-method': 'POST' }];
  for (const headers of others) expect((await ask('forward', headers)).statusCode).toBe(401);
});

// M19
describe.each<[string, Headers]>([
  ['no headers', {}],
  ['no address', { 'x-original-url': `https://${HOST}/x` }],
  ['two addresses in two headers', { ...NGINX, 'x-forwarded-for': ['203.0.113.7', '203.0.113.8'] }],
  ['an address that is none', { ...NGINX, 'x-forwarded-for': 'unknown' }],
  ['no URL', CLIENT],
  ['no host', { ...CLIENT, 'x-original-uri': '/x' }],
  ['no path', { ...CLIENT, 'x-forwarded-host': HOST }],
  ['an empty URL', { ...NGINX, 'x-original-url': '' }],
  ['an empty path', { ...URI, 'x-original-uri': '' }],
  ['an empty host', { ...URI, 'x-forwarded-host': '' }],
  ['two URLs', { ...NGINX, 'x-original-url': [`https://${HOST}/x`, `https://${HOST}/open`] }],
  ['two paths', { ...URI, 'x-original-uri': ['/x', '/open'] }],
  ['two paths of different names', { ...URI, 'x-forwarded-uri': '/x?y' }],
  ['a URL and a path', { ...NGINX, 'x-original-uri': '/x?y' }],
  ['a URL and another host', { ...NGINX, 'x-forwarded-host': 'nas.example.com:8443' }],
  ['two hosts', { ...URI, 'x-forwarded-host': [HOST, HOST] }],
  ['two hosts in one header', { ...URI, 'x-forwarded-host': `${HOST}, ${HOST}` }],
  ['two schemes', { ...URI, 'x-forwarded-proto': ['https', 'https'] }],
  ['a scheme that is none', { ...URI, 'x-forwarded-proto': 'gopher' }],
  ['a URL of another scheme', { ...NGINX, 'x-original-url': `ftp://${HOST}/x` }],
  ['a relative URL', { ...NGINX, 'x-original-url': '/x' }],
  ['a URL with a user', { ...NGINX, 'x-original-url': `https://${HOST}@evil.example/x` }],
  ['a URL with a backslash in its host', { ...NGINX, 'x-original-url': `https://evil.example\\@${HOST}/x` }],
  ['a path that is a URL', { ...URI, 'x-original-uri': `https://${HOST}/x` }],
  ['a path with a blank', { ...URI, 'x-original-uri': '/x y' }],
  ['a broken encoding', { ...URI, 'x-original-uri': '/%' }],
  ['an encoded NUL', { ...URI, 'x-original-uri': '/x%00' }],
  ['an overlong dot', { ...URI, 'x-original-uri': '/%c0%ae%c0%ae/' }],
  ['a fragment', { ...URI, 'x-original-uri': '/open#/../x' }],
  ['a method that is none', { ...NGINX, 'x-original-method': 'GET /' }],
  ['two methods', { ...NGINX, 'x-forwarded-method': 'POST' }],
  ['another host', { ...NGINX, 'x-original-url': 'https://other.example.com/x' }],
  ['another port', { ...NGINX, 'x-original-url': `https://${HOST}:8443/x` }],
  ['a host below it', { ...NGINX, 'x-original-url': `https://x.${HOST}/x` }],
  ['a host with a dot at its end', { ...NGINX, 'x-original-url': `https://${HOST}./x` }],
  ['X-Forwarded-Prefix', { ...TRAEFIK, 'x-forwarded-prefix': '/open' }],
  ['X-Rewrite-URL', { ...NGINX, 'x-rewrite-url': '/open' }],
  ['X_Forwarded_Uri', { ...TRAEFIK, x_forwarded_uri: '/open' }],
  ['X-Forwarded_Host', { ...TRAEFIK, 'x-forwarded_host': HOST }],
  ['X.Original.URL', { ...NGINX, 'x.original.url': `https://${HOST}/open` }],
  ['two Authorization headers', { ...NGINX, authorization: ['Bearer x', 'Bearer y'] }],
])('%s', (_story, headers) => {
  it.each(['verify', 'forward'] as const)('is 401 at /auth/%s, anyone who asks', async (route) => {
    const answer = await ask(route, { cookie, ...headers });
    expect([answer.statusCode, answer.headers.location]).toEqual([401, undefined]);
  });
});

describe('an access token of an app that asked for scopes', () => {
  let authorization: Parameters<TestServer['container']['accessTokens']['mint']>[0];
  beforeAll(async () => {
    const { kysely } = server.container.database;
    const { auth_time } = await kysely.selectFrom('refresh_tokens').selectAll().executeTakeFirstOrThrow();
    const grant = { id: randomId(), user_id, token_type: 'normal' as const, profile: 'standard' as const, client_id: CLIENT_ID };
    await kysely
      .insertInto('refresh_tokens')
      .values({ ...grant, access_token_expiration: 1800, created_at: auth_time, auth_time })
      .execute();
    const nothing = { client: null, sid: null, nonce: null, claims: null, dpop_jkt: null, refresh_token: null, ha_auth_provider: null };
    const facts = { user_id, refresh_token_id: grant.id, client_id: CLIENT_ID, access_token_expiration: 1800, auth_time, amr: ['pwd'] };
    authorization = { ...nothing, ...facts, profile: 'standard', scope: ['openid'], resource: [] };
  });
  const statusOf = async (differs: Partial<typeof authorization>) => {
    const token = server.container.accessTokens.mint({ ...authorization, ...differs }).access_token;
    return (await ask('verify', { ...NGINX, authorization: `Bearer ${token}` })).statusCode;
  };

  it('is good at the host that it was asked for, and only there', async () => {
    expect(await statusOf({ resource: [`https://${HOST}`] })).toBe(200);
    expect(await statusOf({ resource: ['https://api.example.com', `https://${HOST}/`] })).toBe(200);
    expect(await statusOf({ resource: ['https://nas.example.com:8443'] })).toBe(401);
    expect(await statusOf({ resource: [] })).toBe(401);
  });

  it('that is bound to a key is not good without its proof, and one of a client is nobody', async () => {
    expect(await statusOf({ resource: [`https://${HOST}`], dpop_jkt: 'x' })).toBe(401);
    expect(await statusOf({ resource: [`https://${HOST}`], user_id: null, refresh_token_id: null })).toBe(401);
  });
});

describe('a host whose rules demand a login', () => {
  const at = (uri: string) => ({ ...CLIENT, 'x-original-url': `https://${VAULT}${uri}`, 'x-original-method': 'GET' });
  const challenge = (demand: string) =>
    `Bearer error="insufficient_user_authentication", error_description="A more recent or stronger login is required", ${demand}`;

  it('lets in who has it, and challenges who has not, while public paths stay public', async () => {
    const [one, several] = [await newCookie(VAULT), await newCookie(VAULT, '203.0.113.7', ['pwd', 'otp', 'mfa'], '/mfa')];
    expect((await ask('verify', { ...at('/'), cookie: one })).statusCode).toBe(200);
    expect((await ask('verify', { ...at('/mfa'), cookie: several })).statusCode).toBe(200);
    const refused = await ask('verify', { ...at('/mfa'), cookie: one });
    expect([refused.statusCode, refused.headers['www-authenticate']]).toEqual([401, challenge('acr_values="2"')]);
    expect(refused.headers['x-latchkey-login']).toBe(`https://${VAULT}/.latchkey/login?to=%2Fmfa`);
    expect(refused.headers).not.toHaveProperty('remote-user');
    server.advance(601);
    const late = await ask('verify', { ...at('/'), cookie: several });
    expect([late.statusCode, late.headers['www-authenticate']]).toEqual([401, challenge('acr_values="1", max_age=600')]);
    expect((await ask('verify', { ...at('/mfa'), cookie: several })).statusCode).toBe(200);
    expect((await ask('verify', at('/open'))).statusCode).toBe(200);
  });

  it('sends pages to the login, and challenges other requests', async () => {
    const cookie = await newCookie(VAULT);
    const headers = { ...TRAEFIK, 'x-forwarded-host': VAULT, 'x-forwarded-uri': '/mfa', cookie };
    const page = await ask('forward', { ...headers, ...PAGE });
    expect([page.statusCode, page.headers.location]).toEqual([302, `https://${VAULT}/.latchkey/login?to=%2Fmfa`]);
    const other = await ask('forward', headers);
    expect([other.statusCode, other.headers['www-authenticate']]).toEqual([401, challenge('acr_values="2"')]);
  });

  it('does not say so to who is nobody, or may not in at all', async () => {
    for (const headers of [at('/mfa'), { ...at('/mfa'), cookie: '__Host-latchkey_host_session=lk_hs_x' }]) {
      const answer = await ask('verify', headers);
      expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    }
  });

  it('takes the login of an access token, and none from a long-lived token', async () => {
    const tokens = await server.redeem(await server.login());
    const status = async (token: string, uri = '/') => (await ask('verify', { ...at(uri), authorization: `Bearer ${token}` })).statusCode;
    expect([await status(tokens.access_token), await status(tokens.access_token, '/mfa')]).toEqual([200, 401]);
    const json = { client_name: 'script', lifespan: 1 };
    const made = await server.inject({ method: 'POST', url: '/api/me/long_lived_access_tokens', token: tokens.access_token, json });
    const nginx = { ...NGINX, authorization: `Bearer ${made.json().token}` };
    expect([made.statusCode, await status(made.json().token), (await ask('verify', nginx)).statusCode]).toEqual([201, 401, 200]);
    server.advance(601);
    expect(await status(tokens.access_token)).toBe(401);
  });
});

it('a banned address is refused like everybody else who is', async () => {
  const { kysely } = server.container.database;
  const banned_at = server.container.clock();
  await kysely
    .insertInto('ip_bans')
    .values({ address: '203.0.113.99', banned_at, expires_at: addSeconds(banned_at, 60) })
    .execute();
  server.advance(3);
  for (const route of ['verify', 'forward'] as const) {
    const status = async () => (await ask(route, { ...TRAEFIK, ...PAGE, cookie, 'x-forwarded-for': '203.0.113.99' })).statusCode;
    // The list is read beside the first request.
    await expect.poll(status, { message: route }).toBe(401);
  }
});

// M19
it('a peer that is no trusted proxy is not believed, whatever it says', async () => {
  for (const [route, headers] of [['verify', NGINX] as const, ['forward', TRAEFIK] as const]) {
    expect((await ask(route, { ...headers, cookie }, '203.0.113.7')).statusCode).toBe(401);
    const { 'x-forwarded-for': _, ...rest } = headers;
    expect((await ask(route, { ...rest, ...PAGE, cookie }, '203.0.113.7')).statusCode).toBe(401);
  }
});

it('a path is for the groups of the first rule that fits it', async () => {
  const answer = await ask('verify', { ...NGINX, 'x-original-url': `https://${HOST}/admin`, cookie });
  expect(answer.statusCode).toBe(401);
  await server.container.audit.flush();
  const { items } = await server.container.audit.list({ limit: 10, cursor: null });
  expect(items[0]).toMatchObject({ type: 'host_session.refused', error_ref: answer.headers['error-ref'], actor_user_id: user_id });
});

it('a host with a port has a cookie of its own', async () => {
  const nas = 'nas.example.com:8443';
  const headers = { ...NGINX, 'x-original-url': `https://${nas}/x` };
  const its = await newCookie(nas);
  expect((await ask('verify', { ...headers, cookie: its })).statusCode).toBe(200);
  expect((await ask('verify', { ...headers, cookie: its.replace('_8443', '') })).statusCode).toBe(401);
  expect((await ask('verify', { ...headers, cookie: cookie.replace('session=', 'session_8443=') })).statusCode).toBe(401);
});

it('refusals are neither counted nor remembered', async () => {
  for (let tries = 0; tries < 10; tries += 1) await ask('verify', { ...NGINX, authorization: `Bearer ${access_token}x` });
  expect((await ask('verify', { ...NGINX, cookie })).statusCode).toBe(200);
  expect(await server.container.database.kysely.selectFrom('failed_logins').selectAll().execute()).toEqual([]);
});

describe('a cookie is worth nothing', () => {
  it('from elsewhere, for one who may be here at home only', async () => {
    const { kysely } = server.container.database;
    await kysely.updateTable('users').set({ local_only: true }).where('id', '=', user_id).execute();
    expect((await ask('verify', { ...NGINX, cookie })).statusCode).toBe(401);
    expect((await ask('verify', { ...NGINX, authorization: `Bearer ${access_token}` })).statusCode).toBe(401);
    expect((await ask('verify', { ...NGINX, 'x-forwarded-for': '192.168.1.5', cookie })).statusCode).toBe(200);
    await kysely.updateTable('users').set({ local_only: false }).where('id', '=', user_id).execute();
  });

  it('once its session has ended by time', async () => {
    const its = await newCookie();
    const day = 86_400;
    for (let days = 0; days < 80; days += 10) {
      expect([days, (await ask('verify', { ...NGINX, cookie: its })).statusCode]).toEqual([days, 200]);
      server.advance(10 * day);
    }
    // Its use was the session's use; the absolute end comes nevertheless.
    server.advance(11 * day);
    expect((await ask('verify', { ...NGINX, cookie: its })).statusCode).toBe(401);
  });

  it('once nobody has used it for as long as a session lives unused', async () => {
    const its = await newCookie();
    server.advance(14 * 86_400 + 1);
    expect((await ask('verify', { ...NGINX, cookie: its })).statusCode).toBe(401);
  });
});
