import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { User } from '../../src/domain/user.ts';
import {
  type AuthorizationCodeRepository,
  createAuthorizationCodeRepository,
  MAX_WRONG_VERIFIERS,
  type Redemption,
} from '../../src/repository/authorization_codes.ts';
import { authorizationCodeHash, type FinishedLogin } from '../../src/tokens/authorization_code.ts';
import { newRefreshToken } from '../../src/tokens/refresh_token.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { CLIENT, HOME, ISSUER, loginOf } from '../support/fixtures/grants.ts';
import { addPerson, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { createReleasedCodes } from '../support/fixtures/released_codes.ts';

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

let authorizationCodes: AuthorizationCodeRepository;
let user: User;

const db = perFile(() => createTestDatabase());
beforeAll(() => {
  authorizationCodes = createAuthorizationCodeRepository(db.database);
});
beforeEach(async () => {
  user = await addPerson(db.database, { username: randomId() });
});

async function newCode(differences: Partial<FinishedLogin> = {}): Promise<Buffer> {
  const codes = createReleasedCodes({ authorizationCodes, clock: () => NOON, lifetime: 600 });
  return authorizationCodeHash(await codes.issue(await loginOf(db.database, user, differences)));
}

function redemption(code_hash: Buffer, differences: Partial<Redemption> = {}): Redemption {
  return {
    code_hash,
    profile: 'home_assistant',
    client_id: CLIENT,
    code_challenge: null,
    redirect_uri: null,
    dpop_jkt: null,
    refresh_jkt: null,
    resource: null,
    own_resource: ISSUER,
    allowed_group_ids: null,
    is_trusted: true,
    seed: null,
    now: later(5),
    remote_address: HOME,
    remote_is_local: true,
    providers: ['homeassistant:'],
    refresh_token_id: randomId(),
    token_hash: newRefreshToken().token_hash,
    access_token_expiration: 1_800,
    idle_lifetime: null,
    expires_at: null,
    ...differences,
  };
}

async function redeem(code_hash: Buffer, differences: Partial<Redemption> = {}) {
  const [redeemed] = await authorizationCodes.redeem(redemption(code_hash, differences));
  return redeemed;
}

async function missed(code_hash: Buffer, differences: Partial<Redemption> = {}) {
  const request = redemption(code_hash, differences);
  expect(await authorizationCodes.redeem(request)).toEqual([]);
  return (await authorizationCodes.explainMiss(request, request.now)).reason;
}

function grants() {
  return db.database.kysely.selectFrom('refresh_tokens').selectAll().where('user_id', '=', user.id).execute();
}

describe('redeeming', () => {
  test('makes the grant that the login earned', async () => {
    const code_hash = await newCode({ amr: ['pwd', 'otp'] });
    const request = redemption(code_hash, { idle_lifetime: 90, expires_at: later(900) });
    const [redeemed] = await authorizationCodes.redeem(request);
    expect(redeemed).toMatchObject({ user_id: user.id, refresh_token_id: request.refresh_token_id, amr: ['pwd', 'otp'], auth_time: NOON });
    expect(await grants()).toMatchObject([
      {
        id: request.refresh_token_id,
        token_type: 'normal',
        client_id: CLIENT,
        token_hash: request.token_hash,
        auth_provider_type: 'homeassistant',
        auth_provider_id: null,
        access_token_expiration: 1_800,
        idle_lifetime: 90,
        expires_at: later(900),
        created_at: later(5),
        auth_time: NOON,
        amr: ['pwd', 'otp'],
        last_used_at: later(5),
        last_used_ip: HOME,
      },
    ]);
    expect((await grants())[0]?.credential_id).not.toBeNull();
  });

  test('a code is used up by its first use', async () => {
    const code_hash = await newCode();
    expect(await redeem(code_hash)).toBeDefined();
    expect(await missed(code_hash)).toBe('replayed');
    expect(await grants()).toHaveLength(1);
  });

  test('a code lives less than ten minutes', async () => {
    const code_hash = await newCode();
    expect(await missed(code_hash, { now: later(600) })).toBe('expired');
    expect(await redeem(code_hash, { now: addSeconds(later(600), -0.001) })).toBeDefined();
  });

  // C4
  test('another client cannot redeem it, and the right one still can', async () => {
    const code_hash = await newCode();
    expect(await missed(code_hash, { client_id: `${CLIENT}/` })).toBe('unknown');
    expect((await redeem(code_hash))?.refresh_token_id).toBeTypeOf('string');
  });

  test('a link_user code buys no tokens, and is not spent by the attempt', async () => {
    const identity = { subject: 'x', data: {}, name: null, amr: ['pwd'] };
    const code_hash = await newCode({ subject: { purpose: 'link_user', credential_id: null, identity } });
    expect(await missed(code_hash)).toBe('unknown');
    const row = db.database.kysely.selectFrom('authorization_codes').select('spent_at').where('code_hash', '=', code_hash);
    expect(await row.executeTakeFirst()).toEqual({ spent_at: null });
  });

  for (const [story, change, facts] of [
    ['an inactive user', { is_active: false }, {}],
    ['a local user abroad', { local_only: true }, { remote_is_local: false }],
    ['a provider that does not let in', {}, { providers: ['homeassistant:other', 'trusted_networks:'] }],
  ] as const) {
    test(`${story} gets no grant, and the code is gone`, async () => {
      const code_hash = await newCode();
      if (Object.keys(change).length > 0) await db.database.kysely.updateTable('users').set(change).where('id', '=', user.id).execute();
      expect(await redeem(code_hash, { ...facts, providers: facts.providers ?? ['homeassistant:'] } as Partial<Redemption>)).toMatchObject({
        refresh_token_id: null,
        ...change,
      });
      expect(await grants()).toEqual([]);
      expect(await missed(code_hash)).toBe('replayed');
    });
  }

  test('several providers of one type are distinguished', async () => {
    const code_hash = await newCode({ auth_provider_type: 'ldap', auth_provider_id: 'office' });
    expect((await redeem(code_hash, { providers: ['homeassistant:', 'ldap:office'] }))?.refresh_token_id).toBeTypeOf('string');
  });

  test('nothing is left to redeem when the user is deleted', async () => {
    const code_hash = await newCode();
    await db.database.kysely.deleteFrom('users').where('id', '=', user.id).execute();
    expect(await missed(code_hash)).toBe('unknown');
  });

  test('deleting the user at the same moment leaves no grant and no error', async () => {
    for (let round = 0; round < 20; round++) {
      user = await addPerson(db.database, { username: randomId() });
      const code_hash = await newCode();
      await Promise.all([redeem(code_hash), db.database.kysely.deleteFrom('users').where('id', '=', user.id).execute()]);
      expect(await grants()).toEqual([]);
    }
  });
});

describe('proof keys', () => {
  for (const [story, registered, sent, want] of [
    ['a verifier is missing', CHALLENGE, null, 'verifier_missing'],
    ['a verifier is wrong', CHALLENGE, `${CHALLENGE}x`, 'verifier_wrong'],
    ['a verifier comes without a challenge', null, CHALLENGE, 'verifier_unexpected'],
  ] as const) {
    test(`${story}: the code stays, spent or not`, async () => {
      const code_hash = await newCode({ code_challenge: registered });
      expect(await missed(code_hash, { code_challenge: sent })).toBe(want);
      expect(await redeem(code_hash, { code_challenge: registered })).toBeDefined();
      expect(await missed(code_hash, { code_challenge: sent })).toBe(want);
    });
  }

  test('the fifth wrong verifier kills the code', async () => {
    const code_hash = await newCode({ code_challenge: CHALLENGE });
    for (let count = 1; count < MAX_WRONG_VERIFIERS; count++) expect(await authorizationCodes.countWrongVerifier(code_hash)).toBe(count);
    expect(await authorizationCodes.countWrongVerifier(code_hash)).toBe(5);
    expect(await authorizationCodes.countWrongVerifier(code_hash)).toBe(5);
    expect(await missed(code_hash, { code_challenge: CHALLENGE })).toBe('killed');
  });

  test('wrong verifiers after the redemption are not counted', async () => {
    const code_hash = await newCode({ code_challenge: CHALLENGE });
    await redeem(code_hash, { code_challenge: CHALLENGE });
    await authorizationCodes.countWrongVerifier(code_hash);
    const row = db.database.kysely.selectFrom('authorization_codes').select('wrong_verifiers').where('code_hash', '=', code_hash);
    expect(await row.executeTakeFirst()).toEqual({ wrong_verifiers: 0 });
  });
});

test('the grant of a code is revoked once, and no other', async () => {
  const [code_hash, other] = [await newCode(), await newCode()];
  const redeemed = await redeem(code_hash);
  await redeem(other);
  expect(await authorizationCodes.revokeGrantOfCode(code_hash)).toBe(redeemed?.refresh_token_id);
  expect(await authorizationCodes.revokeGrantOfCode(code_hash)).toBeNull();
  expect(await grants()).toHaveLength(1);
});
