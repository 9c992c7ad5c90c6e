import { createLocalJWKSet, jwtVerify } from 'jose';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthError } from '../../src/domain/errors.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { randomId } from '../../src/domain/secret.ts';
import { HOME_ASSISTANT, type TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { createTokenServices, HOME, ISSUER, loginOf, newClient, redeem, refresh, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { credentialsOf, PUBLIC_CLIENT, registerClient, SCOPE, standardTokens } from '../support/fixtures/standard_grants.ts';

const API = 'https://api.example/';
const OWN = newClient();
const RESOURCE_SERVER = newClient({ client_id: 'api', resources: [API] });
const STRANGER = newClient({ client_id: 'stranger', resources: ['https://other.example/'] });
const now = NOON.getTime() / 1000;

let services: TokenServices;
let user: User;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  services = await createTokenServices(db.database);
  for (const client of [OWN, RESOURCE_SERVER, STRANGER, PUBLIC_CLIENT]) await registerClient(services, db.database, client);
  user = await addPerson(db.database, { username: randomId() });
  return () => services.close();
});

function tokens(standard: Parameters<typeof standardTokens>[4] = {}, client = OWN): Promise<TokenSet> {
  return standardTokens(services, db.database, user, client, standard);
}

async function ask(token: string | undefined, credentials: Record<string, string> = credentialsOf(OWN)): Promise<JsonObject | string> {
  try {
    const form = new Map(Object.entries({ ...credentials, ...(token !== undefined && { token }) }));
    return await services.introspection.answer(form, { remote_address: HOME });
  } catch (error) {
    if (error instanceof AuthError) return error.code;
    throw error;
  }
}

test('a client learns about its own access token', async () => {
  const { access_token } = await tokens();
  const { jti } = services.accessTokens.read(access_token)!;
  expect(await ask(access_token)).toEqual({
    active: true,
    token_type: 'Bearer',
    ...{ iss: ISSUER, sub: user.id, aud: ISSUER, client_id: 'grafana', scope: SCOPE.join(' '), jti },
    ...{ iat: now, exp: now + 1_800, auth_time: now, acr: '1', amr: ['pwd'] },
    ...{ name: 'Paulus', username: expect.any(String), preferred_username: expect.any(String), updated_at: now },
  });
});

test('a resource server learns about the tokens that are for it', async () => {
  for (const resource of [[API], [API, 'https://third.example/'], ['https://third.example/', API]]) {
    const { access_token } = await tokens({ resource });
    expect(await ask(access_token, credentialsOf(RESOURCE_SERVER))).toMatchObject({ active: true, client_id: 'grafana' });
  }
});

// F1
test('nobody is answered who does not prove to be a client', async () => {
  const { access_token } = await tokens();
  for (const credentials of [
    {},
    { client_id: 'grafana' },
    { client_id: 'grafana', client_secret: 'x' },
    credentialsOf(PUBLIC_CLIENT),
    { client_id: 'nobody' },
  ]) {
    expect(await ask(access_token, credentials as Record<string, string>)).toBe('invalid_client');
  }
  expect(await ask(undefined)).toBe('invalid_request');
});

// F2, F3
describe('anything else gets { active: false } only', () => {
  const stories: [string, () => Promise<string>][] = [
    ['an unknown token', async () => 'unknown'],
    ['an ID token', async () => (await tokens()).id_token!],
    ['a code', async () => services.codes.issue(await loginOf(db.database, user))],
    ['another client’s token', async () => (await tokens({}, PUBLIC_CLIENT)).access_token],
    ['another client’s refresh token', async () => (await tokens({}, PUBLIC_CLIENT)).refresh_token!],
    [
      'Home Assistant’s access token',
      async () => ((await redeem(services, await services.codes.issue(await loginOf(db.database, user)))) as TokenSet).access_token,
    ],
    [
      'Home Assistant’s refresh token',
      async () => ((await redeem(services, await services.codes.issue(await loginOf(db.database, user)))) as TokenSet).refresh_token!,
    ],
    ['an expired token', async () => tokenAfter(() => services.time.advance(1_810))],
    ['a token whose grant was revoked', async () => tokenAfter(() => db.database.kysely.deleteFrom('refresh_tokens').execute())],
    [
      'a token whose user is inactive',
      async () => tokenAfter(() => db.database.kysely.updateTable('users').set({ is_active: false }).where('id', '=', user.id).execute()),
    ],
    [
      'a token that was revoked itself',
      async () =>
        tokenAfter((token) =>
          services.revocation.revoke(new Map(Object.entries({ token, ...credentialsOf(OWN) })), { remote_address: HOME }),
        ),
    ],
    [
      'a refresh token of before its grace time',
      async () => {
        const token = (await tokens()).refresh_token!;
        await refresh(services, token, credentialsOf(OWN));
        services.time.advance(10);
        return token;
      },
    ],
  ];
  async function tokenAfter(happen: (token: string) => unknown): Promise<string> {
    const { access_token } = await tokens();
    await happen(access_token);
    return access_token;
  }

  for (const [story, make] of stories) {
    test(story, async () => {
      expect(await ask(await make())).toEqual({ active: false });
    });
  }

  test('a token for one resource server, to another', async () => {
    const { access_token } = await tokens({ resource: [API] });
    expect(await ask(access_token, credentialsOf(STRANGER))).toEqual({ active: false });
  });
});

test('a client learns about its own refresh token, the current one and, within its grace time, the one before', async () => {
  const first = (await tokens()).refresh_token!;
  const { refresh_token } = (await refresh(services, first, credentialsOf(OWN))) as TokenSet;
  for (const token of [first, refresh_token!]) {
    expect(await ask(token)).toEqual({ active: true, iss: ISSUER, sub: user.id, client_id: 'grafana', scope: SCOPE.join(' '), iat: now });
  }
});

test('a client’s own token is valid for as long as its client is there', async () => {
  const facts = { user_id: null, refresh_token_id: null, auth_time: null, amr: [], client: OWN, client_id: 'grafana' };
  const issued = {
    ...HOME_ASSISTANT,
    ...facts,
    profile: 'standard',
    access_token_expiration: 60,
    scope: ['lights'],
    refresh_token: null,
    ha_auth_provider: null,
  } as const;
  const { access_token } = await services.issuer.issue({ ...issued, amr: [], resource: [API] });
  expect(await ask(access_token)).toMatchObject({ active: true, sub: 'client:grafana', scope: 'lights' });
  services.clients.delete('grafana');
  expect(await ask(access_token, credentialsOf(RESOURCE_SERVER))).toEqual({ active: false });
});

test('the signed answer is for anyone who asked', async () => {
  const { access_token } = await tokens();
  const jwt = await services.introspection.signedAnswer(new Map(Object.entries({ ...credentialsOf(OWN), token: access_token })), {
    remote_address: HOME,
  });
  const options = { issuer: ISSUER, audience: 'grafana', typ: 'token-introspection+jwt', currentDate: NOON };
  const { payload } = await jwtVerify(jwt, createLocalJWKSet(services.keyring.jwks() as never), options);
  expect(payload.token_introspection).toMatchObject({ active: true, sub: user.id });
  expect(services.accessTokens.read(jwt, { for_anyone: true })).toBeNull();
});
