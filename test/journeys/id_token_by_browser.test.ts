// Response types with an ID token, as openid-client and a careful reader of the specifications see
// them: what is in the token, where it travels, and what never does.
import { createHash } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { SIGNING_ALGORITHMS } from '../../src/domain/client.ts';
import { fieldsOf } from '../support/clients/page_visitor.ts';
import {
  authorizeUrl,
  type Fields,
  fetchFrom,
  ISSUER,
  type StandardBrowser,
  standardBrowser,
} from '../support/clients/standard_browser.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK, SECRETS } from '../support/fixtures/standard_clients.ts';
import { CHALLENGE, VERIFIER } from '../support/fixtures/standard_grants.ts';

const INITIAL = 'an-initial-access-token';
const BASIC = { authorization: `Basic ${Buffer.from(`hybrid+RS256:${encodeURIComponent(SECRETS.web)}`).toString('base64')}` };
const NO_PKCE = { code_challenge: undefined, code_challenge_method: undefined };

let server: TestServer;
/** Logged in as the owner. */
let browser: StandardBrowser;
let owner_token: string;

beforeAll(async () => {
  const app = { redirect_uris: [CALLBACK], trusted: true };
  const hybrid = SIGNING_ALGORITHMS.map((alg) => ({
    client_id: `hybrid ${alg}`,
    client_secret: SECRETS.web,
    ...app,
    response_types: ['code id_token'],
    id_token_signed_response_alg: alg,
  }));
  const clients = [
    { client_id: 'front', ...app, response_types: ['id_token'], claims: { role: { value: 'user' } } },
    { client_id: 'front asking', ...app, trusted: false, response_types: ['id_token', 'code'] },
    { client_id: 'both', client_secret: SECRETS.web, ...app, require_pkce: false, response_types: ['code', 'id_token', 'code id_token'] },
    { client_id: 'members', ...app, response_types: ['id_token'], allowed_group_ids: ['family'] },
    { client_id: 'short', ...app, response_types: ['id_token'], access_token_lifetime: '1m' },
    { client_id: 'code', ...app },
    ...hybrid,
  ];
  server = await startServer({
    clock: () => new Date(),
    config: {
      clients,
      groups: [{ id: 'family', name: 'Family', policy: {} }],
      registration: { enabled: true, initial_access_token: INITIAL },
      http: { login_attempts_threshold: -1 },
    },
  });
  owner_token = (await server.ownerTokens()).access_token;
  browser = standardBrowser(server);
  await browser.authorize(url('front'));
});
afterAll(() => server.close());

function url(client_id: string, fields: Fields = {}): string {
  return authorizeUrl({ client_id, response_type: 'id_token', scope: 'openid profile email', nonce: 'n-0', ...fields });
}

/** What the browser carries, and that it is in the fragment alone. */
async function told(client_id: string, fields: Fields = {}, who = browser): Promise<Record<string, string>> {
  const location = await who.authorize(url(client_id, fields));
  expect([location.origin + location.pathname, location.search]).toEqual([CALLBACK, '']);
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

async function verified(id_token: string, audience: string) {
  const keys = (await server.inject({ url: '/.well-known/jwks.json' })).json();
  return (await jwtVerify(id_token, createLocalJWKSet(keys), { issuer: ISSUER, audience })).payload;
}

const count = async (table: 'authorization_codes' | 'refresh_tokens') =>
  (await server.container.database.kysely.selectFrom(table).selectAll().execute()).length;

async function discover(client_id: string, metadata: Partial<client.ClientMetadata> = {}, how?: client.ClientAuth) {
  return await client.discovery(new URL(ISSUER), client_id, metadata, how, { [client.customFetch]: fetchFrom(server) });
}

describe('response_type id_token', () => {
  it('is one ID token with the claims of the scopes, and neither code nor access token', async () => {
    const before = [await count('authorization_codes'), await count('refresh_tokens')];
    const { id_token, ...others } = await told('front', NO_PKCE);
    expect(others).toEqual({ state: 's', iss: ISSUER });
    const claims = await verified(id_token!, 'front');
    expect(claims).toMatchObject({ nonce: 'n-0', azp: 'front', name: 'Ada', preferred_username: 'ada', role: 'user', acr: '1' });
    expect(claims.sid).toEqual(expect.any(String));
    expect(claims.auth_time).toEqual(expect.any(Number));
    expect([claims.exp! - claims.iat!, claims.at_hash, claims.c_hash, claims.groups]).toEqual([1800, undefined, undefined, undefined]);
    expect([await count('authorization_codes'), await count('refresh_tokens')]).toEqual(before);
  });

  it('is accepted by openid-client', async () => {
    const rp = await discover('front', {}, client.None());
    client.useIdTokenResponseType(rp);
    client.enableNonRepudiationChecks(rp);
    const [expectedState, nonce] = [client.randomState(), client.randomNonce()];
    const asked = { redirect_uri: CALLBACK, scope: 'openid profile', state: expectedState, nonce };
    const back = await browser.authorize(client.buildAuthorizationUrl(rp, asked));
    expect(await client.implicitAuthentication(rp, back, nonce, { expectedState })).toMatchObject({ aud: 'front', name: 'Ada', nonce });
  });

  it('lasts as long as the access tokens of the client would', async () => {
    const { exp, iat } = decodeJwt((await told('short')).id_token!);
    expect(exp! - iat!).toBe(60);
  });

  it('travels in a form, with no part of it in a URL', async () => {
    const answer = await browser.get(url('front', { response_mode: 'form_post' }));
    const html = await answer.text();
    expect([answer.status, answer.headers.get('location'), answer.headers.get('cache-control')]).toEqual([200, null, 'no-store']);
    expect(html).toContain(`<form method="post" action="${CALLBACK}"`);
    const { id_token, ...others } = fieldsOf(html);
    expect(others).toEqual({ state: 's', iss: ISSUER });
    expect(await verified(id_token!, 'front')).toMatchObject({ nonce: 'n-0' });
  });

  it('is silent with prompt=none, and asks for consent as a code does', async () => {
    expect(await told('front asking', { prompt: 'none' })).toMatchObject({ error: 'consent_required' });
    const { seen } = await browser.follow(url('front asking'));
    expect(seen).toEqual(['consent']);
    expect(await told('front asking', { prompt: 'none' })).toMatchObject({ id_token: expect.any(String) });
    expect(await told('front asking', { prompt: 'consent' }, denying)).toMatchObject({ error: 'access_denied' });
    expect(await told('front', { prompt: 'none' }, standardBrowser(server))).toMatchObject({ error: 'login_required' });
  });

  it('is for members of the allowed groups only', async () => {
    expect(await told('members')).toMatchObject({ id_token: expect.any(String) }); // The owner may always.
    const { kysely } = server.container.database;
    await kysely.updateTable('users').set({ is_owner: false }).execute();
    expect(await told('members')).toMatchObject({ error: 'access_denied' });
    await kysely.updateTable('users').set({ is_owner: true }).execute();
  });

  it('is a hint at the logout, and of the next request', async () => {
    const { id_token } = await told('front');
    const { sub } = decodeJwt(id_token!);
    expect(decodeJwt((await told('front', { prompt: 'none', id_token_hint: id_token })).id_token!)).toMatchObject({ sub });
  });

  it('leaves an event', async () => {
    await server.container.database.kysely
      .deleteFrom('audit_events')
      .execute()
      .catch(() => {});
    await told('front');
    await expect
      .poll(async () =>
        (await server.container.database.kysely.selectFrom('audit_events').selectAll().where('type', '=', 'id_token.issued').execute()).at(
          -1,
        ),
      )
      .toMatchObject({ client_id: 'front', outcome: 'done', detail: { basis: 'trusted_client' } });
  });
});

/** A browser whose person says no. */
const denying = {
  authorize: (to: string) => browser.authorize(to, { decision: 'deny' }),
} as StandardBrowser;

describe('response_type code id_token', () => {
  it.each(SIGNING_ALGORITHMS)('binds the code to the ID token by c_hash with %s, without claims of the person', async (alg) => {
    const { code, id_token, ...others } = await told(`hybrid ${alg}`, { response_type: 'code id_token' });
    expect(others).toEqual({ state: 's', iss: ISSUER });
    const digest = createHash(alg === 'EdDSA' ? 'sha512' : 'sha256')
      .update(code!)
      .digest();
    const claims = await verified(id_token!, `hybrid ${alg}`);
    expect(claims.c_hash).toBe(digest.subarray(0, digest.length / 2).toString('base64url'));
    expect([claims.nonce, claims.at_hash, claims.name]).toEqual(['n-0', undefined, undefined]);
  });

  it.each(SIGNING_ALGORITHMS)('is accepted by openid-client with %s: c_hash, s_hash absent, then at_hash', async (alg) => {
    const rp = await discover(`hybrid ${alg}`, { id_token_signed_response_alg: alg }, client.ClientSecretBasic(SECRETS.web));
    client.useCodeIdTokenResponseType(rp);
    client.enableNonRepudiationChecks(rp);
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
    const asked = {
      redirect_uri: CALLBACK,
      scope: 'openid profile',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
      nonce: expectedNonce,
    };
    const back = await browser.authorize(client.buildAuthorizationUrl(rp, asked));
    const tokens = await client.authorizationCodeGrant(rp, back, { pkceCodeVerifier, expectedState, expectedNonce });
    const front = decodeJwt(new URLSearchParams(back.hash.slice(1)).get('id_token')!);
    expect(tokens.claims()).toMatchObject({ iss: front.iss, sub: front.sub, nonce: front.nonce });
    expect(await client.fetchUserInfo(rp, tokens.access_token, front.sub!)).toMatchObject({ name: 'Ada' });
  });

  it('checks the verifier at the token endpoint, as for any code', async () => {
    const { code } = await told('hybrid RS256', { response_type: 'code id_token' });
    const redeem = async (fields: Record<string, string>) => {
      const form = { grant_type: 'authorization_code', code: code!, redirect_uri: CALLBACK, ...fields };
      const answer = await server.inject({ method: 'POST', url: '/auth/token', headers: BASIC, form });
      return [answer.statusCode, answer.json().error];
    };
    expect(await redeem({})).toEqual([400, 'invalid_grant']);
    expect(await redeem({ code_verifier: VERIFIER })).toEqual([200, undefined]);
  });

  // B1
  it('needs PKCE, but of a confidential client that is exempt', async () => {
    expect(await told('hybrid RS256', { response_type: 'code id_token', ...NO_PKCE })).toMatchObject({ error: 'invalid_request' });
    expect(await told('both', { response_type: 'code id_token', ...NO_PKCE })).toMatchObject({ code: expect.any(String) });
  });

  it('can be pushed, once', async () => {
    const form = Object.fromEntries(new URL(url('hybrid RS256', { response_type: 'code id_token' })).searchParams);
    const pushed = await server.inject({ method: 'POST', url: '/auth/par', headers: BASIC, form });
    const query = new URLSearchParams({ client_id: 'hybrid RS256', request_uri: pushed.json().request_uri });
    const back = await browser.authorize(`${ISSUER}/auth/authorize?${query}`);
    expect(new URLSearchParams(back.hash.slice(1)).get('id_token')).not.toBeNull();
    expect((await browser.get(`${ISSUER}/auth/authorize?${query}`)).status).toBe(400);
  });
});

describe('a fault', () => {
  it.each<[string, string, Fields, string]>([
    ['no nonce', 'front', { nonce: undefined }, 'invalid_request'],
    ['no nonce beside a code', 'both', { response_type: 'code id_token', nonce: undefined }, 'invalid_request'],
    ['no openid', 'front', { scope: 'profile' }, 'invalid_request'],
    ['response_mode query', 'front', { response_mode: 'query' }, 'invalid_request'],
    ['response_mode query beside a code', 'both', { response_type: 'code id_token', response_mode: 'query' }, 'invalid_request'],
    ['an access token', 'both', { response_type: 'id_token token' }, 'unsupported_response_type'],
    ['an access token beside a code', 'both', { response_type: 'code id_token token' }, 'unsupported_response_type'],
    ['an access token alone', 'both', { response_type: 'token' }, 'unsupported_response_type'],
    ['a type that the client may not have', 'code', {}, 'unsupported_response_type'],
    ['another that it may not have', 'front', { response_type: 'code id_token' }, 'unsupported_response_type'],
  ])('%s is sent in the fragment', async (_story, client_id, fields, error) => {
    const { error_description, ...answer } = await told(client_id, fields);
    expect(answer).toEqual({ error, state: 's', iss: ISSUER });
    expect(error_description).toEqual(expect.any(String));
  });

  it('is sent in the form that was asked for', async () => {
    const answer = await browser.get(url('front', { response_mode: 'form_post', nonce: undefined }));
    expect(fieldsOf(await answer.text())).toMatchObject({ error: 'invalid_request', state: 's', iss: ISSUER });
    expect(answer.headers.get('location')).toBeNull();
  });

  it('is refused when it is pushed', async () => {
    for (const fields of [{ nonce: undefined }, { response_mode: 'query' }, { response_type: 'id_token' }]) {
      const form = Object.fromEntries(new URL(url('hybrid RS256', { response_type: 'code id_token', ...fields })).searchParams);
      const answer = await server.inject({ method: 'POST', url: '/auth/par', headers: BASIC, form });
      expect([answer.statusCode, answer.json().error]).toEqual([
        400,
        fields.response_type ? 'unsupported_response_type' : 'invalid_request',
      ]);
    }
  });
});

describe('no ID token goes by the browser', () => {
  it('to a client that registered itself, even if an administrator wants it', async () => {
    const json = { redirect_uris: [CALLBACK], response_types: ['id_token'] };
    const refused = await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json });
    expect([refused.statusCode, refused.json().error]).toEqual([400, 'invalid_client_metadata']);
    const made = await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json: { redirect_uris: [CALLBACK] } });
    const { client_id } = made.json();
    const patch = {
      method: 'PATCH',
      url: `/api/clients/${client_id}`,
      token: owner_token,
      json: { response_types: ['id_token'] },
    } as const;
    const answer = await server.inject(patch);
    expect([answer.statusCode, answer.json().message]).toEqual([400, expect.stringContaining('response_types')]);
    expect(await browser.get(url(client_id)).then(({ status }) => status)).toBe(400);
  });

  it('to a client of a URL', async () => {
    const answer = await browser.get(url('https://app.example.com/', { redirect_uri: 'https://app.example.com/cb' }));
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });
});

test('discovery names the types', async () => {
  const metadata = (await server.inject({ url: '/.well-known/openid-configuration' })).json();
  expect(metadata.response_types_supported).toEqual(['code', 'id_token', 'code id_token']);
  expect(metadata.claims_supported).toContain('c_hash');
  expect(CHALLENGE).toHaveLength(43);
});
