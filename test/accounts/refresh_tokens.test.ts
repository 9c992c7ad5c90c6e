import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Actor, OPERATOR } from '../../src/accounts/actor.ts';
import type { NewGrant } from '../../src/accounts/refresh_tokens.ts';
import type { TokenType } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { PUBLICATION_LEAD } from '../../src/tokens/keyring.ts';
import { vectors } from '../support/clients/vectors.ts';
import { type Accounts, createAccounts } from '../support/fixtures/accounts.ts';
import { loginAt } from '../support/fixtures/fresh_login.ts';
import { CLIENT, HOME, newGrant } from '../support/fixtures/grants.ts';
import { addPerson, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const DAY = 86_400;
let user: User;
let actor: Actor;
const a = perFile(() => createAccounts());
beforeEach(async () => {
  await a.clear();
  user = await addPerson(a.database);
  actor = { user_id: user.id, is_owner: false, is_admin: false, remote_address: HOME, login: loginAt(a.time.clock()) };
});

const PAGE = { limit: 200, cursor: null };
const items = async ({ id } = user, current_id: string | null = null) => (await a.refreshTokens.list(id, { ...PAGE, current_id })).items;
const longLived = (client_name: string, lifespan = 3650, of = a) =>
  of.refreshTokens.createLongLived({ user: { ...user } }, { client_name, lifespan }, actor);
async function add(differences: Parameters<typeof newGrant>[1] = {}): Promise<string> {
  const { row } = newGrant(user, differences);
  await a.tokens.refreshTokens.create(row);
  return row.id;
}

describe('a long-lived access token', () => {
  test('is valid for its lifespan, has its name, counts as used and never idles', async () => {
    const { token, refresh_token_id } = await a.refreshTokens.createLongLived(
      { user: { ...user } },
      { client_name: ' GPS Logger ', lifespan: 10, client_icon: 'mdi:map' },
      actor,
    );
    expect(await a.tokens.bearer.authenticate(token, HOME)).toMatchObject({ refresh_token_id, token_type: 'long_lived_access_token' });
    expect(await items()).toEqual([
      {
        ...{ id: refresh_token_id, type: 'long_lived_access_token', client_id: null, client_name: 'GPS Logger', client_icon: 'mdi:map' },
        ...{ created_at: NOON, last_used_at: NOON, last_used_ip: null, expire_at: null, is_current: false },
        ...{ auth_provider_type: null, auth_provider_id: null },
      },
    ]);
    a.time.advance(10 * DAY - 1);
    expect(await a.tokens.bearer.authenticate(token, HOME)).not.toBeNull();
    a.time.advance(20);
    expect(await a.tokens.bearer.authenticate(token, HOME)).toBeNull();
    expect(await items()).toEqual([]);
    expect(await a.events()).toEqual(['refresh_token.created']);
  });

  test('has a name that is unique per user; deleting frees it', async () => {
    const { refresh_token_id } = await longLived('GPS Logger');
    await expect(longLived('GPS Logger')).rejects.toMatchObject({
      code: 'name_in_use',
      description: 'GPS Logger already exists',
      status: 409,
    });
    await a.refreshTokens.revoke(user.id, refresh_token_id, actor);
    await longLived('GPS Logger');
    user = await addPerson(a.database);
    await longLived('GPS Logger');
  });

  test('is created once for 20 parallel requests with one name', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => longLived('GPS Logger')));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('is verified until its last day, even if its key is succeeded while it is issued', async () => {
    const own = await createAccounts();
    user = await addPerson(own.database);
    const { keyring } = own.tokens;
    const before = await longLived('made before', 100, own);
    const [during] = await Promise.all([longLived('made meanwhile', 200, own), keyring.rotate()]);
    const after = await longLived('made before the successor signs', 300, own);
    own.time.advance(PUBLICATION_LEAD);
    actor = { ...actor, login: loginAt(own.time.clock()) };
    const latest = await longLived('by the successor', 3650, own);
    const kids = () => keyring.jwks().keys.map(({ kid }) => kid);
    const [retired, signing] = [after, latest].map(({ token }) => decodeProtectedHeader(token).kid);
    for (const [index, { token }] of [before, during, after].entries()) {
      own.time.set(later((index + 1) * 100 * DAY - 1));
      await keyring.refresh();
      expect(kids()).toEqual([retired, signing]);
      await jwtVerify(token, createLocalJWKSet(keyring.jwks() as never), { currentDate: own.time.clock() });
    }
    own.time.advance(120);
    await keyring.refresh();
    expect(kids()).toEqual([signing]);
    await own.close();
  });

  test.each([0, 3651, 1.5, -1, Number.NaN])('cannot live for %d days', async (lifespan) => {
    await expect(longLived('x', lifespan)).rejects.toMatchObject({ code: 'invalid_format' });
  });

  test.each(['', ' ', 'x'.repeat(257), 'a\0b'])('cannot be called %j', async (name) => {
    await expect(longLived(name)).rejects.toMatchObject({ code: 'invalid_format' });
  });
});

test('a machine gets an access token of ordinary lifetime, which ends with its grant', async () => {
  const machine = await addPerson(a.database, { system_generated: true });
  const { access_token, expires_in, refresh_token_id } = await a.refreshTokens.createSystem(machine.id, OPERATOR);
  expect(expires_in).toBe(1800);
  expect(await a.tokens.bearer.authenticate(access_token, HOME)).toMatchObject({ refresh_token_id, token_type: 'system', client_id: null });
  await expect(a.refreshTokens.createSystem(user.id, OPERATOR)).rejects.toMatchObject({ code: 'system_generated' });
  a.time.advance(1800);
  expect(await items(machine)).toEqual([]);
});

describe('which grants a user may have', () => {
  const machine = { system_generated: true };
  test.each<[string, Partial<User>, NewGrant, string | { token_type: TokenType }]>([
    ['an inactive user none', { is_active: false }, { client_id: CLIENT }, 'User is not active'],
    ['an inactive machine none', { ...machine, is_active: false }, {}, 'User is not active'],
    [
      'a machine none of a client',
      machine,
      { client_id: CLIENT },
      'System generated users cannot have refresh tokens connected to a client.',
    ],
    ['a machine system ones', machine, {}, { token_type: 'system' }],
    ['a machine no others', machine, { token_type: 'normal' }, 'System generated users can only have system type refresh tokens'],
    ['a person no system ones', {}, { token_type: 'system' }, 'System generated users can only have system type refresh tokens'],
    ['a person normal ones', {}, { client_id: CLIENT }, { token_type: 'normal' }],
    ['a person normal ones of a client only', {}, {}, 'Client is required to generate a refresh token.'],
    ['long-lived ones by name only', {}, { token_type: 'long_lived_access_token' }, 'Client_name is required for long-lived access token'],
  ])('%s', async (_, differences, wanted, outcome) => {
    const { id } = await addPerson(a.database, differences);
    const made = a.refreshTokens.create(id, wanted, OPERATOR);
    if (typeof outcome === 'string') await expect(made).rejects.toMatchObject({ description: outcome });
    else
      expect(await made).toMatchObject({
        ...outcome,
        last_used_at: null,
        last_used_ip: null,
        access_token_expiration: 1800,
        idle_lifetime: null,
      });
  });

  test('an unknown user has none', async () => {
    await expect(a.refreshTokens.create('0'.repeat(32), { client_id: CLIENT }, OPERATOR)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('revoking', () => {
  test("one grant kills its access tokens at once; another's is not found", async () => {
    const { token, refresh_token_id } = await longLived('GPS Logger');
    const other = await addPerson(a.database);
    const refusal = { code: 'invalid_token_id', description: 'Received invalid token', status: 404 };
    await expect(a.refreshTokens.revoke(other.id, refresh_token_id, actor)).rejects.toMatchObject(refusal);
    await a.refreshTokens.revoke(user.id, refresh_token_id, actor);
    expect(await a.tokens.bearer.authenticate(token, HOME)).toBeNull();
    await expect(a.refreshTokens.revoke(user.id, refresh_token_id, actor)).rejects.toMatchObject(refusal);
  });

  // HA contract 11.3: one current normal grant, two other normal ones, one long-lived.
  test.each([
    [{}, 0, 0],
    [{ token_type: 'long_lived_access_token' }, 3, 0],
    [{ token_type: 'normal' }, 0, 1],
    [{ token_type: 'normal', delete_current_token: false }, 1, 1],
    [{ delete_current_token: false }, 1, 0],
  ] as const)('all of %j leaves %d normal and %d long-lived ones', async (wanted, normal, long_lived) => {
    const current_id = await add();
    await add();
    await add();
    await longLived('GPS Logger');
    const other = await addPerson(a.database);
    await a.tokens.refreshTokens.create(newGrant(other).row);
    await a.refreshTokens.revokeAll(user.id, { ...wanted, current_id }, actor);
    const types = (await items(user, current_id)).map(({ type }) => type);
    expect([types.filter((type) => type === 'normal').length, types.filter((type) => type !== 'normal').length]).toEqual([
      normal,
      long_lived,
    ]);
    expect(await items(other)).toHaveLength(1);
  });
});

describe('idle expiry', () => {
  const set = (id: string, enable: boolean, of = a) => of.refreshTokens.setExpiry(user.id, id, enable, actor);

  test('is switched off and on, from the last use, for 90 days where none is configured', async () => {
    const id = await add({ idle_lifetime: 7 * DAY, last_used_at: later(5) });
    expect(await items()).toMatchObject([{ expire_at: later(7 * DAY + 5) }]);
    expect(await set(id, false)).toMatchObject({ id, expire_at: null });
    expect(await set(id, true)).toMatchObject({ expire_at: later(90 * DAY + 5) });
    expect(await a.events()).toEqual(['refresh_token.expiry_changed', 'refresh_token.expiry_changed']);
  });

  test('that is already on stays unchanged', async () => {
    expect(await set(await add({ idle_lifetime: 7 * DAY }), true)).toMatchObject({ expire_at: later(7 * DAY) });
  });

  test("is nobody else's to switch, nor of a grant that is over", async () => {
    const id = await add({ expires_at: later(60) });
    const other = await addPerson(a.database);
    await expect(a.refreshTokens.setExpiry(other.id, id, true, actor)).rejects.toMatchObject({ code: 'invalid_token_id' });
    a.time.advance(60);
    await expect(set(id, false)).rejects.toMatchObject({ code: 'invalid_token_id' });
  });

  test('shows the earlier of both ends', async () => {
    await add({ idle_lifetime: 7 * DAY, expires_at: later(DAY) });
    expect(await items()).toMatchObject([{ expire_at: later(DAY) }]);
  });
});

test("the list goes by age in pages and marks the caller's own", async () => {
  const ids = [];
  for (let n = 0; n < 3; n++) ids.push(await add({ created_at: later(n) }));
  const first = await a.refreshTokens.list(user.id, { limit: 2, cursor: null, current_id: ids[1]! });
  expect(first.items.map(({ id, is_current }) => [id, is_current])).toEqual([
    [ids[0], false],
    [ids[1], true],
  ]);
  const second = await a.refreshTokens.list(user.id, { limit: 2, cursor: first.next_cursor });
  expect(second.items.map(({ id }) => id)).toEqual([ids[2]]);
  expect(second.next_cursor).toBeNull();
});

describe('as in Home Assistant, with its 90 days configured', () => {
  let b: Accounts;
  beforeAll(async () => {
    b = await createAccounts({ lifetimes: { refresh_token_idle: 90 * DAY } });
  });
  afterAll(() => b.close());

  const ended = later(90 * DAY);
  const expireAt = async ({ id }: User) => (await b.refreshTokens.list(id, PAGE)).items.map(({ expire_at }) => expire_at);
  const make = ({ id }: User, wanted: NewGrant) => b.refreshTokens.create(id, wanted, OPERATOR);
  const set = ({ id }: User, token_id: string, enable: boolean) => b.refreshTokens.setExpiry(id, token_id, enable, OPERATOR);

  const stories: Record<string, (person: User) => Promise<void>> = {
    'refresh-token-002': async (person) => {
      expect(await make(person, { client_id: CLIENT })).toMatchObject({ token_type: 'normal', access_token_expiration: 1800 });
      expect(await expireAt(person)).toEqual([ended]);
    },
    'refresh-token-005': async (person) => void (await expect(make(person, { client_id: CLIENT, token_type: 'system' })).rejects.toThrow()),
    'refresh-token-006': async (person) => {
      await expect(make(person, { token_type: 'long_lived_access_token', client_name: null })).rejects.toThrow();
    },
    'refresh-token-008': async (person) => {
      const wanted = { token_type: 'long_lived_access_token', client_name: 'GPS Logger' } as const;
      await make(person, wanted);
      await expect(make(person, wanted)).rejects.toMatchObject({ description: 'GPS Logger already exists' });
    },
    'refresh-token-011': async (person) => {
      expect(await make(person, { client_id: CLIENT, access_token_expiration: 100 * DAY })).toMatchObject({
        access_token_expiration: 100 * DAY,
      });
      expect(await expireAt(person)).toEqual([ended]);
    },
    'refresh-token-013': async (person) => {
      await make(person, { client_id: CLIENT });
      b.time.set(later(90 * DAY + 5));
      expect(await expireAt(person)).toEqual([]);
    },
    'refresh-token-015': async (person) => {
      const { id } = await make(person, { client_id: CLIENT });
      expect(await set(person, id, false)).toMatchObject({ expire_at: null });
    },
    'refresh-token-016': async (person) => {
      const { row } = newGrant(person, { last_used_at: later(5), last_used_ip: HOME });
      await b.tokens.refreshTokens.create(row);
      expect(await set(person, row.id, true)).toMatchObject({ expire_at: later(90 * DAY + 5) });
    },
    'refresh-token-017': async (person) => {
      const { id } = await make(person, { client_id: CLIENT });
      b.time.advance(DAY);
      expect(await set(person, id, true)).toMatchObject({ expire_at: ended });
    },
  };
  for (const { id } of vectors('refresh-token')) {
    test(id, async () => {
      b.time.set(NOON);
      await stories[id]!(await addPerson(b.database));
    });
  }
});
