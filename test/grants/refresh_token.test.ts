import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import type { NewRefreshToken } from '../../src/repository/refresh_tokens.ts';
import { createAdmission } from '../../src/tokens/admission.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import {
  ABROAD,
  CLIENT,
  createTokenServices,
  HOME,
  newGrant,
  post,
  providerThat,
  refresh,
  type TokenServices,
} from '../support/fixtures/grants.ts';
import { addPerson, later } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const DAY = 86_400;

let services: TokenServices;
let user: User;

const db = perFile(() => createTestDatabase());
beforeEach(async () => {
  services = await createTokenServices(db.database);
  user = await addPerson(db.database);
  return () => services.close();
});

async function tokenOf(owner: User, differences: Partial<NewRefreshToken> = {}): Promise<string> {
  const { refresh_token, row } = newGrant(owner, differences);
  expect(await services.refreshTokens.create(row)).toBe('created');
  return refresh_token;
}

test('a refresh answers a new access token and nothing else, again and again', async () => {
  const token = await tokenOf(user);
  for (let count = 0; count < 3; count++) {
    const answer = await refresh(services, token);
    expect(answer).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 1_800 });
    expect(await services.bearer.authenticate((answer as TokenSet).access_token, HOME)).toMatchObject({ user: { id: user.id } });
  }
  expect(services.events).toEqual([]);
});

test('a refresh notes when and from where, within a second', async () => {
  const token = await tokenOf(user);
  services.time.advance(60);
  await refresh(services, token, {}, ABROAD);
  await services.lastUsed.flush();
  const grant = db.database.kysely.selectFrom('refresh_tokens').select(['last_used_at', 'last_used_ip']).where('user_id', '=', user.id);
  expect(await grant.executeTakeFirst()).toEqual({ last_used_at: later(60), last_used_ip: ABROAD });
});

for (const [story, form, want] of [
  ['an unknown token', { refresh_token: 'lk_rt_unknown' }, 'invalid_grant'],
  ['no token', { refresh_token: undefined }, 'invalid_request'],
  ['an empty token', { refresh_token: '' }, 'invalid_request'],
  ['another client', { client_id: 'https://example.com/other' }, 'invalid_request'],
  ['no client', { client_id: undefined }, 'invalid_request'],
  ['something that is no client', { client_id: 'ftp://ex.com' }, 'invalid_request: Invalid client id'],
] as const) {
  test(`${story} is refused, and the token stays good`, async () => {
    const token = await tokenOf(user);
    expect(await refresh(services, token, form)).toBe(want);
    expect(await refresh(services, token)).toBeTypeOf('object');
  });
}

// C9
test('a token is refused truncated, lengthened, in other case and with any bit flipped', async () => {
  const token = await tokenOf(user);
  const flipped = [...token].map((_, at) => token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ 1) + token.slice(at + 1));
  const prefixes = [...token].slice(1).map((_, at) => token.slice(0, at + 1));
  for (const other of [...prefixes, ...flipped, `${token}A`, token.toUpperCase(), token.toLowerCase(), `${token}é`]) {
    expect(await refresh(services, other), other).toBe('invalid_grant');
  }
});

describe('a user who may not authenticate now may not refresh until they may', () => {
  for (const [story, change, address, reason] of [
    ['an inactive user', { is_active: false }, HOME, 'User is not active'],
    ['a local user abroad', { local_only: true }, ABROAD, 'User cannot authenticate remotely'],
  ] as const) {
    test(story, async () => {
      const token = await tokenOf(user);
      await db.database.kysely.updateTable('users').set(change).where('id', '=', user.id).execute();
      expect(await refresh(services, token, {}, address)).toBe(`access_denied: ${reason}`);
      expect(services.events).toMatchObject([
        { type: 'refresh_token.refused', outcome: 'refused', target_user_id: user.id, detail: { reason } },
      ]);
      await db.database.kysely.updateTable('users').set({ is_active: true }).where('id', '=', user.id).execute();
      expect(await refresh(services, token)).toBeTypeOf('object');
    });
  }
});

// D15
test('a token issued in a trusted network is refused outside it', async () => {
  const admission = createAdmission([providerThat((address) => (address === HOME ? null : 'Not in trusted_networks'), 'trusted_networks')]);
  const form = {
    grant_type: 'refresh_token',
    client_id: CLIENT,
    refresh_token: await tokenOf(user, { auth_provider_type: 'trusted_networks' }),
  };
  expect(await post(services, form, ABROAD, admission(ABROAD))).toBe('access_denied: Not in trusted_networks');
  const answer = await post(services, form, HOME, admission(HOME));
  expect(answer).toBeTypeOf('object');
  // HA contract 6.3: the access token itself keeps working elsewhere.
  expect(await services.bearer.authenticate((answer as TokenSet).access_token, ABROAD)).not.toBeNull();
});

test('tokens of a removed provider are not refreshed', async () => {
  const token = await tokenOf(user, { auth_provider_type: 'ldap', auth_provider_id: 'office' });
  expect(await refresh(services, token)).toBe('access_denied: Auth provider is not configured');
});

test('a machine’s token is refreshed without a client, and never with one', async () => {
  const machine = await addPerson(db.database, { system_generated: true });
  const token = await tokenOf(machine, { token_type: 'system', client_id: null, auth_provider_type: null });
  expect(await refresh(services, token)).toBe('invalid_request');
  expect(await refresh(services, token, { client_id: undefined })).toBeTypeOf('object');
});

describe('time', () => {
  test('alone ends no grant', async () => {
    const token = await tokenOf(user);
    services.time.advance(3_650 * DAY);
    expect(await refresh(services, token)).toBeTypeOf('object');
  });

  test('without use ends an idle grant, use keeps it alive', async () => {
    const token = await tokenOf(user, { idle_lifetime: 90 * DAY });
    services.time.advance(90 * DAY - 1);
    expect(await refresh(services, token)).toBeTypeOf('object');
    await services.lastUsed.flush();
    services.time.advance(90 * DAY - 1);
    expect(await refresh(services, token)).toBeTypeOf('object');
    await services.lastUsed.flush();
    services.time.advance(90 * DAY);
    expect(await refresh(services, token)).toBe('invalid_grant');
  });

  test('ends a grant at its absolute end, used or not', async () => {
    const token = await tokenOf(user, { expires_at: later(2 * DAY), idle_lifetime: DAY });
    for (let half_day = 1; half_day < 4; half_day++) {
      services.time.advance(DAY / 2);
      expect(await refresh(services, token)).toBeTypeOf('object');
      await services.lastUsed.flush();
    }
    services.time.advance(DAY / 2);
    expect(await refresh(services, token)).toBe('invalid_grant');
  });
});
