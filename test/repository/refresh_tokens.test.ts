import { beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../src/domain/secret.ts';
import type { TokenType } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createRefreshTokenRepository, type RefreshTokenRepository } from '../../src/repository/refresh_tokens.ts';
import { vectors } from '../support/clients/vectors.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { newGrant } from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const DAY = 86_400;

let refreshTokens: RefreshTokenRepository;
let user: User;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  refreshTokens = createRefreshTokenRepository(db.database);
  await addSystemGroups(db.database);
  user = await addPerson(db.database);
});

async function grantOf(owner: User, differences: Parameters<typeof newGrant>[1] = {}) {
  const { row } = newGrant(owner, differences);
  expect(await refreshTokens.create(row)).toBe('created');
  return row;
}

async function expiryOf(id: string) {
  const found = (await refreshTokens.find({ user_id: user.id, id, now: NOON }))!;
  if (found.idle_lifetime === null) return null;
  return ((found.last_used_at ?? found.created_at).getTime() - NOON.getTime()) / 1000 + found.idle_lifetime;
}

describe('creation', () => {
  const machine = { token_type: 'system', client_id: null } as const;
  for (const [story, owner, differences, want] of [
    ['an active person gets a grant', {}, {}, 'created'],
    ['an inactive one gets none', { is_active: false }, {}, 'inactive_user'],
    ['a machine gets a system token', { system_generated: true }, machine, 'created'],
    ['a machine gets no other', { system_generated: true }, {}, 'wrong_token_type'],
    ['a person gets no system token', {}, machine, 'wrong_token_type'],
  ] as const) {
    test(story, async () => {
      const { row } = newGrant(await addPerson(db.database, owner), differences);
      expect(await refreshTokens.create(row)).toBe(want);
    });
  }

  test('nobody gets nothing', async () => {
    expect(await refreshTokens.create(newGrant({ ...user, id: '0'.repeat(32) }).row)).toBe('unknown_user');
  });

  test('what is written is what is read, without the secret', async () => {
    const row = await grantOf(user, { client_icon: 'mdi:phone', expires_at: later(DAY), amr: ['pwd', 'otp'], idle_lifetime: 5 });
    const { token_hash: _, ...rest } = row;
    expect(await refreshTokens.find({ user_id: user.id, id: row.id, now: NOON })).toEqual(rest);
  });

  test('a name frees itself when its long-lived token goes, and is one of one user', async () => {
    const long_lived = { token_type: 'long_lived_access_token', client_name: 'Freed', token_hash: null } as const;
    const first = await grantOf(user, long_lived);
    expect(await refreshTokens.create(newGrant(user, long_lived).row)).toBe('name_in_use');
    await grantOf(await addPerson(db.database), long_lived);
    await refreshTokens.revoke({ user_id: user.id, id: first.id });
    await grantOf(user, long_lived);
  });

  test('of 20 parallel long-lived tokens of one name, one is made', async () => {
    const long_lived = { token_type: 'long_lived_access_token', client_name: 'Raced', token_hash: null } as const;
    const made = await Promise.all(Array.from({ length: 20 }, () => refreshTokens.create(newGrant(user, long_lived).row)));
    expect(made.filter((creation) => creation === 'created')).toHaveLength(1);
    expect(made.filter((creation) => creation === 'name_in_use')).toHaveLength(19);
  });
});

describe('Home Assistant’s refresh tokens', () => {
  const idle = { idle_lifetime: 90 * DAY };

  // Without a configured idle lifetime grants never expire (decision 4); these run with 90 days.
  const stories: Record<string, () => Promise<void>> = {
    'refresh-token-002': async () => {
      const { id, access_token_expiration } = await grantOf(user, idle);
      expect(access_token_expiration).toBe(1_800);
      expect(await expiryOf(id)).toBe(90 * DAY);
    },
    'refresh-token-005': async () => {
      expect(await refreshTokens.create(newGrant(user, { token_type: 'system', client_id: null }).row)).toBe('wrong_token_type');
    },
    'refresh-token-006': async () => {
      const nameless = newGrant(user, { token_type: 'long_lived_access_token', client_name: null }).row;
      await expect(refreshTokens.create(nameless)).rejects.toThrow('long_lived_has_a_name');
    },
    'refresh-token-008': async () => {
      const long_lived = { token_type: 'long_lived_access_token' as TokenType, client_name: 'GPS Logger' };
      await grantOf(user, long_lived);
      expect(await refreshTokens.create(newGrant(user, long_lived).row)).toBe('name_in_use');
    },
    'refresh-token-011': async () => {
      const { id } = await grantOf(user, { ...idle, access_token_expiration: 100 * DAY });
      expect(await expiryOf(id)).toBe(90 * DAY);
    },
    'refresh-token-013': async () => {
      const { id, token_hash } = await grantOf(user, idle);
      const now = later(90 * DAY + 5);
      expect(await refreshTokens.find({ user_id: user.id, id, now })).toBeUndefined();
      expect(await refreshTokens.findBySecret({ token_hash: token_hash!, now })).toEqual([]);
      expect(await refreshTokens.findForBearer({ id, jti: 'a token', now })).toEqual([]);
    },
    'refresh-token-015': async () => {
      const { id } = await grantOf(user, idle);
      await refreshTokens.setIdleLifetime({ user_id: user.id, id, idle_lifetime: null });
      expect(await expiryOf(id)).toBeNull();
    },
    'refresh-token-016': async () => {
      const { id } = await grantOf(user, { last_used_at: later(60) });
      await refreshTokens.setIdleLifetime({ user_id: user.id, id, ...idle });
      expect(await expiryOf(id)).toBe(60 + 90 * DAY);
    },
    'refresh-token-017': async () => {
      const { id } = await grantOf(user, { idle_lifetime: 7 });
      await refreshTokens.setIdleLifetime({ user_id: user.id, id, ...idle });
      expect(await expiryOf(id)).toBe(7);
    },
  };

  for (const { id } of vectors('refresh-token')) test(id, stories[id]!);
});

describe('life and death', () => {
  for (const [story, grant, seconds, alive] of [
    ['a grant without an end lives on', {}, 3650 * DAY, true],
    ['one with an end dies there', { expires_at: later(60) }, 60, false],
    ['and not before', { expires_at: later(60) }, 59, true],
    ['an idle one dies', { idle_lifetime: 60 }, 60, false],
    ['a used one counts from its use', { idle_lifetime: 60, last_used_at: later(30) }, 89, true],
    ['use does not move the absolute end', { expires_at: later(60), last_used_at: later(59), idle_lifetime: 60 }, 61, false],
  ] as const) {
    test(story, async () => {
      const { id, token_hash } = await grantOf(user, grant);
      const now = later(seconds);
      expect(await refreshTokens.findBySecret({ token_hash: token_hash!, now })).toHaveLength(alive ? 1 : 0);
      expect(await refreshTokens.findForBearer({ id, jti: 'a token', now })).toHaveLength(alive ? 1 : 0);
    });
  }

  test('a secret revokes its own grant only, once', async () => {
    const [mine, other] = [await grantOf(user), await grantOf(user)];
    expect((await refreshTokens.revokeBySecret(mine.token_hash!))?.id).toBe(mine.id);
    expect(await refreshTokens.revokeBySecret(mine.token_hash!)).toBeUndefined();
    expect(await refreshTokens.revokeBySecret(sha256('unknown'))).toBeUndefined();
    expect(await refreshTokens.find({ user_id: user.id, id: other.id, now: NOON })).toBeDefined();
  });

  test('nobody revokes, reads or changes a grant of somebody else', async () => {
    const { id } = await grantOf(user);
    const stranger = { user_id: (await addPerson(db.database)).id, id };
    expect(await refreshTokens.revoke(stranger)).toBeUndefined();
    expect(await refreshTokens.find({ ...stranger, now: NOON })).toBeUndefined();
    expect(await refreshTokens.setIdleLifetime({ ...stranger, idle_lifetime: 1 })).toBeUndefined();
    expect(await expiryOf(id)).toBeNull();
  });

  test('all grants end, or all of a type but one', async () => {
    const owner = await addPerson(db.database);
    const [first, second] = [await grantOf(owner), await grantOf(owner)];
    const long_lived = await grantOf(owner, { token_type: 'long_lived_access_token', client_name: 'Kept', token_hash: null });
    const revoked = await refreshTokens.revokeAll({ user_id: owner.id, token_type: 'normal', except_id: first.id });
    expect(revoked.map(({ id }) => id)).toEqual([second.id]);
    expect(await refreshTokens.revokeAll({ user_id: owner.id, token_type: null, except_id: null })).toHaveLength(2);
    expect(await refreshTokens.find({ user_id: owner.id, id: long_lived.id, now: NOON })).toBeUndefined();
  });

  test('a list is read page by page, oldest first, the dead left out', async () => {
    const owner = await addPerson(db.database);
    const rows = [];
    for (const second of [1, 2, 2, 3]) rows.push(await grantOf(owner, { created_at: later(second) }));
    await grantOf(owner, { expires_at: later(1) });
    const request = { user_id: owner.id, now: later(10), limit: 2 };
    const first = await refreshTokens.list({ ...request, after: null });
    const second = await refreshTokens.list({ ...request, after: first[1]! });
    const third = await refreshTokens.list({ ...request, after: second[1]! });
    expect([...first, ...second].map(({ id }) => id).sort()).toEqual(rows.map(({ id }) => id).sort());
    expect([...first, ...second].map(({ created_at }) => created_at)).toEqual(rows.map(({ created_at }) => created_at));
    expect(third).toEqual([]);
  });
});

describe('the bearer', () => {
  const groups = [
    ['an administrator', ['system-admin'], true],
    ['a user', ['system-users'], false],
    ['a member of nothing', [], false],
  ] as const;
  for (const [story, group_ids, is_in_admin_group] of groups) {
    test(`${story} is decided by the groups`, async () => {
      const owner = await addPerson(db.database, { group_ids: [...group_ids] });
      const { id } = await grantOf(owner);
      const [found] = await refreshTokens.findForBearer({ id, jti: 'a token', now: NOON });
      expect(found).toMatchObject({ user_id: owner.id, name: 'Paulus', token_type: 'normal', is_in_admin_group });
    });
  }
});

describe('last use', () => {
  async function lastUseOf({ id }: { id: string }) {
    const found = await refreshTokens.find({ user_id: user.id, id, now: NOON });
    return { at: found?.last_used_at, remote_address: found?.last_used_ip };
  }

  test('is written for many grants at once; one that is gone does no harm', async () => {
    const [a, b] = [await grantOf(user), await grantOf(user)];
    const gone = { id: 'f'.repeat(32), at: later(3), remote_address: '10.0.0.3' };
    const uses = [
      { id: a.id, at: later(1), remote_address: '10.0.0.1' },
      { id: b.id, at: later(2), remote_address: '10.0.0.2' },
    ];
    await refreshTokens.noteUses([gone, ...uses]);
    expect([await lastUseOf(a), await lastUseOf(b)]).toEqual(uses.map(({ id: _, ...use }) => use));
  });

  test('an older use that arrives late changes nothing', async () => {
    const { id } = await grantOf(user, { last_used_at: later(9), last_used_ip: '10.0.0.9' });
    await refreshTokens.noteUses([{ id, at: later(8), remote_address: '10.0.0.8' }]);
    expect(await lastUseOf({ id })).toEqual({ at: later(9), remote_address: '10.0.0.9' });
  });

  test('replicas that note the same grants in different orders never block each other', async () => {
    const rows = [];
    for (let count = 0; count < 50; count++) rows.push(await grantOf(user));
    const uses = rows.map(({ id }, index) => ({ id, at: later(index), remote_address: '10.0.0.1' }));
    const orders = Array.from({ length: 20 }, (_, turn) => (turn % 2 === 0 ? uses : [...uses].reverse()));
    await Promise.all(orders.map((order) => refreshTokens.noteUses(order)));
  });
});
