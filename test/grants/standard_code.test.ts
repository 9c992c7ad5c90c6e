import { createLocalJWKSet, jwtVerify } from 'jose';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Client } from '../../src/domain/client.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createDatabase } from '../../src/postgres/database.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import {
  ABROAD,
  CLIENT,
  createTokenServices,
  HOME,
  ISSUER,
  loginOf,
  newClient,
  redeem,
  refresh,
  type TokenServices,
} from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import {
  addSession,
  credentialsOf,
  PUBLIC_CLIENT,
  registerClient,
  SCOPE,
  standardCode,
  standardTokens,
  VERIFIER,
} from '../support/fixtures/standard_grants.ts';

const CONFIDENTIAL = newClient();
const UNKNOWN = 'invalid_grant: The code is unknown, used or expired';
const RESOURCES = ['https://one.example/api', 'https://two.example/'];

let services: TokenServices;
let user: User;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  services = await createTokenServices(db.database);
  for (const client of [PUBLIC_CLIENT, CONFIDENTIAL]) await registerClient(services, db.database, client);
  user = await addPerson(db.database, { username: randomId(), group_ids: ['system-users'] });
  return () => services.close();
});

function newCode(client: Client, standard: Parameters<typeof standardCode>[4] = {}): Promise<string> {
  return standardCode(services, db.database, user, client, standard);
}

function trade(code: string, client: Client, differences: Record<string, string | undefined> = {}, remote_address = HOME) {
  return redeem(services, code, { code_verifier: VERIFIER, ...credentialsOf(client), ...differences }, remote_address);
}

async function grants() {
  return await db.database.kysely.selectFrom('refresh_tokens').selectAll().where('user_id', '=', user.id).execute();
}

test('a code is exchanged for tokens, and its grant keeps the request', async () => {
  await addSession(db.database, user, 'a session');
  const asked = { resource: RESOURCES, claims: { userinfo: { email: null } }, sid: 'a session', nonce: 'n-0S6_WzA2Mj' };
  const answer = await trade(await newCode(CONFIDENTIAL, asked), CONFIDENTIAL, { redirect_uri: `${CLIENT}/callback` });
  expect(answer).toEqual({
    access_token: expect.any(String),
    token_type: 'Bearer',
    expires_in: 1_800,
    refresh_token: expect.stringMatching(/^lk_rt_/),
    id_token: expect.any(String),
    scope: SCOPE.join(' '),
  });
  const { nonce: _, ...kept } = asked;
  expect(await grants()).toMatchObject([
    { profile: 'standard', scope: SCOPE, ...kept, client_id: 'grafana', dpop_jkt: null, generation: 0 },
  ]);
  const claims = services.accessTokens.read((answer as TokenSet).access_token, { for_anyone: true });
  expect(claims).toMatchObject({ sub: user.id, aud: RESOURCES, client_id: 'grafana', scope: SCOPE.join(' '), acr: '1', amr: ['pwd'] });
});

test('an ID token is what a relying party can verify', async () => {
  await addSession(db.database, user, 'another session');
  const { id_token = '' } = await standardTokens(services, db.database, user, CONFIDENTIAL, { nonce: 'a nonce', sid: 'another session' });
  const keys = createLocalJWKSet(services.keyring.jwks() as never);
  const { payload } = await jwtVerify(id_token, keys, { issuer: ISSUER, audience: 'grafana', currentDate: NOON });
  expect(payload).toMatchObject({ sub: user.id, nonce: 'a nonce', sid: 'another session', azp: 'grafana' });
});

test('without openid there is no ID token, and without the refresh grant no refresh token', async () => {
  const client = newClient({ client_id: 'once', grant_types: ['authorization_code'] });
  await registerClient(services, db.database, client);
  const answer = await standardTokens(services, db.database, user, client, { scope: ['profile'] });
  expect(Object.keys(answer).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
  expect(await services.bearer.authenticate(answer.access_token, HOME)).toMatchObject({ profile: 'standard', scope: ['profile'] });
  expect(await grants()).toMatchObject([{ seed: null, token_hash: null }]);
});

test('a client’s own lifetimes come before those of all', async () => {
  const lifetimes = { access_token_lifetime: 60, refresh_token_idle_lifetime: 120, refresh_token_lifetime: 600 };
  const client = await registerClient(services, db.database, newClient({ client_id: 'brief', ...lifetimes }));
  expect(await standardTokens(services, db.database, user, client)).toMatchObject({ expires_in: 60 });
  expect(await grants()).toMatchObject([{ access_token_expiration: 60, idle_lifetime: 120, expires_at: later(600) }]);
});

describe('a code is refused, and stays valid,', () => {
  const other = newClient({ client_id: 'other' });
  for (const [story, client, differences, want] of [
    ['without its verifier', CONFIDENTIAL, { code_verifier: undefined }, 'invalid_grant: The code verifier does not fit'], // B4
    ['with a wrong one', CONFIDENTIAL, { code_verifier: VERIFIER.replace('d', 'e') }, 'invalid_grant: The code verifier does not fit'], // B3
    ['with one that is none', CONFIDENTIAL, { code_verifier: `${VERIFIER}%` }, 'invalid_grant: The code verifier does not fit'], // B6
    [
      'with another redirect_uri',
      CONFIDENTIAL,
      { redirect_uri: 'https://evil.example/' },
      'invalid_grant: redirect_uri is not the one the code was sent to',
    ], // C5
    ['by another client', CONFIDENTIAL, credentialsOf(other), UNKNOWN], // C4
    ['by a client without its secret', CONFIDENTIAL, { client_secret: undefined }, 'invalid_client: Client authentication failed'], // C17
    [
      'for a resource that was not granted',
      PUBLIC_CLIENT,
      { resource: 'https://three.example/' },
      'invalid_target: resource was not granted',
    ], // C24
    [
      'for a resource that is none',
      PUBLIC_CLIENT,
      { resource: 'three' },
      'invalid_target: resource is not an absolute URI without a fragment',
    ],
    ['when it is not there', PUBLIC_CLIENT, { code: undefined }, 'invalid_request: code is missing'],
    [
      'as a refresh token',
      PUBLIC_CLIENT,
      { grant_type: 'refresh_token', refresh_token: 'lk_ac_x' },
      'invalid_grant: The refresh token is unknown, used, revoked or expired',
    ],
    ['by nobody', PUBLIC_CLIENT, { client_id: undefined }, 'invalid_client: Client authentication failed'],
  ] as const) {
    test(story, async () => {
      await registerClient(services, db.database, other);
      const code = await newCode(client);
      expect(await trade(code, client, differences)).toBe(want);
      expect(await trade(code, client)).toBeTypeOf('object');
    });
  }

  // B5
  test('when a verifier is sent for a code without a challenge', async () => {
    const code = await newCode(CONFIDENTIAL, { login: { code_challenge: null } });
    expect(await trade(code, CONFIDENTIAL)).toBe('invalid_grant: The code verifier does not fit');
    const without = { code_verifier: undefined };
    expect(await trade(code, CONFIDENTIAL, without)).toMatch(/^invalid_grant/);
    expect(await trade(code, CONFIDENTIAL, { ...without, redirect_uri: `${CLIENT}/callback` })).toBeTypeOf('object');
  });

  test('until its fifth wrong verifier', async () => {
    const code = await newCode(PUBLIC_CLIENT);
    for (let count = 0; count < 5; count++) await trade(code, PUBLIC_CLIENT, { code_verifier: VERIFIER.replace('d', 'e') });
    expect(await trade(code, PUBLIC_CLIENT)).toBe(UNKNOWN);
  });
});

// C6
test('a code is valid for just under a minute', async () => {
  const [early, late] = [await newCode(PUBLIC_CLIENT), await newCode(PUBLIC_CLIENT)];
  services.time.advance(59.999);
  expect(await trade(early, PUBLIC_CLIENT)).toBeTypeOf('object');
  services.time.advance(0.001);
  expect(await trade(late, PUBLIC_CLIENT)).toBe(UNKNOWN);
});

// C5
test('redirect_uri need not be sent again', async () => {
  expect(await trade(await newCode(PUBLIC_CLIENT), PUBLIC_CLIENT, { redirect_uri: undefined })).toBeTypeOf('object');
});

test('of the granted resource servers some may be named', async () => {
  const code = await newCode(PUBLIC_CLIENT, { resource: RESOURCES });
  const { access_token } = (await trade(code, PUBLIC_CLIENT, { resource: RESOURCES[1]! })) as TokenSet;
  expect(services.accessTokens.read(access_token, { for_anyone: true })?.aud).toBe(RESOURCES[1]);
  expect(await grants()).toMatchObject([{ resource: RESOURCES }]);
});

describe('a code of one dialect is refused in the other', () => {
  test('a registered client’s, presented as Home Assistant’s', async () => {
    const code = await newCode(PUBLIC_CLIENT, { login: { client_id: CLIENT } });
    // A URL client must be known by its name here; with Home Assistant's look there is nothing to
    // find.
    expect(await redeem(services, code.replace('lk_acs_', 'lk_ac_'), { code_verifier: VERIFIER })).toBe('invalid_request: Invalid code');
    expect(await redeem(services, code, { code_verifier: VERIFIER })).toBe('invalid_client: Client authentication failed');
  });

  test('Home Assistant’s, sent by a registered client', async () => {
    const code = await services.codes.issue(await loginOf(db.database, user, { client_id: 'desktop' }));
    expect(await trade(code, PUBLIC_CLIENT, { code_verifier: undefined })).toBe(UNKNOWN);
  });

  test('a URL client speaks both, each with its own codes', async () => {
    const client = await registerClient(services, db.database, { ...PUBLIC_CLIENT, client_id: CLIENT, kind: 'url' });
    const standard = await trade(await newCode(client), client);
    expect(standard).toMatchObject({ scope: SCOPE.join(' '), id_token: expect.any(String) });
    const plain = await redeem(services, await services.codes.issue(await loginOf(db.database, user)));
    expect(plain).toMatchObject({ ha_auth_provider: 'homeassistant' });
    const tokens = [standard, plain].map((answer) => (answer as TokenSet).refresh_token!);
    expect(await refresh(services, tokens[0]!)).toMatchObject({ refresh_token: expect.any(String) });
    expect(Object.keys(await refresh(services, tokens[1]!))).toEqual(['access_token', 'token_type', 'expires_in']);
  });
});

// C23, D11
describe('a user who may not have tokens gets none, and the code is used up:', () => {
  const client = { ...PUBLIC_CLIENT, client_id: 'family', trusted: false, allowed_group_ids: ['system-users'] };
  const consent = () => ({ user_id: user.id, client_id: 'family', scope: SCOPE, redirect_uris: [], granted_at: NOON });
  const stories: [string, () => Promise<unknown>][] = [
    ['an inactive user', () => change({ is_active: false })],
    ['a user restricted to home, abroad', () => change({ local_only: true })],
    ['a user in none of the client’s groups', () => db.database.kysely.deleteFrom('user_groups').where('user_id', '=', user.id).execute()],
    ['a user without consent', () => db.database.kysely.deleteFrom('consents').where('user_id', '=', user.id).execute()],
  ];
  function change(columns: { is_active?: boolean; local_only?: boolean }) {
    return db.database.kysely.updateTable('users').set(columns).where('id', '=', user.id).execute();
  }

  for (const [story, happen] of stories) {
    test(story, async () => {
      await registerClient(services, db.database, client);
      await db.database.kysely.insertInto('consents').values(consent()).execute();
      expect(await trade(await newCode(client), client, {}, ABROAD)).toBeTypeOf('object');
      const code = await newCode(client);
      await happen();
      expect(await trade(code, client, {}, ABROAD)).toBe('invalid_grant: The user may not have tokens');
      expect(await trade(code, client, {}, ABROAD)).toBe(UNKNOWN);
      expect(services.events.at(-2)).toMatchObject({ type: 'authorization_code.refused', target_user_id: user.id });
      expect(await grants()).toHaveLength(1);
    });
  }
});

describe('a code used twice', () => {
  // C1
  test('revokes what it was exchanged for', async () => {
    const code = await newCode(CONFIDENTIAL);
    const { access_token, refresh_token } = (await trade(code, CONFIDENTIAL)) as TokenSet;
    expect(await trade(code, CONFIDENTIAL)).toBe(UNKNOWN);
    expect(await services.bearer.authenticate(access_token, HOME)).toBeNull();
    expect(await refresh(services, refresh_token!, credentialsOf(CONFIDENTIAL))).toMatch(/^invalid_grant/);
    expect(services.events).toContainEqual(expect.objectContaining({ type: 'authorization_code.replayed' }));
  });

  // C3
  for (const [story, differences] of [
    ['a wrong verifier', { code_verifier: VERIFIER.replace('d', 'e') }],
    ['another redirect_uri', { redirect_uri: 'https://evil.example/' }],
    ['another resource', { resource: 'https://three.example/' }],
    ['no secret', { client_secret: undefined }],
  ] as const) {
    test(`harms nobody when it comes with ${story}`, async () => {
      const code = await newCode(CONFIDENTIAL);
      const { access_token } = (await trade(code, CONFIDENTIAL)) as TokenSet;
      expect(await trade(code, CONFIDENTIAL, differences)).toBeTypeOf('string');
      expect(await services.bearer.authenticate(access_token, HOME)).not.toBeNull();
    });
  }

  // C2
  test('is used once by 20 at a time on two replicas, 10 times in a row', async () => {
    const other = createDatabase({ connection: db.connection, on_error: () => {} });
    const replica = await createTokenServices(other);
    await registerClient(replica, db.database, PUBLIC_CLIENT);
    for (let round = 0; round < 10; round++) {
      const code = await newCode(PUBLIC_CLIENT);
      const form = { code_verifier: VERIFIER, client_id: PUBLIC_CLIENT.client_id };
      const answers = await Promise.all(Array.from({ length: 20 }, (_, turn) => redeem(turn % 2 ? replica : services, code, form)));
      expect(answers.filter((answer) => typeof answer === 'object')).toHaveLength(1);
      expect(answers.filter((answer) => answer === UNKNOWN)).toHaveLength(19);
      expect(await grants()).toEqual([]);
    }
    await replica.close();
    await other.close();
  });
});
