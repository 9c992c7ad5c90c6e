import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Actor, OPERATOR } from '../../src/accounts/actor.ts';
import type { User } from '../../src/domain/user.ts';
import { vectors } from '../support/clients/vectors.ts';
import { createAccounts } from '../support/fixtures/accounts.ts';
import { loginAt } from '../support/fixtures/fresh_login.ts';
import { newGrant } from '../support/fixtures/grants.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let owner: User;
let user: User;
const a = perFile(() => createAccounts());
beforeEach(async () => {
  await a.clear();
  owner = await addPerson(a.database, { is_owner: true });
  user = await addPerson(a.database);
});

const PASSWORD = 'correct horse';
const NOBODY = '0'.repeat(32);
const by = ({ id, is_owner }: User): Actor => ({
  ...{ user_id: id, is_owner, is_admin: true, remote_address: '192.0.2.1' },
  login: loginAt(a.time.clock()),
});
const add = (username: string, password = PASSWORD, { id } = user, actor = by(owner)) =>
  a.localLogins.add(id, { username, password }, actor);
async function isRight(username: string, password: string): Promise<boolean> {
  const login = await a.rows.localLogins.find(username);
  return login !== undefined && (await a.hasher.verify(password, login.password_hash)).ok;
}

describe('adding a login', () => {
  test('gives a user a name and a password', async () => {
    await add('paulus');
    expect(await a.users.get(user.id)).toMatchObject({ username: 'paulus', credentials: [{ type: 'homeassistant', id: null }] });
    expect(await isRight('paulus', PASSWORD)).toBe(true);
    expect(await a.events()).toEqual(['local_login.created']);
  });

  test('is refused for a user who has one, a machine, and an unknown user', async () => {
    await add('paulus');
    await expect(add('second')).rejects.toMatchObject({ code: 'credential_exists', status: 409 });
    const machine = await addPerson(a.database, { system_generated: true });
    const refusal = { code: 'system_generated', description: 'Cannot add credentials to a system generated user.', status: 409 };
    await expect(add('machine', PASSWORD, machine)).rejects.toMatchObject(refusal);
    await expect(a.localLogins.add(NOBODY, { username: 'x', password: PASSWORD }, OPERATOR)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('to the owner is for the owner alone', async () => {
    await expect(add('boss', PASSWORD, owner, by(user))).rejects.toMatchObject({ code: 'cannot_modify_owner' });
    await add('boss', PASSWORD, owner, by(owner));
  });

  test('by an administrator reaches only a user whom they made, who has no login and is no administrator', async () => {
    const admin = await addPerson(a.database, { group_ids: ['system-admin'], username: 'admin' });
    const unnamed_admin = await addPerson(a.database, { group_ids: ['system-users', 'system-admin'] });
    const paula = await addPerson(a.database);
    const credential = { id: 'c'.repeat(32), user_id: paula.id, subject: 'ppaulsen', data: {}, created_at: a.time.clock() };
    await a.kysely
      .insertInto('credentials')
      .values({ ...credential, data: '{}', auth_provider_type: 'ldap', auth_provider_id: 'office' })
      .execute();
    const refusal = { code: 'unauthorized', status: 403 };
    for (const target of [unnamed_admin, admin, paula])
      await expect(add('chosen', PASSWORD, target, by(admin))).rejects.toMatchObject(refusal);
    expect(await a.rows.localLogins.find('chosen')).toBeUndefined();
    await expect(add('new', PASSWORD, user, by(admin))).rejects.toMatchObject(refusal);
    await a.kysely.updateTable('users').set({ created_by: admin.id }).where('id', '=', user.id).execute();
    await add('new', PASSWORD, user, by(admin));
    await add('paula', PASSWORD, paula, by(owner));
    await add('second admin', PASSWORD, unnamed_admin, OPERATOR);
  });

  test('by an administrator is refused when the user becomes an administrator before it is stored', async () => {
    const admin = await addPerson(a.database, { group_ids: ['system-admin'], username: 'admin' });
    await a.kysely.updateTable('users').set({ created_by: admin.id }).where('id', '=', user.id).execute();
    const { added } = await a.database.transaction(async (trx) => {
      await a.rows.users.lock(trx, user.id);
      await trx.insertInto('user_groups').values({ user_id: user.id, group_id: 'system-admin' }).execute();
      const added = add('chosen', PASSWORD, user, by(admin)).catch((error) => error);
      const waiting = a.kysely.selectFrom(sql<{ granted: boolean }>`pg_locks`.as('locks')).select('granted').where('granted', '=', false);
      while ((await waiting.execute()).length === 0);
      return { added };
    });
    expect(await added).toMatchObject({ code: 'unauthorized' });
    expect(await a.rows.localLogins.find('chosen')).toBeUndefined();
  });

  // H9, H10
  test('is refused without hashing when the password will not do', async () => {
    await expect(add('paulus', 'short')).rejects.toMatchObject({ code: 'invalid_password', status: 400 });
    await expect(add('paulus', 'x'.repeat(1_000_000))).rejects.toMatchObject({ code: 'invalid_password' });
    expect(await a.rows.localLogins.find('paulus')).toBeUndefined();
  });

  // H12
  test('of one name to 20 users in parallel gives it to one', async () => {
    const people = await Promise.all(Array.from({ length: 20 }, () => addPerson(a.database)));
    const outcomes = await Promise.allSettled(people.map((person) => add('paulus', PASSWORD, person)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(19);
    for (const { reason } of refused)
      expect(reason).toMatchObject({ code: 'username_already_exists', description: 'Username "paulus" already exists' });
    expect(await a.kysely.selectFrom('credentials').select('id').execute()).toHaveLength(1);
  });

  test('to one user 20 times in parallel gives one login and leaves no password behind', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => add(`name ${n}`)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await a.kysely.selectFrom('local_logins').select('username').execute()).toHaveLength(1);
  });
});

// H8
test('every character of a password counts, as it was typed', async () => {
  const long = 'x'.repeat(80);
  await add('paulus', `${long}a `);
  expect(await isRight('paulus', `${long}b `)).toBe(false);
  expect(await isRight('paulus', `${long}a`)).toBe(false);
  expect(await isRight('paulus', `${long}a `)).toBe(true);
  const other = await addPerson(a.database);
  await add('other', 'caf\u00e9 au lait', other);
  expect(await isRight('other', 'cafe\u0301 au lait')).toBe(false);
});

describe("one's own password", () => {
  test('changes against the current password, and tokens stay', async () => {
    await add('paulus');
    await a.tokens.refreshTokens.create(newGrant(user).row);
    const change = (current_password: string, new_password: string) =>
      a.localLogins.changeOwnPassword(user.id, { current_password, new_password }, by(user));
    const refusal = { code: 'invalid_current_password', description: 'Invalid current password', status: 400 };
    await expect(change('wrong', 'new horse')).rejects.toMatchObject(refusal);
    await expect(change('x'.repeat(1_000_000), 'new horse')).rejects.toMatchObject(refusal);
    await expect(change(PASSWORD, 'short')).rejects.toMatchObject({ code: 'invalid_password' });
    expect(await isRight('paulus', PASSWORD)).toBe(true);
    await change(PASSWORD, 'new horse');
    expect(await isRight('paulus', 'new horse')).toBe(true);
    expect((await a.refreshTokens.list(user.id, { limit: 9, cursor: null })).items).toHaveLength(1);
  });

  test('of 20 parallel changes from one old password one succeeds', async () => {
    await add('paulus');
    const changes = Array.from({ length: 20 }, (_, n) =>
      a.localLogins.changeOwnPassword(user.id, { current_password: PASSWORD, new_password: `new horse ${n}` }, by(user)),
    );
    expect((await Promise.allSettled(changes)).filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('removing a login', () => {
  test('is refused for the last login method, and for a user without one', async () => {
    await add('paulus');
    await expect(a.localLogins.remove(user.id, by(owner))).rejects.toMatchObject({ code: 'last_credential', status: 409 });
    await expect(a.localLogins.remove(owner.id, by(owner))).rejects.toMatchObject({ code: 'credentials_not_found' });
    await expect(a.localLogins.remove(NOBODY, by(owner))).rejects.toMatchObject({ code: 'not_found' });
  });

  test('of the owner is for the owner alone', async () => {
    await add('boss', PASSWORD, owner);
    await expect(a.localLogins.remove(owner.id, by(user))).rejects.toMatchObject({ code: 'cannot_modify_owner' });
  });
});

describe('as in Home Assistant', () => {
  const code = (work: Promise<unknown>) =>
    work.then(
      () => 'ok',
      (error) => error.code,
    );
  const setPassword = (id: string, password: string, actor = by(owner)) => a.localLogins.setPassword(id, { password }, actor);
  const setUsername = (id: string, username: string, actor = by(owner)) => a.localLogins.setUsername(id, username, actor);
  const changeOwn = (current_password: string, new_password: string) =>
    a.localLogins.changeOwnPassword(user.id, { current_password, new_password }, by(user));
  /** The user whose login Home Assistant's tests start with. */
  const testUser = () => add('test-user', 'test-pass');

  const stories: Record<string, () => Promise<unknown>> = {
    'local-provider-009': async () => {
      await testUser();
      expect(await code(add('test-user', PASSWORD, await addPerson(a.database)))).toBe('username_already_exists');
    },
    'local-provider-010': async () => {
      await add('john doe');
      expect(await a.rows.localLogins.find('john doe')).toBeDefined();
    },
    'local-provider-013': async () => {
      await testUser();
      const credential = await a.rows.credentials.ofUser(user.id);
      await setUsername(user.id, 'new-user');
      expect(await a.users.get(user.id)).toMatchObject({ username: 'new-user' });
      expect(await a.rows.localLogins.find('test-user')).toBeUndefined();
      expect(await a.rows.credentials.ofUser(user.id)).toEqual([{ ...credential[0], subject: 'new-user', data: { username: 'new-user' } }]);
      expect(await isRight('new-user', 'test-pass')).toBe(true);
    },
    'local-provider-014': async () => expect(await code(setUsername(NOBODY, 'new-user'))).toBe('not_found'),
    'local-provider-015': async () => {
      await testUser();
      const { error, message } = byId('local-provider-015').expect;
      await expect(setUsername(user.id, 'TEST-user ')).rejects.toMatchObject({ code: error, description: message });
    },
    'local-provider-020': async () => {
      const { code, message } = byId('local-provider-020').expect.error;
      await expect(add('x', PASSWORD, { ...user, id: NOBODY })).rejects.toMatchObject({ code, description: message });
    },
    'local-provider-022': async () => {
      await add('test-user2', 'test-pass');
      expect(await a.rows.credentials.ofUser(user.id)).toMatchObject([byId('local-provider-022').expect.credential]);
    },
    // A login that nobody is linked to cannot be here: it goes with its user.
    'local-provider-024': async () => {
      await testUser();
      await a.users.delete(user.id, by(owner));
      expect(await a.kysely.selectFrom('local_logins').select('username').execute()).toEqual([]);
    },
    'local-provider-026': async () => expect(await code(a.localLogins.remove(NOBODY, by(owner)))).toBe('not_found'),
    'local-provider-027': async () => {
      await testUser();
      await changeOwn('test-pass', 'new-pass');
      expect([await isRight('test-user', 'new-pass'), await isRight('test-user', 'test-pass')]).toEqual([true, false]);
    },
    'local-provider-028': async () => {
      await testUser();
      const { code, message } = byId('local-provider-028').expect.error;
      await expect(changeOwn('wrong', 'new-pass')).rejects.toMatchObject({ code, description: message });
    },
    'local-provider-029': async () => {
      const { code, message } = byId('local-provider-029').expect.error;
      await expect(changeOwn('a', 'new-pass')).rejects.toMatchObject({ code, description: message });
    },
    'local-provider-032': async () => expect(await code(setPassword(user.id, 'new-pass'))).toBe('credentials_not_found'),
    'local-provider-033': async () => {
      await testUser();
      expect(await code(setPassword(user.id, 'new'))).toBe('invalid_password');
      await setPassword(user.id, 'new-pass');
      expect(await isRight('test-user', 'new-pass')).toBe(true);
      expect(await code(setPassword(user.id, 'new-pass', by(user)))).toBe('unauthorized');
    },
    'local-provider-037': async () => {
      await testUser();
      expect(await code(setUsername(user.id, 'BlA'))).toBe('username_not_normalized');
      expect(await code(setUsername(user.id, 'test-user'))).toBe('username_already_exists');
      await addPerson(a.database, { username: 'taken' });
      expect(await code(setUsername(user.id, 'taken'))).toBe('username_already_exists');
    },
    'local-provider-038': async () => {
      await testUser();
      expect(await code(setUsername(user.id, 'x', by(user)))).toBe('unauthorized');
    },
  };
  const byId = (id: string) => vectors('local-provider').find((vector) => vector.id === id)!;
  /** Logins (003–006, 018) are the provider's; who may call (021) is the route's. */
  const ELSEWHERE = /-(003|004|006|018|021)$/;

  for (const { id } of vectors('local-provider').filter(({ id }) => !ELSEWHERE.test(id))) test(id, async () => void (await stories[id]!()));
});
