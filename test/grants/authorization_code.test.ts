import { beforeEach, describe, expect, test } from 'vitest';
import { randomId } from '../../src/domain/secret.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createDatabase, type Database } from '../../src/postgres/database.ts';
import type { FinishedLogin } from '../../src/tokens/authorization_code.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import {
  ABROAD,
  ADMITTED,
  CLIENT,
  createTokenServices,
  HOME,
  loginOf,
  post,
  redeem,
  refresh,
  type TokenServices,
} from '../support/fixtures/grants.ts';
import { addPerson, later } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

// RFC 7636 appendix B
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const WRONG = VERIFIER.replace('d', 'e');

let services: TokenServices;
let user: User;

const db = perFile(() => createTestDatabase());
beforeEach(async () => {
  services = await createTokenServices(db.database);
  user = await addPerson(db.database, { username: randomId() });
  return () => services.close();
});

async function newCode(differences: Partial<FinishedLogin> = {}): Promise<string> {
  return services.codes.issue(await loginOf(db.database, user, differences));
}

async function grantIds(): Promise<string[]> {
  const rows = await db.database.kysely.selectFrom('refresh_tokens').select('id').where('user_id', '=', user.id).execute();
  return rows.map(({ id }) => id);
}

function changeUser(change: { is_active?: boolean; local_only?: boolean }) {
  return db.database.kysely.updateTable('users').set(change).where('id', '=', user.id).execute();
}

/** Whether the tokens of that answer still open anything. */
async function isAlive(answer: unknown): Promise<boolean> {
  const { access_token, refresh_token } = answer as TokenSet;
  const caller = await services.bearer.authenticate(access_token, HOME);
  const refreshed = await refresh(services, refresh_token!);
  expect(refreshed === 'invalid_grant').toBe(caller === null);
  return caller !== null;
}

describe('a code', () => {
  test('is exchanged for tokens in Home Assistant’s format', async () => {
    const answer = await redeem(services, await newCode());
    expect(answer).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      refresh_token: expect.stringMatching(/^lk_rt_/),
      expires_in: 1_800,
      ha_auth_provider: 'homeassistant',
    });
    expect(await isAlive(answer)).toBe(true);
    expect(services.events).toMatchObject([
      {
        type: 'authorization_code.redeemed',
        outcome: 'done',
        target_user_id: user.id,
        client_id: CLIENT,
        remote_address: HOME,
        detail: { refresh_token_id: (await grantIds())[0] },
      },
    ]);
  });

  test('creates a grant with the configured ends', async () => {
    const strict = await createTokenServices(db.database, { lifetimes: { access_token: 60, refresh_token_idle: 120, refresh_token: 600 } });
    expect(await redeem(strict, await newCode())).toMatchObject({ expires_in: 60 });
    const grant = db.database.kysely.selectFrom('refresh_tokens').selectAll().where('user_id', '=', user.id);
    expect(await grant.executeTakeFirst()).toMatchObject({ access_token_expiration: 60, idle_lifetime: 120, expires_at: later(600) });
    await strict.close();
  });

  for (const [story, form, want] of [
    ['without a client', { client_id: undefined }, 'invalid_request: Invalid client id'],
    ['by something that is no client', { client_id: 'ftp://ex.com' }, 'invalid_request: Invalid client id'],
    ['by an empty client', { client_id: '' }, 'invalid_request: Invalid client id'],
    ['by another client', { client_id: 'https://example.com/other' }, 'invalid_request: Invalid code'],
    ['by nearly the same client', { client_id: `${CLIENT}/` }, 'invalid_request: Invalid code'],
    ['that is left out', { code: undefined }, 'invalid_request: Invalid code'],
    ['that is empty', { code: '' }, 'invalid_request: Invalid code'],
    ['that nobody issued', { code: 'lk_ac_unknown' }, 'invalid_request: Invalid code'],
  ] as const) {
    test(`is refused ${story}, and stays good`, async () => {
      const code = await newCode();
      expect(await redeem(services, code, form)).toBe(want);
      expect(await redeem(services, code)).toBeTypeOf('object');
    });
  }

  test('takes no notice of fields that Home Assistant ignores', async () => {
    expect(await redeem(services, await newCode(), { redirect_uri: 'https://evil.example/', scope: 'x', client_secret: 'x' })).toBeTypeOf(
      'object',
    );
  });

  // C9
  test('is refused truncated, lengthened, in other case and with any bit flipped', async () => {
    const code = await newCode();
    const flipped = [...code].map((_, at) => code.slice(0, at) + String.fromCharCode(code.charCodeAt(at) ^ 1) + code.slice(at + 1));
    const prefixes = [...code].map((_, at) => code.slice(0, at));
    for (const other of [...prefixes, ...flipped, `${code}A`, ` ${code}`, `${code}\0`, code.toUpperCase(), code.toLowerCase()]) {
      expect(await redeem(services, other), other).toBe('invalid_request: Invalid code');
    }
    expect(await redeem(services, code)).toBeTypeOf('object');
  });

  // C8
  test('is the only thing that can be exchanged: no token, id, or code of another purpose', async () => {
    const { refresh_token, access_token } = (await redeem(services, await newCode())) as TokenSet;
    const identity = { subject: 'x', data: {}, name: null, amr: [] };
    const link = await newCode({ subject: { purpose: 'link_user', credential_id: null, identity } });
    for (const other of [refresh_token!, access_token, link, ...(await grantIds()), user.id]) {
      expect(await redeem(services, other)).toBe('invalid_request: Invalid code');
    }
    expect(await refresh(services, await newCode())).toBe('invalid_grant');
  });

  test('is valid for just under ten minutes', async () => {
    const [early, late] = [await newCode(), await newCode()];
    services.time.advance(599.999);
    expect(await redeem(services, early)).toBeTypeOf('object');
    services.time.advance(0.001);
    expect(await redeem(services, late)).toBe('invalid_request: Invalid code');
    expect(services.events.at(-1)).toMatchObject({ type: 'authorization_code.refused', detail: { reason: 'expired' } });
  });
});

describe('a user', () => {
  // C23
  for (const [story, change, address, reason] of [
    ['inactive', { is_active: false }, HOME, 'User is not active'],
    ['restricted to home and abroad', { local_only: true }, ABROAD, 'User cannot authenticate remotely'],
    ['restricted to home, from no address', { local_only: true }, 'nowhere', 'Invalid remote IP'],
  ] as const) {
    test(`who is ${story} gets nothing, and the code is gone`, async () => {
      const code = await newCode();
      await changeUser(change);
      expect(await redeem(services, code, {}, address)).toBe(`access_denied: ${reason}`);
      await changeUser({ is_active: true, local_only: false });
      expect(await redeem(services, code)).toBe('invalid_request: Invalid code');
      expect(await grantIds()).toEqual([]);
      expect(services.events[0]).toMatchObject({
        type: 'authorization_code.refused',
        outcome: 'refused',
        target_user_id: user.id,
        detail: { reason },
      });
    });
  }

  test('who may not use the provider is refused with its text, and no grant is left', async () => {
    const form = { grant_type: 'authorization_code', client_id: CLIENT, code: await newCode({ auth_provider_type: 'trusted_networks' }) };
    const admission = { ...ADMITTED, refusal: () => 'Not in trusted_networks' };
    expect(await post(services, form, ABROAD, admission)).toBe('access_denied: Not in trusted_networks');
    expect(await grantIds()).toEqual([]);
  });
});

describe('a code used twice', () => {
  // C1
  test('is refused and revokes the grant of its first use', async () => {
    const code = await newCode();
    const answer = await redeem(services, code);
    const [refresh_token_id] = await grantIds();
    expect(await redeem(services, code)).toBe('invalid_request: Invalid code');
    expect(await isAlive(answer)).toBe(false);
    expect(await grantIds()).toEqual([]);
    expect(services.events).toContainEqual(
      expect.objectContaining({
        type: 'authorization_code.replayed',
        outcome: 'refused',
        target_user_id: user.id,
        detail: { revoked_refresh_token_id: refresh_token_id },
      }),
    );
  });

  test('revokes its grant after its ten minutes too, and once', async () => {
    const code = await newCode();
    const answer = await redeem(services, code);
    services.time.advance(1_000);
    expect(await redeem(services, code)).toBe('invalid_request: Invalid code');
    expect(await isAlive(answer)).toBe(false);
    expect(await redeem(services, code)).toBe('invalid_request: Invalid code');
    expect(services.events.at(-1)).toMatchObject({ type: 'authorization_code.replayed', detail: { revoked_refresh_token_id: null } });
  });

  // C3
  for (const [story, proof, want] of [
    ['another client', { client_id: 'https://example.com/other' }, 'invalid_request: Invalid code'],
    ['a wrong verifier', { code_verifier: WRONG }, 'invalid_grant: Invalid code verifier'],
    ['no verifier', { code_verifier: undefined }, 'invalid_request: Code verifier required'],
  ] as const) {
    test(`harms nobody when it comes with ${story}`, async () => {
      const code = await newCode({ code_challenge: CHALLENGE });
      const answer = await redeem(services, code, { code_verifier: VERIFIER });
      expect(await redeem(services, code, { code_verifier: VERIFIER, ...proof })).toBe(want);
      expect(await isAlive(answer)).toBe(true);
    });
  }
});

// W6
describe('a verifier', () => {
  const UNEXPECTED = 'invalid_request: Code verifier provided but no code challenge was present';

  test('that matches its challenge gets the tokens', async () => {
    expect(await redeem(services, await newCode({ code_challenge: CHALLENGE }), { code_verifier: VERIFIER })).toBeTypeOf('object');
  });

  for (const [story, code_challenge, code_verifier, want] of [
    ['that is missing', CHALLENGE, undefined, 'invalid_request: Code verifier required'],
    ['that is empty', CHALLENGE, '', 'invalid_request: Code verifier required'],
    ['that is wrong', CHALLENGE, WRONG, 'invalid_grant: Invalid code verifier'],
    ['that is the challenge itself', CHALLENGE, CHALLENGE, 'invalid_grant: Invalid code verifier'],
    ['that is too short to be one', CHALLENGE, 'short', 'invalid_grant: Invalid code verifier'],
    ['without a challenge', null, VERIFIER, UNEXPECTED],
    ['that is none, without a challenge', null, 'short', UNEXPECTED],
  ] as const) {
    test(`${story} is refused, and the code stays good`, async () => {
      const code = await newCode({ code_challenge });
      expect(await redeem(services, code, { code_verifier })).toBe(want);
      expect(await redeem(services, code, code_challenge ? { code_verifier: VERIFIER } : {})).toBeTypeOf('object');
    });
  }

  test('may be wrong four times; the fifth invalidates the code, parallel or not', async () => {
    const [four, five] = [await newCode({ code_challenge: CHALLENGE }), await newCode({ code_challenge: CHALLENGE })];
    const guess = (code: string) => redeem(services, code, { code_verifier: WRONG });
    for (let count = 0; count < 4; count++) expect(await guess(four)).toBe('invalid_grant: Invalid code verifier');
    expect(await redeem(services, four, { code_verifier: VERIFIER })).toBeTypeOf('object');
    await Promise.all(Array.from({ length: 5 }, () => guess(five)));
    expect(await redeem(services, five, { code_verifier: VERIFIER })).toBe('invalid_request: Invalid code');
    expect(await grantIds()).toHaveLength(1);
    expect(services.events.at(-1)).toMatchObject({ type: 'authorization_code.refused', detail: { reason: 'killed' } });
  });
});

// C2
describe('20 parallel redemptions of one code on two replicas', () => {
  let other: Database;
  let replicas: TokenServices[];

  beforeEach(async () => {
    other = createDatabase({ connection: db.connection, on_error: () => {} });
    replicas = [await createTokenServices(db.database), await createTokenServices(other)];
    return async () => {
      for (const replica of replicas) await replica.close();
      await other.close();
    };
  });

  test('create one grant, which is revoked, 30 times in a row', async () => {
    for (let round = 0; round < 30; round++) {
      const code = await newCode();
      const answers = await Promise.all(Array.from({ length: 20 }, (_, turn) => redeem(replicas[turn % 2]!, code)));
      const won = answers.filter((answer) => typeof answer === 'object');
      expect(won).toHaveLength(1);
      expect(answers.filter((answer) => answer === 'invalid_request: Invalid code')).toHaveLength(19);
      expect(await isAlive(won[0])).toBe(false);
      expect(await grantIds()).toEqual([]);
    }
    const events = replicas.flatMap(({ events }) => events);
    expect(events.filter(({ type }) => type === 'authorization_code.redeemed')).toHaveLength(30);
    expect(events.filter(({ type }) => type === 'authorization_code.replayed')).toHaveLength(30 * 19);
    // One of the nineteen ended the one grant there was.
    expect(events.filter(({ detail }) => typeof detail?.revoked_refresh_token_id === 'string')).toHaveLength(30);
  });
});
