// Codes, refresh tokens and access tokens against anyone who stole, bent or forged one; over two
// servers where that matters.
import { createHmac, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { CLIENT_ID, startServer, type TestServer } from '../support/fixtures/server.ts';
import { addSomeone, example, logInAs, PASSWORD } from '../support/fixtures/someone.ts';

const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

let db: TestDatabase;
let server: TestServer;
let replica: TestServer;
beforeAll(async () => {
  db = await createTestDatabase();
  const config = { auth_providers: [{ type: 'homeassistant' }, example('someone')], http: { ip_ban_enabled: false } };
  server = await startServer({ database: db.database, config });
  replica = await startServer({ database: db.database, config });
  await addSomeone(server, 'someone');
});
afterAll(async () => {
  await server.close();
  await replica.close();
  await db.close();
});

const post = (form: Record<string, string>, at = server) => at.inject({ method: 'POST', url: '/auth/token', form });
const redeem = (code: string, at = server, more = {}) =>
  post({ grant_type: 'authorization_code', client_id: CLIENT_ID, code, ...more }, at);
const refresh = (refresh_token: string, at = server) => post({ grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token }, at);
const call = async (token: string, at = server) => (await at.inject({ url: '/api/', token })).statusCode;
const newCode = () => server.login({ username: 'someone', password: PASSWORD }, { handler: ['insecure_example', null] });

async function codeWithChallenge(): Promise<string> {
  const start = { client_id: CLIENT_ID, redirect_uri: CLIENT_ID, handler: ['insecure_example', null] };
  const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256' };
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: { ...start, ...pkce } })).json();
  const json = { client_id: CLIENT_ID, username: 'someone', password: PASSWORD };
  return (await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json })).json().result;
}

describe('a code', () => {
  // C1
  it('used twice is refused, revokes what it was exchanged for on every server, and is remembered', async () => {
    const code = await newCode();
    const { access_token, refresh_token } = (await redeem(code)).json();
    expect(await call(access_token, replica)).toBe(200);
    const again = await redeem(code, replica);
    expect([again.statusCode, again.json()]).toEqual([400, { error: 'invalid_request', error_description: 'Invalid code' }]);
    expect([await call(access_token), await call(access_token, replica)]).toEqual([401, 401]);
    expect((await refresh(refresh_token)).json()).toEqual({ error: 'invalid_grant' });
    await replica.container.audit.flush();
    const events = await db.database.kysely.selectFrom('audit_events').select('type').where('type', 'like', '%replay%').execute();
    expect(events).toHaveLength(1);
  });

  // C2
  it('used 50 times at once over two servers makes one grant, which is revoked', async () => {
    for (let round = 0; round < 3; round += 1) {
      const code = await newCode();
      const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => redeem(code, n % 2 ? server : replica)));
      expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, ...Array.from({ length: 49 }, () => 400)]);
      const { access_token, refresh_token } = answers.find(({ statusCode }) => statusCode === 200)!.json();
      expect([await call(access_token), (await refresh(refresh_token)).statusCode]).toEqual([401, 400]);
    }
  });

  // C3
  it('replayed with a wrong verifier harms nobody', async () => {
    const code = await codeWithChallenge();
    const { access_token } = (await redeem(code, server, { code_verifier: VERIFIER })).json();
    for (const verifier of [{ code_verifier: 'a'.repeat(43) }, {}]) expect((await redeem(code, server, verifier)).statusCode).toBe(400);
    expect(await call(access_token)).toBe(200);
  });

  // C7
  it('is 256 random bits, and only its hash is stored', async () => {
    const codes = [];
    for (let n = 0; n < 20; n += 1) codes.push(await newCode());
    expect(new Set(codes).size).toBe(20);
    for (const code of codes) expect(code).toMatch(/^lk_ac_[\w-]{43}$/);
    const rows = await db.database.kysely.selectFrom('authorization_codes').selectAll().execute();
    const stored = JSON.stringify(rows, (_, value) => (value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value));
    for (const code of codes) expect(stored).not.toContain(code.slice('lk_ac_'.length));
  });

  // C8
  it('is nothing else, and nothing else is a code', async () => {
    const { access_token, refresh_token } = await logInAs(server, 'someone');
    const start = { client_id: CLIENT_ID, redirect_uri: CLIENT_ID, handler: ['insecure_example', null] };
    const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: start })).json();
    for (const other of [access_token, refresh_token, flow_id, server.container.onboarding.setupToken()]) {
      expect((await redeem(other)).json()).toEqual({ error: 'invalid_request', error_description: 'Invalid code' });
    }
    const code = await newCode();
    expect((await refresh(code)).json()).toEqual({ error: 'invalid_grant' });
    expect(await call(code)).toBe(401);
    expect((await server.inject({ method: 'DELETE', url: `/auth/login_flow/${code}` })).statusCode).toBe(404);
    await server.inject({ method: 'POST', url: '/auth/revoke', form: { token: code } });
    expect((await redeem(code)).statusCode).toBe(200);
  });

  // C9
  it('is refused cut, lengthened and in other case', async () => {
    const code = await newCode();
    for (const bent of [code.slice(0, -1), `${code}A`, code.toLowerCase(), code.toUpperCase(), ` ${code}`, `${code}\n`]) {
      expect([bent, (await redeem(bent)).statusCode]).toEqual([bent, 400]);
    }
    expect((await redeem(code)).statusCode).toBe(200);
  });
});

// C20, C21
it.each<[string, Record<string, string>]>([
  ['nothing', {}],
  ['a client that breaks lines', { grant_type: 'authorization_code', client_id: '"\\ \r\n\té', code: 'x' }],
  ['a grant that breaks lines', { grant_type: '"\\ \r\n\té' }],
  ['an unknown code', { grant_type: 'authorization_code', client_id: CLIENT_ID, code: '"\\ \r\n\té' }],
  ['an unknown refresh token', { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: '\u202e' }],
])('%s is refused in JSON that nobody keeps and everybody can read', async (_story, form) => {
  const answer = await post(form);
  // 401: a name that no URL client has is taken for a registered client's.
  expect([400, 401]).toContain(answer.statusCode);
  expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': expect.stringMatching(/^application\/json/) });
  const { error, error_description = '' } = answer.json();
  expect(error).toMatch(/^[a-z_]+$/);
  expect(error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/);
});

// C22
it('pages of other origins read tokens and never with credentials, and never read the login', async () => {
  const headers = { origin: 'https://evil.example' };
  const answer = await server.inject({ method: 'POST', url: '/auth/token', form: {}, headers });
  expect(answer.headers['access-control-allow-origin']).toBe('https://evil.example');
  expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
  for (const url of ['/auth/authorize', '/auth/providers', '/api/me', '/onboarding', '/']) {
    expect((await server.inject({ url, headers })).headers).not.toHaveProperty('access-control-allow-origin');
  }
});

// D16
it('access tokens stop working on every server with the grant that issued them, and with the user', async () => {
  const { access_token, refresh_token } = await logInAs(server, 'someone');
  await replica.inject({ method: 'POST', url: '/auth/revoke', form: { token: refresh_token } });
  expect([await call(access_token), await call(access_token, replica)]).toEqual([401, 401]);
});

describe('a forged bearer', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  /** The token with another header and claims, and what `sign` makes of them. */
  function forge(token: string, header: object, claims: object, sign: (text: string) => string): string {
    const [own_header, own_claims] = token.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    const text = `${encode({ ...own_header, ...header })}.${encode({ ...own_claims, ...claims })}`;
    return `${text}.${sign(text)}`;
  }

  // E1, E2, E3, E5, E6
  it('is 401, whatever it calls itself', async () => {
    const { access_token, refresh_token } = await logInAs(server, 'someone');
    const [jwk] = server.container.keyring.jwks().keys;
    const pem = createPublicKey({ key: jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const own = (text: string) => (text ? access_token.split('.')[2]! : '');
    const hmac = (key: string | Buffer) => (text: string) => createHmac('sha256', key).update(text).digest('base64url');
    const forged = [
      forge(access_token, { alg: 'none' }, {}, () => ''),
      forge(access_token, { alg: 'none' }, {}, own),
      forge(access_token, { alg: 'HS256' }, {}, hmac(pem)),
      forge(access_token, { alg: 'HS256' }, {}, hmac(JSON.stringify(jwk))),
      forge(access_token, { alg: 'HS256' }, {}, hmac('')),
      ...['../../etc/passwd', "' OR 1=1 --", '', '\0', 'x'.repeat(5000)].map((kid) => forge(access_token, { kid }, {}, own)),
      forge(access_token, { jku: 'http://127.0.0.1:9/jwks', x5u: 'http://127.0.0.1:9/', jwk }, {}, own),
      forge(access_token, {}, { sub: 'somebody else' }, own),
      ...[null, [], {}, 'unknown'].map((iss) => forge(access_token, {}, { iss }, own)),
      ...[null, [], {}, 'unknown'].map((refresh_token_id) => forge(access_token, {}, { refresh_token_id }, own)),
      `${access_token}x`,
      access_token.slice(0, -1),
      access_token.replace(/\.[^.]*$/, '.'),
      `${access_token}.${access_token}`,
      'x'.repeat(8193),
      `${'a'.repeat(3000)}.${'b'.repeat(3000)}.${'c'.repeat(3000)}`,
      refresh_token,
      '..',
    ];
    for (const token of forged) expect([token, await call(token)]).toEqual([token, 401]);
    expect(await call(access_token)).toBe(200);
  });

  // E4
  it('is 401 ten seconds after its end', async () => {
    const { access_token } = await logInAs(server, 'someone');
    server.advance(1809);
    expect(await call(access_token)).toBe(200);
    server.advance(2);
    expect(await call(access_token)).toBe(401);
  });

  // E7
  it('finds no private member in the JWKS', async () => {
    const { keys } = (await server.inject({ url: '/.well-known/jwks.json' })).json();
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) {
      expect(key).toMatchObject({ kid: expect.any(String), alg: expect.stringMatching(/^(ES256|RS256|PS256|EdDSA)$/), use: 'sig' });
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(member);
    }
    expect(new Set(keys.map(({ kid }: { kid: string }) => kid)).size).toBe(keys.length);
  });
});
