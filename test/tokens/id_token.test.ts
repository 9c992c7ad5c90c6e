import { createHash } from 'node:crypto';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SigningAlgorithm } from '../../src/domain/client.ts';
import { type Authorization, HOME_ASSISTANT } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { createTokenServices, HOME, ISSUER, newClient, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';

const now = NOON.getTime() / 1000;

let db: TestDatabase;
let services: TokenServices;
let user: User;

beforeAll(async () => {
  db = await createTestDatabase();
  services = await createTokenServices(db.database);
  user = await addPerson(db.database, { username: 'ada', name: 'Ada Lovelace' });
});
afterAll(async () => {
  await services.close();
  await db.close();
});

function authorized(differences: Partial<Authorization> = {}, id_token_signed_response_alg: SigningAlgorithm = 'ES256'): Authorization {
  return {
    ...HOME_ASSISTANT,
    profile: 'standard',
    client: newClient({ id_token_signed_response_alg }),
    client_id: 'grafana',
    user_id: user.id,
    refresh_token_id: '1'.repeat(32),
    access_token_expiration: 1_800,
    auth_time: new Date(NOON.getTime() - 60_500),
    amr: ['pwd', 'otp', 'mfa'],
    scope: ['openid', 'profile', 'email', 'groups'],
    refresh_token: null,
    ha_auth_provider: null,
    ...differences,
  };
}

async function issue(authorization: Authorization) {
  const { id_token, access_token } = await services.issuer.issue(authorization);
  const { payload, protectedHeader } = await jwtVerify(id_token!, createLocalJWKSet(services.keyring.jwks() as never), {
    currentDate: NOON,
  });
  return { id_token, access_token, payload, protectedHeader };
}

// E9
test('says who, for whom, when and how, and nothing of the person, whatever the scopes', async () => {
  const { payload, protectedHeader, access_token } = await issue(authorized({ nonce: 'n'.repeat(384), sid: 'a session' }));
  expect(payload).toEqual({
    iss: ISSUER,
    sub: user.id,
    aud: 'grafana',
    azp: 'grafana',
    exp: now + 1_800,
    iat: now,
    auth_time: now - 61,
    acr: '2',
    amr: ['pwd', 'otp', 'mfa'],
    nonce: 'n'.repeat(384),
    sid: 'a session',
    at_hash: createHash('sha256').update(access_token).digest().subarray(0, 16).toString('base64url'),
  });
  expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'JWT', kid: expect.any(String) });
});

test('has no nonce and no session where there was none', async () => {
  const { payload } = await issue(authorized());
  expect(payload).not.toHaveProperty('nonce');
  expect(payload).not.toHaveProperty('sid');
});

for (const [algorithm, hash] of [
  ['RS256', 'sha256'],
  ['ES256', 'sha256'],
  ['PS256', 'sha256'],
  ['EdDSA', 'sha512'],
] as const) {
  test(`is signed with ${algorithm} where the client wants that`, async () => {
    const { payload, protectedHeader, access_token } = await issue(authorized({}, algorithm));
    const digest = createHash(hash).update(access_token).digest();
    expect(protectedHeader.alg).toBe(algorithm);
    expect(payload.at_hash).toBe(digest.subarray(0, digest.length / 2).toString('base64url'));
  });
}

test('tells of the person what was asked for by name, and never lets that stand for its own claims', async () => {
  const claims = { id_token: { name: null, preferred_username: { essential: true }, iss: { value: 'https://evil.example' }, sub: null } };
  const { payload } = await issue(authorized({ claims, scope: ['openid'] }));
  expect(payload).toMatchObject({ iss: ISSUER, sub: user.id, name: 'Ada Lovelace', preferred_username: 'ada' });
  expect(payload).not.toHaveProperty('email');
});

describe('there is none', () => {
  for (const [story, differences] of [
    ['without the scope openid', { scope: ['profile'] }],
    ['where nobody logged in', { user_id: null, refresh_token_id: null, auth_time: null }],
    ['in Home Assistant’s dialect', { client: null, profile: 'home_assistant' }],
  ] as const) {
    test(story, async () => {
      expect(await services.issuer.issue(authorized(differences as Partial<Authorization>))).not.toHaveProperty('id_token');
    });
  }
});

// E3
test('is no access token', async () => {
  const { id_token } = await issue(authorized());
  expect(services.accessTokens.read(id_token!, { for_anyone: true })).toBeNull();
  expect(await services.bearer.authenticate(id_token!, HOME)).toBeNull();
});

// C19
test('a client’s own access token is never a user’s', async () => {
  const own = authorized({ user_id: null, refresh_token_id: null, auth_time: null, client_id: user.id, scope: [] });
  const { access_token } = await services.issuer.issue(own);
  const claims = services.accessTokens.read(access_token);
  expect(claims).toMatchObject({ sub: `client:${user.id}`, client_id: user.id });
  for (const absent of ['auth_time', 'acr', 'amr', 'refresh_token_id']) expect(claims).not.toHaveProperty(absent);
  expect(await services.bearer.authenticate(access_token, HOME)).toBeNull();
});
