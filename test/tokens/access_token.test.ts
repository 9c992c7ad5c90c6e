import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import { type Authorization, HOME_ASSISTANT } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createAccessTokens } from '../../src/tokens/access_token.ts';
import { vectors } from '../support/clients/vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { CLIENT, createTokenServices, HOME, ISSUER, newGrant, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';

const DAY = 86_400;

let db: TestDatabase;
let services: TokenServices;
let user: User;
let authorization: Authorization;

beforeAll(async () => {
  db = await createTestDatabase();
  services = await createTokenServices(db.database);
  user = await addPerson(db.database);
  authorization = await grantFor(user);
});
afterAll(async () => {
  await services.close();
  await db.close();
});

async function grantFor({ id: user_id, ...rest }: User): Promise<Authorization> {
  const { row } = newGrant({ id: user_id, ...rest });
  await services.refreshTokens.create(row);
  return {
    user_id,
    refresh_token_id: row.id,
    client_id: CLIENT,
    access_token_expiration: 1_800,
    auth_time: NOON,
    amr: ['pwd'],
    ...HOME_ASSISTANT,
    refresh_token: null,
    ha_auth_provider: null,
  };
}

/** Signed by us, with other claims than we would write; null leaves one out. */
function signed(differences: Record<string, unknown> = {}): string {
  const claims = services.accessTokens.read(services.accessTokens.mint(authorization).access_token)!;
  const changed = Object.entries({ ...claims, ...differences }).filter(([, value]) => value !== null);
  return services.keyring.sign(Object.fromEntries(changed), 'at+jwt');
}

function isGood(token: string): boolean {
  return services.accessTokens.read(token) !== null;
}

const now = NOON.getTime() / 1000;

describe('an access token', () => {
  test('says what RFC 9068 asks for', () => {
    const { access_token, expires_in } = services.accessTokens.mint(authorization);
    expect(expires_in).toBe(1_800);
    expect(services.accessTokens.read(access_token)).toEqual({
      iss: ISSUER,
      sub: user.id,
      aud: ISSUER,
      exp: now + 1_800,
      iat: now,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      client_id: CLIENT,
      scope: '',
      auth_time: now,
      acr: '1',
      amr: ['pwd'],
      refresh_token_id: authorization.refresh_token_id,
    });
  });

  test('is never the same twice', () => {
    expect(services.accessTokens.mint(authorization).access_token).not.toBe(services.accessTokens.mint(authorization).access_token);
  });

  for (const [amr, acr] of [
    [[], '0'],
    [['pwd'], '1'],
    [['pwd', 'otp', 'mfa'], '2'],
  ] as const) {
    test(`tells how well its user proved who they are: ${amr.join(' ') || 'not at all'}`, () => {
      const { access_token } = services.accessTokens.mint({ ...authorization, amr: [...amr] });
      expect(services.accessTokens.read(access_token)).toMatchObject({ acr, amr });
    });
  }

  test('without a client is our own doing', () => {
    const { access_token } = services.accessTokens.mint({ ...authorization, client_id: null });
    expect(services.accessTokens.read(access_token)?.client_id).toBe(ISSUER);
  });

  // E4
  for (const [story, differences, good] of [
    ['as it is', {}, true],
    ['another issuer', { iss: 'https://evil.example' }, false],
    ['another audience', { aud: 'https://evil.example' }, false],
    ['a list of audiences with us in it', { aud: ['https://api.example', ISSUER] }, true],
    ['a list of others', { aud: ['https://api.example'] }, false],
    ['an audience that is an object', { aud: { 0: ISSUER } }, false],
    ['no audience', { aud: null }, false],
    ['expired 9 s ago', { exp: now - 9 }, true],
    ['expired 10 s ago', { exp: now - 10 }, false],
    ['issued 10 s ahead', { iat: now + 10 }, true],
    ['issued 11 s ahead', { iat: now + 11 }, false],
    ['no exp', { exp: null }, false],
    ['no iat', { iat: null }, false],
    ['an exp in words', { exp: `${now + 60}` }, false],
    ['a broken exp', { exp: now + 0.5 }, false],
    ['an amr in words', { amr: 'pwd' }, false],
    ['a key that is no thumbprint', { cnf: { jkt: 1 } }, false],
    ['a grant that is a list', { refresh_token_id: [authorization?.refresh_token_id] }, false],
    ['a subject that is an object', { sub: {} }, false],
  ] as [string, JsonObject, boolean][]) {
    test(`${good ? 'is good' : 'is refused'}: ${story}`, () => {
      expect(isGood(signed(differences))).toBe(good);
    });
  }

  test('of one issuer is refused by another with the same keys', () => {
    const other = createAccessTokens({ keyring: services.keyring, issuer: 'http://localhost:8420', clock: services.time.clock });
    expect(other.read(services.accessTokens.mint(authorization).access_token)).toBeNull();
  });
});

describe('Home Assistant’s access tokens', () => {
  const stories: Record<string, (vector: ReturnType<typeof vectors>[number]) => Promise<void>> = {
    'access-token-002': async ({ given, expect: want }) => {
      const access_token_expiration = given.refresh_token.access_token_expiration_days * DAY;
      const { exp, iat } = services.accessTokens.read(
        services.accessTokens.mint({ ...authorization, access_token_expiration }).access_token,
      )!;
      expect(exp - iat).toBe(want.exp_minus_iat);
    },
    'access-token-005': async () => expect(isGood(signed().replace(/[^.]*$/, ''))).toBe(false),
    'access-token-009': async () => expect(isGood(services.keyring.sign([], 'at+jwt'))).toBe(false),
    'access-token-010': async ({ given, expect: want }) =>
      expect(isGood(signed({ exp: now - given.expired_seconds_ago }))).toBe(want.valid),
    'access-token-011': async ({ given, expect: want }) =>
      expect(isGood(signed({ exp: now - given.expired_seconds_ago }))).toBe(want.valid),
    'access-token-015': async ({ given }) => expect(isGood(signed({ [given.claims_without]: null }))).toBe(false),
    'access-token-016': async ({ given }) => expect(isGood(signed(given.extra_claim))).toBe(false),
    'access-token-017': async () => {
      const owner = await addPerson(db.database);
      const { access_token } = services.accessTokens.mint(await grantFor(owner));
      expect(await services.bearer.authenticate(access_token, HOME)).not.toBeNull();
      await db.database.kysely.updateTable('users').set({ is_active: false }).where('id', '=', owner.id).execute();
      expect(await services.bearer.authenticate(access_token, HOME)).toBeNull();
    },
    // One keyring signs for every grant (decision 8).
    'access-token-018': async () => {
      const [one, other] = [signed(), signed()].map((token) => services.keyring.verify(token)!.header.kid);
      expect(one).toBe(other);
    },
  };

  for (const vector of vectors('access-token')) test(vector.id, () => stories[vector.id]!(vector));
});
