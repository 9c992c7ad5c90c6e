// What a client can be set to, seen from the app: the algorithms of its tokens and of userinfo,
// custom claims, the age of logins.
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SIGNING_ALGORITHMS } from '../../../src/domain/client.ts';
import { ISSUER, standardBrowser } from '../../support/clients/standard_browser.ts';
import { startServer, type TestServer } from '../../support/fixtures/server.ts';
import { CHALLENGE, VERIFIER } from '../../support/fixtures/standard_grants.ts';

const CALLBACK = 'https://app.example.com/callback';
const SECRET = 'the secret of an app';
const INITIAL = 'an-initial-access-token';

/** The owner is in both groups. */
const CLAIMS = {
  role: { groups: { 'system-admin': 'admin', 'system-users': 'user' } },
  policy: { groups: { 'system-read-only': ['readonly'] } },
  'https://app.example.com/tenant': { value: { id: 7, tags: ['home'] } },
};

let server: TestServer;
beforeAll(async () => {
  const client = (client_id: string, more: object = {}) => ({
    client_id,
    client_secret: SECRET,
    redirect_uris: [CALLBACK],
    trusted: true,
    ...more,
  });
  server = await startServer({
    config: {
      clients: [
        client('plain'),
        client('aged', {
          default_max_age: '1h',
          require_auth_time: true,
          grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        }),
        client('always', { default_max_age: '0s' }),
        client('roles', { claims: CLAIMS }),
        client('roles in the ID token', { claims: CLAIMS, id_token_claims: true }),
        ...SIGNING_ALGORITHMS.map((alg) =>
          client(alg, { id_token_signed_response_alg: alg, access_token_signed_response_alg: alg, userinfo_signed_response_alg: alg }),
        ),
      ],
      registration: { enabled: true, initial_access_token: INITIAL },
    },
  });
  await server.ownerTokens();
});
afterAll(() => server.close());

const authorizeUrl = (client_id: string, more: Record<string, string> = {}) =>
  `/auth/authorize?${new URLSearchParams({
    ...{ response_type: 'code', client_id, redirect_uri: CALLBACK, scope: 'openid profile offline_access', state: 's' },
    ...{ code_challenge: CHALLENGE, code_challenge_method: 'S256' },
    ...more,
  })}`;

async function token(client_id: string, form: Record<string, string>, client_secret = SECRET) {
  const answer = await server.inject({ method: 'POST', url: '/auth/token', form: { client_id, client_secret, ...form } });
  return answer.json();
}

async function tokensFor(client_id: string, client_secret = SECRET, more: Record<string, string> = {}) {
  const location = await standardBrowser(server).authorize(authorizeUrl(client_id, more));
  const code = location.searchParams.get('code') ?? '';
  return await token(client_id, { grant_type: 'authorization_code', code, code_verifier: VERIFIER }, client_secret);
}

const userinfo = (access_token: string, path = '') => server.inject({ url: `/auth/userinfo${path}`, token: access_token });

/** As an app does: with the JWKS, and nothing but that algorithm. */
async function verified(jwt: string, alg: string, audience: string, typ: string) {
  const jwks = (await server.inject({ url: '/.well-known/jwks.json' })).json();
  const rules = { issuer: ISSUER, audience, algorithms: [alg], currentDate: server.clock(), typ };
  return (await jwtVerify(jwt, createLocalJWKSet(jwks), rules)).payload;
}

describe.each(SIGNING_ALGORITHMS)('a client that asks for %s', (alg) => {
  it('gets all its tokens signed so, also by a refresh, and they open userinfo', async () => {
    const first = await tokensFor(alg);
    const second = await token(alg, { grant_type: 'refresh_token', refresh_token: first.refresh_token });
    for (const { access_token, id_token } of [first, second]) {
      expect(await verified(access_token, alg, ISSUER, 'at+jwt')).toMatchObject({ client_id: alg });
      expect(await verified(id_token, alg, alg, 'JWT')).toMatchObject({ azp: alg });
      expect((await userinfo(access_token)).statusCode).toBe(200);
    }
  });

  it('gets userinfo as a JWT, which passes neither for an ID token nor for an access token', async () => {
    const { access_token } = await tokensFor(alg);
    const answer = await userinfo(access_token);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/jwt']);
    const claims = await verified(answer.body, alg, alg, 'JWT');
    expect(claims).toMatchObject({ sub: expect.any(String), name: 'Ada', preferred_username: 'ada' });
    expect(claims).not.toHaveProperty('exp');
    expect((await userinfo(answer.body)).statusCode).toBe(401);
    const hinted = await standardBrowser(server).authorize(authorizeUrl(alg, { prompt: 'none', id_token_hint: answer.body }));
    expect(hinted.searchParams.get('error')).not.toBeNull();
    expect((await userinfo(access_token, '/emails')).json()).toEqual([]);
  });

  it('introspects its access token', async () => {
    const { access_token } = await tokensFor(alg);
    const form = { client_id: alg, client_secret: SECRET, token: access_token };
    expect((await server.inject({ method: 'POST', url: '/auth/introspect', form })).json()).toMatchObject({ active: true, client_id: alg });
  });
});

describe('a client with claims of the operator’s own', () => {
  const told = { role: 'admin', 'https://app.example.com/tenant': { id: 7, tags: ['home'] } };

  it('finds them at userinfo, by the first group that the person is in', async () => {
    const { access_token, id_token } = await tokensFor('roles');
    const claims = (await userinfo(access_token)).json();
    expect(claims).toMatchObject({ name: 'Ada', ...told });
    expect(claims).not.toHaveProperty('policy');
    expect(decodeJwt(id_token)).not.toHaveProperty('role');
  });

  it('finds those in the ID token that it asks for by name', async () => {
    const asked = { scope: 'openid', claims: JSON.stringify({ id_token: { role: null } }) };
    const { id_token } = await tokensFor('roles', SECRET, asked);
    expect(decodeJwt(id_token)).toMatchObject({ role: 'admin' });
    expect(decodeJwt(id_token)).not.toHaveProperty('name');
    expect(decodeJwt(id_token)).not.toHaveProperty(['https://app.example.com/tenant']);
  });

  it('finds them all in the ID token with id_token_claims, also after a refresh and without a scope of claims', async () => {
    const { id_token, refresh_token } = await tokensFor('roles in the ID token', SECRET, { scope: 'openid offline_access' });
    const refreshed = await token('roles in the ID token', { grant_type: 'refresh_token', refresh_token });
    for (const jwt of [id_token, refreshed.id_token]) {
      expect(decodeJwt(jwt)).toMatchObject(told);
      expect(decodeJwt(jwt)).not.toHaveProperty('policy');
    }
  });

  it('does not show them to others: neither by introspection nor in the access token', async () => {
    const { access_token } = await tokensFor('roles');
    const form = { client_id: 'roles', client_secret: SECRET, token: access_token };
    const introspected = (await server.inject({ method: 'POST', url: '/auth/introspect', form })).json();
    expect(introspected).toMatchObject({ active: true });
    for (const claims of [introspected, decodeJwt(access_token)]) expect(claims).not.toHaveProperty('role');
  });

  it('sees what changes at the next request', async () => {
    const { access_token } = await tokensFor('roles');
    const role = async () => (await userinfo(access_token)).json().role;
    const { id } = await server.container.database.kysely
      .selectFrom('users')
      .select('id')
      .where('is_owner', '=', true)
      .executeTakeFirstOrThrow();
    expect(await role()).toBe('admin');
    const groups = server.container.database.kysely;
    await groups.deleteFrom('user_groups').where('user_id', '=', id).where('group_id', '=', 'system-admin').execute();
    await groups
      .insertInto('user_groups')
      .values({ user_id: id, group_id: 'system-users' })
      .onConflict((oc) => oc.doNothing())
      .execute();
    expect(await role()).toBe('user');
    await groups.insertInto('user_groups').values({ user_id: id, group_id: 'system-admin' }).execute();
  });

  it('keeps the order of its groups: the first decides', async () => {
    const { access_token: owner } = await server.redeem(await server.login());
    const json = {
      client_id: 'ordered',
      redirect_uris: [CALLBACK],
      claims: { role: { groups: { 'system-users': 'user', 'system-admin': 'admin' } } },
    };
    const made = await server.inject({ method: 'POST', url: '/api/clients', token: owner, json });
    expect(Object.keys(made.json().claims.role.groups)).toEqual(['system-users', 'system-admin']);
  });
});

describe('a client with a default_max_age', () => {
  const codeOf = (location: URL | null) => location?.searchParams.get('code');

  it('gets a code without a login while the login is younger, and a new login after that', async () => {
    const browser = standardBrowser(server);
    expect((await browser.follow(authorizeUrl('aged'))).seen).toEqual(['login']);
    server.advance(3600);
    const [same, silent] = [await browser.follow(authorizeUrl('aged')), await browser.follow(authorizeUrl('aged', { prompt: 'none' }))];
    expect([same.seen, codeOf(silent.location)]).toEqual([[], expect.any(String)]);
    server.advance(1);
    const refused = await browser.follow(authorizeUrl('aged', { prompt: 'none' }));
    expect(refused.location?.searchParams.get('error')).toBe('login_required');
    const again = await browser.follow(authorizeUrl('aged'));
    expect([again.seen, codeOf(again.location)]).toEqual([['login'], expect.any(String)]);
    const { id_token } = await token('aged', {
      grant_type: 'authorization_code',
      code: codeOf(again.location) ?? '',
      code_verifier: VERIFIER,
    });
    expect(decodeJwt(id_token).auth_time).toBe(server.clock().getTime() / 1000);
  });

  it('overrides it by its request, in both directions', async () => {
    const browser = standardBrowser(server);
    await browser.follow(authorizeUrl('aged'));
    server.advance(3601);
    expect((await browser.follow(authorizeUrl('aged', { max_age: '7200' }))).seen).toEqual([]);
    expect((await browser.follow(authorizeUrl('aged', { max_age: '60' }))).seen).toEqual(['login']);
  });

  it('may demand a new login each time', async () => {
    const browser = standardBrowser(server);
    expect((await browser.follow(authorizeUrl('always'))).seen).toEqual(['login']);
    server.advance(1);
    expect((await browser.follow(authorizeUrl('always'))).seen).toEqual(['login']);
  });

  it('has it for its devices as well', async () => {
    const form = { client_id: 'aged', client_secret: SECRET };
    await server.inject({ method: 'POST', url: '/auth/device_authorization', form });
    const row = server.container.database.kysely.selectFrom('device_codes').select('max_age').where('client_id', '=', 'aged');
    expect(await row.execute()).toEqual([{ max_age: 3600 }]);
  });
});

describe('any other client', () => {
  it('gets ES256 access tokens, RS256 ID tokens, and userinfo as JSON', async () => {
    const { access_token, id_token } = await tokensFor('plain');
    await verified(access_token, 'ES256', ISSUER, 'at+jwt');
    await verified(id_token, 'RS256', 'plain', 'JWT');
    const answer = await userinfo(access_token);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.json()).toMatchObject({ name: 'Ada' });
  });
});

describe('a client that registers itself', () => {
  const register = async (json: object) =>
    (await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json: { redirect_uris: [CALLBACK], ...json } })).json();

  it('may ask for signed userinfo, and its answer says so', async () => {
    const { client_id, client_secret, ...told } = await register({ userinfo_signed_response_alg: 'ES256' });
    expect(told.userinfo_signed_response_alg).toBe('ES256');
    const { access_token } = await tokensFor(client_id, client_secret);
    await verified((await userinfo(access_token)).body, 'ES256', client_id, 'JWT');
  });

  it('may ask for an age of logins, and its answer says so', async () => {
    expect(await register({ default_max_age: 60, require_auth_time: true })).toMatchObject({
      default_max_age: 60,
      require_auth_time: true,
    });
  });

  it('is shown no algorithm that it did not ask for', async () => {
    expect(await register({})).not.toHaveProperty('userinfo_signed_response_alg');
  });
});
