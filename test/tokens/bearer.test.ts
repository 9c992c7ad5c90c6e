import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HOME_ASSISTANT } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import type { NewRefreshToken } from '../../src/repository/refresh_tokens.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, CLIENT, createTokenServices, HOME, newGrant, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let services: TokenServices;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  services = await createTokenServices(db.database);
  return () => services.close();
});

async function tokenOf(user: User, differences: Partial<NewRefreshToken> = {}) {
  const { row } = newGrant(user, differences);
  await services.refreshTokens.create(row);
  const facts = {
    user_id: user.id,
    refresh_token_id: row.id,
    client_id: row.client_id,
    access_token_expiration: row.access_token_expiration,
  };
  const { access_token } = services.accessTokens.mint({
    ...facts,
    auth_time: NOON,
    amr: ['pwd'],
    ...HOME_ASSISTANT,
    refresh_token: null,
    ha_auth_provider: null,
  });
  return { access_token, id: row.id };
}

async function isKnown(access_token: string, remote_address = HOME): Promise<boolean> {
  return (await services.bearer.authenticate(access_token, remote_address)) !== null;
}

test('a caller is known with their grant', async () => {
  const user = await addPerson(db.database, { group_ids: ['system-users'] });
  const { access_token, id } = await tokenOf(user);
  const { is_pending: _, created_at: __, ...known } = user;
  expect(await services.bearer.authenticate(access_token, HOME)).toEqual({
    user: known,
    is_admin: false,
    refresh_token_id: id,
    client_id: CLIENT,
    token_type: 'normal',
    profile: 'home_assistant',
    scope: [],
    auth_time: NOON,
    amr: ['pwd'],
    auth_provider_type: 'homeassistant',
    auth_provider_id: null,
  });
});

describe('administrators', () => {
  async function isAdmin(user: User) {
    return (await services.bearer.authenticate((await tokenOf(user)).access_token, HOME))?.is_admin;
  }

  test('are the owner, whatever the groups, and the members of their group', async () => {
    expect(await isAdmin(await addPerson(db.database, { is_owner: true }))).toBe(true);
    expect(await isAdmin(await addPerson(db.database, { group_ids: ['system-read-only', 'system-admin'] }))).toBe(true);
    expect(await isAdmin(await addPerson(db.database, { group_ids: ['system-read-only', 'system-users'] }))).toBe(false);
  });

  test('are no more when they leave the group: the next request knows', async () => {
    const user = await addPerson(db.database, { group_ids: ['system-admin'] });
    const { access_token } = await tokenOf(user);
    await db.database.kysely.deleteFrom('user_groups').where('user_id', '=', user.id).execute();
    expect((await services.bearer.authenticate(access_token, HOME))?.is_admin).toBe(false);
  });
});

// D16
describe('the next request after', () => {
  const stories: [string, (user: User, id: string) => Promise<unknown>][] = [
    ['a revocation', (user, id) => services.refreshTokens.revoke({ user_id: user.id, id })],
    ['a deletion of the user', (user) => db.database.kysely.deleteFrom('users').where('id', '=', user.id).execute()],
    ['a deactivation', (user) => db.database.kysely.updateTable('users').set({ is_active: false }).where('id', '=', user.id).execute()],
  ];
  for (const [story, happen] of stories) {
    test(`${story} is refused on every replica`, async () => {
      const user = await addPerson(db.database);
      const { access_token, id } = await tokenOf(user);
      const replica = await createTokenServices(db.database);
      expect(await replica.bearer.authenticate(access_token, HOME)).not.toBeNull();
      await happen(user, id);
      expect(await isKnown(access_token)).toBe(false);
      expect(await replica.bearer.authenticate(access_token, HOME)).toBeNull();
      await replica.close();
    });
  }

  test('a reactivation is answered again', async () => {
    const user = await addPerson(db.database);
    const { access_token } = await tokenOf(user);
    for (const is_active of [false, true]) {
      await db.database.kysely.updateTable('users').set({ is_active }).where('id', '=', user.id).execute();
      expect(await isKnown(access_token)).toBe(is_active);
    }
  });

  test('the end of the grant is refused, though the token itself has time left', async () => {
    const { access_token } = await tokenOf(await addPerson(db.database), { expires_at: later(60) });
    services.time.advance(59);
    expect(await isKnown(access_token)).toBe(true);
    services.time.advance(1);
    expect(await isKnown(access_token)).toBe(false);
  });
});

test('a local user is known at home only', async () => {
  const { access_token } = await tokenOf(await addPerson(db.database, { local_only: true }));
  expect(await isKnown(access_token)).toBe(true);
  expect(await isKnown(access_token, ABROAD)).toBe(false);
  expect(await isKnown(access_token, 'not an address')).toBe(false);
});

test('a long-lived token is valid for 3650 days and not a minute longer', async () => {
  const long_lived = {
    token_type: 'long_lived_access_token',
    client_name: 'GPS',
    token_hash: null,
    access_token_expiration: 3650 * 86_400,
  };
  const { access_token } = await tokenOf(await addPerson(db.database), long_lived as Partial<NewRefreshToken>);
  services.time.advance(3650 * 86_400);
  expect(await isKnown(access_token)).toBe(true);
  services.time.advance(60);
  expect(await isKnown(access_token)).toBe(false);
});

// E3, C8, E6
test('nothing else is a bearer token: a refresh token, a code, the grant of somebody else', async () => {
  const [user, other] = [await addPerson(db.database), await addPerson(db.database)];
  const { refresh_token, row } = newGrant(user);
  await services.refreshTokens.create(row);
  const stolen = { ...services.accessTokens.read((await tokenOf(other)).access_token)!, refresh_token_id: row.id };
  for (const token of [refresh_token, row.id, 'lk_ac_x', '', services.keyring.sign(stolen, 'at+jwt')]) {
    expect(await isKnown(token)).toBe(false);
  }
});
