// The server as a whole: what every route answers, what no request may do to it, and what it never tells anybody.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { visitor } from '../support/page_visitor.ts';
import { raw } from '../support/raw_socket.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, { type: 'trusted_networks', trusted_networks: ['10.0.0.0/8', '192.168.0.0/16'] }],
      http: { ip_ban_enabled: false, trusted_proxies: ['10.0.0.1'] },
    },
  });
  await server.createOwner();
});
afterAll(() => server.close());

interface Route {
  url: string;
  methods: string[];
}

/** Every route that the server has. */
function routesOf({ server }: TestServer): Route[] {
  const path: string[] = [];
  return server
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part = '', methods] = /^([│ ]*)[├└]── (\S*)(?: \((.*)\))?$/.exec(line) ?? [];
      if (part === '') return [];
      path.splice(indent.length / 4, path.length, part);
      return methods === undefined ? [] : [{ url: path.join(''), methods: methods.split(', ') }];
    });
}

/** Asks every route by every method of its own. */
async function everywhere(
  headers: Record<string, string>,
  look: (where: string, answer: Awaited<ReturnType<TestServer['inject']>>) => void,
) {
  for (const { url, methods } of routesOf(server)) {
    for (const method of methods) {
      const answer = await server.inject({ method: method as 'GET', url: url.replaceAll(/:\w+/g, 'x'), headers });
      look(`${method} ${url}`, answer);
    }
  }
}

describe('every route', () => {
  it('is in the list that the tests below ask', () => {
    const urls = routesOf(server).map(({ url }) => url);
    const some = ['/', '/auth/token', '/auth/login_flow/:flow_id', '/api/', '/api/me', '/api/users/:user_id/login/password', '/healthz'];
    expect(urls).toEqual(expect.arrayContaining(some));
  });

  // M3, A23
  it('answers with the headers that keep browsers safe, and none with a 5xx', async () => {
    await everywhere({}, (where, { statusCode, headers }) => {
      expect([where, statusCode < 500]).toEqual([where, true]);
      const policy = String(headers['content-security-policy']);
      for (const part of ["default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]) {
        expect([where, policy]).toEqual([where, expect.stringContaining(part)]);
      }
      expect([where, policy]).not.toEqual([where, expect.stringMatching(/unsafe-inline|unsafe-eval/)]);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': expect.stringMatching(/^max-age=\d+/),
      });
      expect(headers).not.toHaveProperty('x-powered-by');
    });
  });

  // H23, J6
  it('makes no link, no issuer and no cookie of what the request calls the host', async () => {
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      forwarded: 'host=evil.example',
    };
    await everywhere(headers, (where, answer) => {
      expect([where, JSON.stringify(answer.headers) + answer.body]).not.toEqual([where, expect.stringContaining('evil.example')]);
      for (const cookie of [answer.headers['set-cookie'] ?? []].flat()) expect(cookie).toMatch(/^__Host-.*; Secure/);
    });
  });

  // N8
  it('refuses other methods with 405 and says which it has; an override changes nothing', async () => {
    for (const { url, methods } of routesOf(server).filter(({ url }) => !url.includes(':'))) {
      const wrong = ['PUT', 'PATCH', 'DELETE', 'POST', 'GET'].find((method) => !methods.includes(method)) as 'PUT';
      const answer = await server.inject({ method: wrong, url, headers: { 'x-http-method-override': 'POST' } });
      const allow = String(answer.headers.allow).split(', ');
      expect([url, answer.statusCode, allow]).toEqual([url, 405, expect.arrayContaining(methods)]);
      expect(allow).not.toContain(wrong);
    }
  });

  // N7
  it('has one spelling', async () => {
    const spellings = [
      '//auth//token',
      '/auth/%2e%2e/',
      '/auth/token/.',
      '/auth/token;a=b',
      '/AUTH/TOKEN',
      '/auth/token/',
      '/auth%2ftoken',
    ];
    for (const path of spellings) {
      const answer = await raw(await server.origin(), `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      expect([path, answer]).toEqual([path, expect.stringMatching(/^HTTP\/1.1 404 [\s\S]*\r\n\r\n404: Not Found$/)]);
    }
  });
});

describe('a request that is too much', () => {
  const flow = (payload: string | Buffer) => server.inject({ method: 'POST', url: '/auth/login_flow', payload });

  // N1
  it('is 413', async () => {
    for (const url of ['/auth/token', '/auth/revoke', '/auth/login_flow', '/api/onboarding/users']) {
      expect([url, (await server.inject({ method: 'POST', url, payload: 'a'.repeat(1024 * 1024 + 1) })).statusCode]).toEqual([url, 413]);
    }
    const chunk = `8000\r\n${'a'.repeat(0x8000)}\r\n`;
    const endless = `POST /auth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`;
    const answer = await raw(await server.origin(), endless);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  // N2
  it.each([
    ['100 kB of headers', `X-Big: ${'a'.repeat(100_000)}\r\n`],
    ['2,000 headers', Array.from({ length: 2000 }, (_, n) => `a${n}: b\r\n`).join('')],
    ['a cookie of 16 kB', `Cookie: a=${'b'.repeat(16 * 1024)}\r\n`],
  ])('is 431 with %s', async (_story, headers) => {
    expect(await raw(await server.origin(), `GET /auth/providers HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)).toMatch(/^HTTP\/1.1 431 /);
  });

  // N3
  it.each([
    ['a depth of 10,000', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
    ['a number that is none', '{"client_id":1e309}'],
    ['a key twice', '{"client_id":"a","client_id":"b"}'],
    ['__proto__', '{"__proto__":{"polluted":true}}'],
    ['constructor', '{"constructor":{"prototype":{"polluted":true}}}'],
    ['a comma too many', '{"client_id":"a",}'],
    ['a byte order mark', '\ufeff{}'],
  ])('is 400 with JSON of %s, at once', async (_story, payload) => {
    const began = performance.now();
    expect((await flow(payload)).statusCode).toBe(400);
    expect(performance.now() - began).toBeLessThan(500);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  // N5
  it.each([
    ['overlong', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['a surrogate in bytes', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['a surrogate in an escape', Buffer.from('{"client_id":"\\ud800"}')],
  ])('is 400 with text that is %s', async (_story, payload) => {
    expect((await flow(payload)).statusCode).toBe(400);
  });

  // N4
  it.each(['%', '%zz=a', 'token=%00', Array.from({ length: 5000 }, (_, n) => `a${n}=b`).join('&'), 'a[]=1&a[b]=2', 'grant_type=a;b=c'])(
    'is 400 with the form %.20s',
    async (payload) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await server.inject({ method: 'POST', url: '/auth/token', payload, headers });
      expect(answer.statusCode).toBe(400);
    },
  );

  // N6
  it.each([
    ['both lengths', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n'],
    ['an unknown transfer encoding', 'Transfer-Encoding: xchunked\r\n'],
    ['bare line feeds', 'X-A: b\nX-C: d\n'],
  ])('is 400 with %s, and the connection closes', async (_story, headers) => {
    const answer = await raw(await server.origin(), `POST /auth/token HTTP/1.1\r\nHost: x\r\n${headers}\r\nabc`);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toMatch(/^connection: close\r$/im);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  // N9
  it('is 415 when it is compressed', async () => {
    for (const encoding of ['gzip', 'br']) {
      const answer = await server.inject({ method: 'POST', url: '/auth/token', payload: 'x', headers: { 'content-encoding': encoding } });
      expect(answer.statusCode).toBe(415);
    }
  });

  // N13
  it('names itself in vain', async () => {
    for (const id of ['a\u0001b', 'x'.repeat(10_000)]) {
      const answer = await server.inject({ url: '/api/me', headers: { 'x-request-id': id } });
      expect(answer.headers['error-ref']).toMatch(/^[0-9a-f]{10}$/);
    }
  });

  // N12
  it('is 429 after a hundred logins under way from one address, and rows stay that few', async () => {
    const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
    const begin = () => server.inject({ method: 'POST', url: '/auth/login_flow', json, remote_address: '198.51.100.77' });
    const statuses = [];
    for (let n = 0; n < 120; n += 1) statuses.push((await begin()).statusCode);
    expect([statuses.filter((status) => status === 200).length, statuses.at(-1)]).toEqual([100, 429]);
    const rows = server.parts.database.kysely.selectFrom('login_flows').select('id').where('remote_address', '=', '198.51.100.77');
    expect(await rows.execute()).toHaveLength(100);
    server.advance(601);
    expect((await begin()).statusCode).toBe(200);
  });
});

describe('who somebody is by their address', () => {
  const providersTo = async (remote_address: string, headers: Record<string, string | string[]> = {}) =>
    await server.inject({ url: '/auth/providers', remote_address, headers });

  // J1, J2, H7
  it.each([['127.0.0.1'], ['192.168.0.9'], ['a'], [''], ['1.2.3.4, ,'], [Array.from({ length: 200 }, () => '1.1.1.1').join(', ')]])(
    'is not what a stranger writes: %.20s',
    async (forwarded) => {
      expect((await providersTo('203.0.113.5', { 'x-forwarded-for': forwarded })).statusCode).toBe(400);
    },
  );

  // J3, J5
  it('is the right-most that is no proxy of ours, in its IPv4 form', async () => {
    const trusted = { name: 'Trusted Networks', id: null, type: 'trusted_networks' };
    const at = async (remote_address: string, forwarded: string) =>
      (await providersTo(remote_address, { 'x-forwarded-for': forwarded })).json().providers;
    expect(await at('10.0.0.1', '192.168.0.9, 203.0.113.9')).not.toContainEqual(trusted);
    expect(await at('10.0.0.1', '203.0.113.9, 192.168.0.9')).toContainEqual(trusted);
    expect((await providersTo('::ffff:10.0.0.5')).json().providers).toContainEqual(trusted);
  });

  // J4
  it('is nobody for the proxy itself, though it stands in the trusted network', async () => {
    const { providers } = (await providersTo('10.0.0.1')).json();
    expect(providers.map(({ type }: { type: string }) => type)).toEqual(['homeassistant']);
    const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['trusted_networks', null] };
    const refused = await server.inject({ method: 'POST', url: '/auth/login_flow', json, remote_address: '10.0.0.1' });
    expect([refused.statusCode, refused.json()]).toEqual([200, expect.objectContaining({ type: 'abort', reason: 'not_allowed' })]);
  });

  // H16
  it('wins no names, ids or pictures of people', async () => {
    const { body } = await providersTo('192.168.0.9');
    expect(body).not.toContain(OWNER.name);
    expect(body).not.toContain(OWNER.username);
  });
});

describe('what is kept of a day', () => {
  // H25, M1
  it('no password, code, token or cookie is in the log or the audit events, and each line is one line', async () => {
    const { username, password } = OWNER;
    const person = visitor(server);
    const query = new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, state: 'SECRET-state' });
    const url = `/auth/authorize?${query}`;
    const wrong = await person.submit(url, await (await person.get(url)).text(), {
      username: 'ada\r\n\u001b[2J',
      password: 'SECRET-wrong',
    });
    const location = (await person.submit(url, await wrong.text(), { username, password })).headers.get('location')!;
    const code = new URL(location).searchParams.get('code')!;
    const { access_token: token, refresh_token } = await server.redeem(code);
    await server.inject({ url: `/api/me?access_token=${token}`, token });
    const json = { client_name: 'script', lifespan: 1 };
    const long_lived = (await server.inject({ method: 'POST', url: '/api/me/long_lived_access_tokens', json, token })).json().token;
    const passwords = { current_password: 'SECRET-current', new_password: 'SECRET-new-password' };
    await server.inject({ method: 'POST', url: '/api/me/password', json: passwords, token });
    await server.inject({ url: '/api/me', headers: { 'user-agent': 'evil\u001b[31m\r\n' } });
    await server.inject({ url: `/SECRET-path-is-no-secret/${'x'.repeat(64 * 1024)}` });
    await server.inject({ method: 'POST', url: '/auth/token', form: { grant_type: 'authorization_code', client_id: CLIENT_ID, code } });
    await server.inject({ method: 'POST', url: '/auth/token', form: { grant_type: 'refresh_token', client_id: 'SECRET', refresh_token } });
    await server.parts.audit.flush();
    const events = await server.parts.database.kysely.selectFrom('audit_events').selectAll().execute();
    const kept = server.lines.join('') + JSON.stringify(events);
    const cookies = [...person.jar.values()];
    expect(cookies.length).toBeGreaterThanOrEqual(2);
    const secrets = [code, token, refresh_token, long_lived, OWNER.password, server.parts.onboarding.setupToken(), ...cookies];
    for (const secret of [...secrets, ...['state', 'wrong', 'current', 'new'].map((word) => `SECRET-${word}`)])
      expect(kept).not.toContain(secret);
    for (const line of server.lines) {
      expect([line.match(/\n/g)?.length, line.length < 16_384, line.includes('\u001b')]).toEqual([1, true, false]);
      expect(JSON.parse(line)).toBeTypeOf('object');
    }
  });

  // M1
  it('cookies are of this host, of https, and not for scripts', async () => {
    const person = visitor(server);
    const url = `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI })}`;
    const page = await person.get(url);
    const { username, password } = OWNER;
    const answer = await person.submit(url, await page.text(), { username, password });
    const cookies = [...page.headers.getSetCookie(), ...answer.headers.getSetCookie()];
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual(['__Host-latchkey_login', '__Host-latchkey_session']);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
      expect(cookie.length).toBeLessThan(4096);
    }
  });
});
