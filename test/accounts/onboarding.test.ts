import { beforeEach, describe, expect, test } from 'vitest';
import { vectors } from '../support/clients/vectors.ts';
import { type Accounts, createAccounts } from '../support/fixtures/accounts.ts';
import { redeem } from '../support/fixtures/grants.ts';
import { addPerson } from '../support/fixtures/people.ts';

let a: Accounts;
beforeEach(async () => {
  a = await createAccounts();
  return () => a.close();
});

const [FIRST] = vectors('onboarding');
const OWNER = { ...FIRST!.request.json };
const HERE = { remote_address: '127.0.0.1' };
const onboard = (differences = {}) => a.onboarding.createOwner({ ...OWNER, ...differences }, HERE);
const everything = async () =>
  Promise.all(
    (['users', 'local_logins', 'credentials', 'authorization_codes'] as const).map(
      async (table) => (await a.kysely.selectFrom(table).selectAll().execute()).length,
    ),
  );

test('onboarding-001: the owner is created with a login and a code that is exchanged for tokens', async () => {
  expect(await a.onboarding.isDone()).toBe(false);
  const { auth_code, user_id } = await onboard();
  expect(await a.users.get(user_id)).toMatchObject({
    ...{ name: 'Test Name', is_owner: true, is_active: true, is_pending: false },
    ...{ username: 'test-user', group_ids: ['system-admin'], credentials: [{ type: 'homeassistant', id: null }] },
  });
  expect(await redeem(a.tokens, auth_code)).toMatchObject({ token_type: 'Bearer' });
  const login = await a.rows.localLogins.find('test-user');
  expect(await a.hasher.verify('test-pass', login!.password_hash)).toMatchObject({ ok: true });
  expect(await a.onboarding.isDone()).toBe(true);
  expect(await a.events()).toContain('owner.created');
});

test('onboarding-002: onboarding succeeds once', async () => {
  await onboard();
  await expect(onboard({ username: 'other' })).rejects.toMatchObject({
    code: 'onboarding_done',
    description: 'User step already done',
    status: 403,
  });
});

test('onboarding-011: an existing owner is sufficient', async () => {
  await addPerson(a.database, { is_owner: true });
  expect(await a.onboarding.isDone()).toBe(true);
  await expect(onboard()).rejects.toMatchObject({ code: 'onboarding_done' });
});

// H21
test('of 20 parallel owners one is created completely, and the others find it done', async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => onboard({ username: `user ${n}` })));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(refused).toHaveLength(19);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'onboarding_done' });
  expect(await everything()).toEqual([1, 1, 1, 1]);
});

describe('nothing is created when', () => {
  test.each([
    ['the name is empty', { name: ' ' }, 'invalid_format'],
    ['the name is too long', { name: 'x'.repeat(257) }, 'invalid_format'],
    ['the username looks like the id of a user', { username: 'c'.repeat(32) }, 'invalid_format'],
    ['the e-mail address is none', { email: 'paula' }, 'invalid_format'],
    ['the username is empty', { username: '' }, 'invalid_format'],
    ['the password is too short', { password: 'short' }, 'invalid_password'],
    ['the password is huge', { password: 'x'.repeat(1_000_000) }, 'invalid_password'],
    ['the password is the username', { username: 'test-pass' }, 'invalid_password'],
    ['the client_id is empty', { client_id: '' }, 'invalid_client_id'],
    ['the client_id is huge', { client_id: 'x'.repeat(2049) }, 'invalid_client_id'],
    ['the client_id has a NUL', { client_id: 'a\0' }, 'invalid_client_id'],
  ])('%s', async (_, differences, code) => {
    await expect(onboard(differences)).rejects.toMatchObject({ code });
    expect(await everything()).toEqual([0, 0, 0, 0]);
    await onboard();
  });

  test('the username is taken', async () => {
    await addPerson(a.database, { username: 'test-user' });
    await expect(onboard()).rejects.toMatchObject({ code: 'username_already_exists' });
    expect(await everything()).toEqual([1, 1, 1, 0]);
  });
});

test('any client_id will do, URL or not', async () => {
  expect(await onboard({ client_id: 'my own client' })).toMatchObject({ auth_code: expect.any(String) });
});

test('the setup token is the same on every replica, and nothing else is accepted', async () => {
  const replica = await createAccounts();
  const token = a.onboarding.setupToken();
  expect(token).toMatch(/^lk_st_[\w-]{43}$/);
  expect(replica.onboarding.isSetupToken(token)).toBe(true);
  for (const other of ['', token.slice(0, -1), `${token}x`, token.toUpperCase()])
    expect(replica.onboarding.isSetupToken(other)).toBe(false);
  await replica.close();
});
