import { beforeEach, describe, expect, test } from 'vitest';
import { type Actor, OPERATOR } from '../../src/accounts/actor.ts';
import type { User } from '../../src/domain/user.ts';
import { vectors } from '../support/clients/vectors.ts';
import { createAccounts } from '../support/fixtures/accounts.ts';
import { loginAt } from '../support/fixtures/fresh_login.ts';
import { newGrant } from '../support/fixtures/grants.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let owner: User;
let admin: User;
const a = perFile(() => createAccounts());
beforeEach(async () => {
  await a.clear();
  owner = await addPerson(a.database, { is_owner: true, name: 'Owner', username: 'owner', group_ids: ['system-admin'] });
  admin = await addPerson(a.database, { name: 'Admin', username: 'admin', group_ids: ['system-admin'] });
});

const by = (user: User): Actor => ({
  ...{ user_id: user.id, is_owner: user.is_owner, is_admin: true, remote_address: '192.0.2.1' },
  login: loginAt(a.time.clock()),
});
const pending = (name = 'New') => addPerson(a.database, { name, is_active: false, is_pending: true, username: name.toLowerCase() });
const refusal = (code: string, description?: string) =>
  expect.objectContaining({ code, ...(description !== undefined && { description }) });
const NOBODY = '0'.repeat(32);

describe('a new user', () => {
  test('is active, in the given groups, and audited', async () => {
    const user = await a.users.create({ name: ' Paulus ', group_ids: ['system-users', 'system-users'], local_only: true }, by(admin));
    expect(user).toMatchObject({
      name: 'Paulus',
      is_active: true,
      is_owner: false,
      is_pending: false,
      local_only: true,
      group_ids: ['system-users'],
    });
    expect(await a.events()).toEqual(['user.created']);
  });

  test('in an unknown group is not made', async () => {
    await expect(a.users.create({ name: 'Paulus', group_ids: ['nobody'] }, by(admin))).rejects.toEqual(refusal('unknown_group'));
    expect((await a.users.list({ limit: 9, cursor: null })).items).toHaveLength(2);
  });

  test.each(['', ' ', 'x'.repeat(257), 'a\0b', 'a\nb'])('must not be called %j', async (name) => {
    await expect(a.users.create({ name }, by(admin))).rejects.toEqual(refusal('invalid_format'));
  });

  test('may be a machine', async () => {
    const machine = await a.users.createSystem({ name: 'Backup' }, OPERATOR);
    expect(machine).toMatchObject({ system_generated: true, is_active: true, username: null });
  });
});

describe('an update', () => {
  test('changes what is given and leaves the rest', async () => {
    const { id } = await addPerson(a.database, { group_ids: ['system-users'] });
    expect(await a.users.update(id, { name: 'New', group_ids: ['system-read-only'] }, by(admin))).toMatchObject({
      name: 'New',
      group_ids: ['system-read-only'],
      is_active: true,
    });
    expect(await a.users.update(id, { is_active: false }, by(admin))).toMatchObject({ name: 'New', is_active: false });
    expect(await a.users.update(id, {}, by(admin))).toMatchObject({ name: 'New', is_active: false });
  });

  test('that fails half-way changes nothing', async () => {
    const { id } = await addPerson(a.database, { name: 'Old', group_ids: ['system-users'] });
    await expect(a.users.update(id, { name: 'New', group_ids: ['nobody'] }, by(admin))).rejects.toEqual(refusal('unknown_group'));
    expect(await a.users.get(id)).toMatchObject({ name: 'Old', group_ids: ['system-users'] });
  });

  // S8
  test('may rename, regroup and restrict the owner only as the owner, and never deactivate them', async () => {
    for (const patch of [{ name: 'Boss' }, { group_ids: [] }, { local_only: true }])
      await expect(a.users.update(owner.id, patch, by(admin))).rejects.toEqual(refusal('cannot_modify_owner'));
    const all = { name: 'Boss', group_ids: [], local_only: true };
    for (const actor of [OPERATOR, by(owner)])
      expect(await a.users.update(owner.id, all, actor)).toMatchObject({ name: 'Boss', local_only: true });
    await expect(a.users.update(owner.id, { is_active: false }, by(admin))).rejects.toEqual(
      refusal('cannot_deactivate_owner', 'Unable to deactivate owner.'),
    );
  });

  test('does not reach a machine', async () => {
    const machine = await addPerson(a.database, { system_generated: true });
    const wanted = refusal('cannot_modify_system_generated', 'Unable to update system generated users.');
    await expect(a.users.update(machine.id, { name: 'X' }, by(admin))).rejects.toEqual(wanted);
  });

  test('does not activate a waiting user', async () => {
    const { id } = await pending();
    await expect(a.users.update(id, { is_active: true }, by(admin))).rejects.toEqual(refusal('conflict'));
    expect(await a.users.update(id, { name: 'Known' }, by(admin))).toMatchObject({ name: 'Known', is_pending: true });
  });

  test('of an unknown user is not found', async () => {
    await expect(a.users.update(NOBODY, { name: 'X' }, by(admin))).rejects.toEqual(refusal('not_found', 'User not found'));
    await expect(a.users.get(NOBODY)).rejects.toEqual(refusal('not_found', 'User not found'));
  });
});

describe('approval', () => {
  test("is the owner's, and may name other groups", async () => {
    const { id } = await pending();
    await expect(a.users.approve(id, {}, by(admin))).rejects.toEqual(refusal('unauthorized'));
    expect(await a.users.approve(id, { group_ids: ['system-read-only'] }, by(owner))).toMatchObject({
      is_active: true,
      is_pending: false,
      group_ids: ['system-read-only'],
    });
    await expect(a.users.approve(id, {}, by(owner))).rejects.toEqual(refusal('not_pending'));
    expect(await a.events()).toEqual(['user.approved']);
  });

  // H22
  test('parallel to a rejection leaves one state, and both events in order', async () => {
    for (let round = 0; round < 10; round++) {
      const { id } = await pending(`New ${round}`);
      const [approved, deleted] = await Promise.allSettled([a.users.approve(id, {}, by(owner)), a.users.delete(id, by(admin))]);
      expect(deleted.status).toBe('fulfilled');
      if (approved.status === 'rejected') expect(approved.reason).toEqual(refusal('not_found'));
      expect(await a.rows.users.find(id)).toBeUndefined();
    }
  });

  test('of one user by many counts once', async () => {
    const { id } = await pending();
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => a.users.approve(id, {}, by(owner))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await a.events()).toEqual(['user.approved']);
  });
});

describe('deletion', () => {
  test('deletes everything that the user owns', async () => {
    const user = await addPerson(a.database, { username: 'paulus' });
    await a.tokens.refreshTokens.create(newGrant(user).row);
    await a.users.delete(user.id, by(admin));
    expect(await a.rows.localLogins.find('paulus')).toBeUndefined();
    for (const table of ['credentials', 'refresh_tokens'] as const) {
      expect(await a.kysely.selectFrom(table).select('id').where('user_id', '=', user.id).execute()).toEqual([]);
    }
    expect(await a.events()).toEqual(['user.deleted']);
  });

  test('is refused for oneself, the owner and machines', async () => {
    const machine = await addPerson(a.database, { system_generated: true });
    for (const [id, code] of [
      [admin.id, 'no_delete_self'],
      [owner.id, 'cannot_modify_owner'],
      [machine.id, 'cannot_modify_system_generated'],
      [NOBODY, 'not_found'],
    ] as const) {
      await expect(a.users.delete(id, by(admin))).rejects.toEqual(refusal(code));
    }
    await expect(a.users.delete(owner.id, by(owner))).rejects.toEqual(refusal('no_delete_self', 'Unable to delete your own account'));
    expect((await a.users.list({ limit: 9, cursor: null })).items).toHaveLength(3);
  });
});

// M13
test.each([
  ['is deleted', () => a.users.delete(admin.id, by(owner))],
  ['is deactivated', () => a.users.update(admin.id, { is_active: false }, by(owner))],
])('the sessions of a user who %s end, and their apps will be notified', async (_what, change) => {
  const session = {
    auth_provider_type: 'homeassistant',
    auth_time: NOON,
    created_at: NOON,
    last_used_at: NOON,
    remote_address: '192.0.2.1',
  };
  for (const [index, { id: user_id }] of [admin, owner].entries()) {
    const facts = { id_hash: Buffer.alloc(32, index), sid: `sid${index}`, user_id, expires_at: new Date('2100-01-01') };
    await a.kysely
      .insertInto('sessions')
      .values({ ...session, ...facts })
      .execute();
  }
  const app = { profile: 'standard' as const, scope: ['openid'], sid: 'sid0', client_id: 'https://app.example/client' };
  const grant = { id: '1'.repeat(32), user_id: admin.id, token_type: 'normal', access_token_expiration: 1800, auth_time: NOON } as const;
  await a.kysely
    .insertInto('refresh_tokens')
    .values({ ...grant, ...app, created_at: NOON })
    .execute();
  await change();
  expect(await a.kysely.selectFrom('sessions').select('sid').execute()).toEqual([{ sid: 'sid1' }]);
  expect(await a.kysely.deleteFrom('logout_deliveries').returning(['user_id', 'sid', 'client_id']).execute()).toEqual([
    { user_id: admin.id, sid: 'sid0', client_id: 'https://app.example/client' },
  ]);
});

describe('ownership', () => {
  test('is handed over by the owner and by the operator', async () => {
    await expect(a.users.handOverOwnership(admin.id, by(admin))).rejects.toEqual(refusal('unauthorized'));
    expect(await a.users.handOverOwnership(admin.id, by(owner))).toMatchObject({ id: admin.id, is_owner: true });
    expect(await a.users.get(owner.id)).toMatchObject({ is_owner: false, is_active: true });
    // Said by somebody who was the owner when the request came in.
    await expect(a.users.handOverOwnership(owner.id, by(owner))).rejects.toEqual(refusal('conflict'));
    expect(await a.users.handOverOwnership(owner.id, OPERATOR)).toMatchObject({ is_owner: true });
    expect(await a.users.handOverOwnership(owner.id, OPERATOR)).toMatchObject({ is_owner: true });
    expect(await a.events()).toEqual(['owner.handed_over', 'owner.handed_over']);
  });

  test('goes to an active person only', async () => {
    const machine = await addPerson(a.database, { system_generated: true });
    await expect(a.users.handOverOwnership(machine.id, by(owner))).rejects.toEqual(refusal('system_generated'));
    await expect(a.users.handOverOwnership((await pending()).id, by(owner))).rejects.toEqual(refusal('conflict'));
    await expect(a.users.handOverOwnership(NOBODY, by(owner))).rejects.toEqual(refusal('not_found'));
    expect(await a.users.get(owner.id)).toMatchObject({ is_owner: true });
  });
});

describe('as in Home Assistant', () => {
  const update = (id: string, patch: object) => a.users.update(id, patch, by(admin));
  const code = (work: Promise<unknown>) =>
    work.then(
      () => 'ok',
      (error) => error.code,
    );
  const stories: Record<string, () => Promise<void>> = {
    'users-002': async () => {
      await addPerson(a.database, { system_generated: true });
      const { items } = await a.users.list({ limit: 9, cursor: null });
      expect(items.some(({ system_generated }) => system_generated)).toBe(true);
      for (const key of byId('users-002').expect.item_keys) expect(items[0]).toHaveProperty(key);
    },
    'users-003': async () => {
      const { id } = await addPerson(a.database);
      expect(await a.users.get(id)).toMatchObject(byId('users-003').expect.example_without_local_credential);
    },
    'users-006': async () => {
      await expect(a.users.delete(NOBODY, by(admin))).rejects.toEqual(
        expect.objectContaining({ code: 'not_found', description: 'User not found' }),
      );
    },
    'users-007': async () => {
      const { id } = await addPerson(a.database);
      await a.users.delete(id, by(admin));
      expect((await a.users.list({ limit: 9, cursor: null })).items).toHaveLength(2);
    },
    'users-008': async () => expect(await a.users.create({ name: 'Paulus' }, by(admin))).toMatchObject(byId('users-008').expect.user),
    'users-016': async () => {
      const { id } = await addPerson(a.database, { system_generated: true });
      expect(await code(update(id, { is_active: false }))).toBe(byId('users-016').expect.error.code);
    },
    // Ours: nobody but the owner changes anything of the owner.
    'users-018': async () => expect(await code(update(owner.id, { name: 'New' }))).toBe('cannot_modify_owner'),
    'users-019': async () =>
      expect(await update((await addPerson(a.database)).id, { is_active: false })).toMatchObject({ is_active: false }),
    'users-023': async () => expect(await a.users.create({ name: 'Hello 2' }, by(admin))).toMatchObject({ is_owner: false, group_ids: [] }),
    'users-024': async () => {
      const user = await a.users.create({ name: 'Hello 3', group_ids: ['system-admin'], local_only: true }, by(admin));
      expect(user).toMatchObject({ local_only: true, group_ids: ['system-admin'] });
    },
    // Nothing can be removed by half: login and user go in one transaction.
    'users-028': async () => {
      const { id } = await addPerson(a.database, { username: 'paulus' });
      await a.database
        .transaction(async (trx) => {
          await a.rows.users.remove(trx, id, NOON);
          throw new Error('no');
        })
        .catch(() => {});
      expect(await a.users.get(id)).toMatchObject({ username: 'paulus', created_at: NOON });
    },
  };
  const byId = (id: string) => vectors('users').find((vector) => vector.id === id)!;
  /**
   * About who may call, which the routes decide; about a merged rule of domain/user.ts; and a first
   * login, see new_users.test.ts.
   */
  const ELSEWHERE = ['users-001', 'users-004', 'users-011', 'users-012', 'users-021', 'users-029', 'users-026'];

  for (const { id } of vectors('users').filter(({ id }) => !ELSEWHERE.includes(id))) test(id, () => stories[id]!());
});
