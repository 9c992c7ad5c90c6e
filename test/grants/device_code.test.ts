import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Client } from '../../src/domain/client.ts';
import { addSeconds } from '../../src/domain/clock.ts';
import { randomId, randomToken, sha256 } from '../../src/domain/secret.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { DEVICE_CODE_GRANT, newUserCode } from '../../src/domain/user_code.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, ADMITTED, createTokenServices, HOME, ISSUER, newClient, post, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { RELEASE } from '../support/fixtures/released_codes.ts';
import { quotaOf } from '../support/fixtures/row_quota.ts';
import { credentialsOf, registerClient } from '../support/fixtures/standard_grants.ts';

const TV = newClient({
  client_id: 'tv',
  token_endpoint_auth_method: 'none',
  grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
  scope: ['openid', 'profile', 'offline_access'],
});
const PENDING = 'authorization_pending: The user has not answered yet';
const GONE = 'invalid_grant: The device code is unknown or used';

let services: TokenServices;
let user: User;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  services = await createTokenServices(db.database);
  await registerClient(services, db.database, TV);
  user = await addPerson(db.database, { username: randomId(), group_ids: ['system-users'] });
  return () => services.close();
});

/** A code as the device authorization endpoint makes it. */
async function started(client: Client = TV): Promise<{ device_code: string; user_code: string }> {
  const device_code = randomToken('lk_dc_');
  const user_code = newUserCode();
  const now = services.time.clock();
  const asked = { client_id: client.client_id, scope: client.scope, resource: [], max_age: null, acr_values: [] };
  const times = { created_at: now, expires_at: addSeconds(now, 600), poll_interval: 5 };
  const row = { device_code_hash: sha256(device_code), user_code, ...asked, ...times };
  await services.deviceCodes.store(row, quotaOf(HOME));
  return { device_code, user_code };
}

async function answer(user_code: string, how: 'approve' | 'deny', { allowed_group_ids = TV.allowed_group_ids } = {}): Promise<void> {
  const { id } = await db.database.kysely.selectFrom('credentials').select('id').where('user_id', '=', user.id).executeTakeFirstOrThrow();
  const answering = { user_code, sid: randomId(), now: services.time.clock() };
  await services.deviceCodes.claim({ ...answering, user_id: user.id });
  const provider = { auth_provider_type: 'homeassistant', auth_provider_id: null };
  const login = { user_id: user.id, credential_id: id, ...provider, auth_time: answering.now, amr: ['pwd'] };
  expect(
    await (how === 'deny'
      ? services.deviceCodes.deny(answering)
      : services.deviceCodes.approve({ ...answering, ...login, allowed_group_ids }, RELEASE)),
  ).toBe(true);
}

function poll(device_code: string, { client = TV, from = HOME, admission = ADMITTED } = {}) {
  return post(services, { grant_type: DEVICE_CODE_GRANT, device_code, ...credentialsOf(client) }, from, admission);
}

// G3
test('a device waits for its person, and gets tokens with the next poll after the approval', async () => {
  const { device_code, user_code } = await started();
  expect(await poll(device_code)).toBe(PENDING);
  await answer(user_code, 'approve');
  const tokens = (await poll(device_code)) as TokenSet;
  expect(tokens).toEqual({
    access_token: expect.any(String),
    token_type: 'Bearer',
    expires_in: 1_800,
    id_token: expect.any(String),
    refresh_token: expect.stringMatching(/^lk_rt_/),
    scope: 'openid profile offline_access',
  });
  expect(services.accessTokens.read(tokens.access_token)).toMatchObject({ sub: user.id, aud: ISSUER, client_id: 'tv', amr: ['pwd'] });
  expect(await services.bearer.authenticate(tokens.access_token, HOME)).toMatchObject({ user: { id: user.id }, profile: 'standard' });
  const refreshed = await post(services, { grant_type: 'refresh_token', client_id: 'tv', refresh_token: tokens.refresh_token! });
  expect(refreshed).toMatchObject({ scope: 'openid profile offline_access' });
});

// G3
test('a redeemed code is not redeemed again, and its tokens stay valid: the answer may have been lost', async () => {
  const { device_code, user_code } = await started();
  await answer(user_code, 'approve');
  const { access_token } = (await poll(device_code)) as TokenSet;
  expect(await poll(device_code)).toBe(GONE);
  expect(await services.bearer.authenticate(access_token, HOME)).not.toBeNull();
});

// G2
test('a device that polls too fast is answered slow_down, each time by five seconds', async () => {
  const { device_code } = await started();
  const slow = 'slow_down: Five seconds more between requests from now on';
  expect(await poll(device_code)).toBe(PENDING);
  services.time.advance(4);
  expect(await poll(device_code)).toBe(slow);
  services.time.advance(6);
  expect(await poll(device_code)).toBe(slow);
  services.time.advance(15);
  expect(await poll(device_code)).toBe(PENDING);
});

// G3
describe('a device gets the error', () => {
  test('that the person said no', async () => {
    const { device_code, user_code } = await started();
    await answer(user_code, 'deny');
    expect(await poll(device_code)).toBe('device_denied: The user said no');
  });

  test.each(['pending', 'approved'])('that its code expired while it was %s', async (status) => {
    const { device_code, user_code } = await started();
    if (status === 'approved') await answer(user_code, 'approve');
    services.time.advance(600);
    expect(await poll(device_code)).toBe('expired_token: The device code has expired');
  });

  test.each([
    ['no code', '', 'invalid_request: device_code is missing'],
    ['a code that is none', 'lk_dc_none', GONE],
  ])('that it sent %s', async (_what, device_code, error) => {
    expect(await poll(device_code)).toBe(error);
  });
});

// G3
test('a code is of no use to another client, and is not spent by it', async () => {
  const radio = await registerClient(services, db.database, { ...TV, client_id: 'radio' });
  const { device_code, user_code } = await started();
  expect(await poll(device_code, { client: radio })).toBe(GONE);
  await answer(user_code, 'approve');
  expect(await poll(device_code, { client: radio })).toBe(GONE);
  expect(await poll(device_code)).toMatchObject({ token_type: 'Bearer' });
});

// G7
test('of 20 polls in parallel one gets tokens', async () => {
  const { device_code, user_code } = await started();
  await answer(user_code, 'approve');
  const answers = await Promise.all(Array.from({ length: 20 }, () => poll(device_code)));
  expect(answers.filter((one) => typeof one === 'object')).toHaveLength(1);
  expect(answers.filter((one) => one === GONE)).toHaveLength(19);
  expect(await db.database.kysely.selectFrom('refresh_tokens').select('id').where('user_id', '=', user.id).execute()).toHaveLength(1);
});

// G6
describe('an approved code is refused', () => {
  const denied = 'device_denied: The user may not have tokens';

  test.each<[string, Partial<User>, Parameters<typeof poll>[1]]>([
    ['for a user who is no longer active', { is_active: false }, {}],
    ['abroad for a user who belongs to the home network', { local_only: true }, { from: ABROAD }],
    ['where its provider lets nobody in', {}, { admission: { providers: [], refusal: () => 'no' } }],
  ])('%s', async (_whom, state, how) => {
    const { device_code, user_code } = await started();
    await answer(user_code, 'approve');
    if (Object.keys(state).length > 0) await db.database.kysely.updateTable('users').set(state).where('id', '=', user.id).execute();
    expect(await poll(device_code, how)).toBe(denied);
    expect(await poll(device_code)).toBe(GONE);
  });

  test('for a user who left the groups that may use the client', async () => {
    const { device_code, user_code } = await started();
    await answer(user_code, 'approve', { allowed_group_ids: ['system-users'] });
    await db.database.kysely.deleteFrom('user_groups').where('user_id', '=', user.id).execute();
    await registerClient(services, db.database, { ...TV, allowed_group_ids: ['system-users'] });
    expect(await poll(device_code)).toBe(denied);
  });

  test('for a user who withdrew the consent', async () => {
    await registerClient(services, db.database, { ...TV, trusted: false });
    const [kept, withdrawn] = [await started(), await started()];
    await answer(kept.user_code, 'approve');
    expect(await poll(kept.device_code)).toMatchObject({ token_type: 'Bearer' });
    await answer(withdrawn.user_code, 'approve');
    await db.database.kysely.deleteFrom('consents').where('user_id', '=', user.id).execute();
    expect(await poll(withdrawn.device_code)).toBe(denied);
  });

  test('for a deleted user', async () => {
    const { device_code, user_code } = await started();
    await answer(user_code, 'approve');
    await db.database.kysely.deleteFrom('users').where('id', '=', user.id).execute();
    expect(await poll(device_code)).toBe(GONE);
  });
});

test('a client without the refresh grant gets no refresh token, and one without openid no ID token', async () => {
  const clock = await registerClient(services, db.database, {
    ...TV,
    client_id: 'clock',
    grant_types: [DEVICE_CODE_GRANT],
    scope: ['profile'],
  });
  const { device_code, user_code } = await started(clock);
  await answer(user_code, 'approve');
  expect(await poll(device_code, { client: clock })).toEqual({
    ...{ access_token: expect.any(String), token_type: 'Bearer', expires_in: 1_800, scope: 'profile' },
  });
});

// C13
test('a client that was not registered for it may not poll', async () => {
  const { device_code } = await started();
  const grafana = await registerClient(services, db.database, newClient());
  expect(await poll(device_code, { client: grafana })).toMatch(/^unauthorized_client/);
});

test('no device code is stored', async () => {
  const { device_code } = await started();
  const [row] = await db.database.kysely
    .selectFrom('device_codes')
    .selectAll()
    .where('device_code_hash', '=', sha256(device_code))
    .execute();
  expect(JSON.stringify(row)).not.toContain(device_code.slice(6));
});
