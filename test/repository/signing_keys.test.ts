import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createRefreshTokenRepository } from '../../src/repository/refresh_tokens.ts';
import { createSigningKeyRepository, type SigningKeyRepository } from '../../src/repository/signing_keys.ts';
import { newSigningKey } from '../../src/tokens/signing_key.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { newGrant } from '../support/fixtures/grants.ts';
import { addPerson, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const SUCCESSION = { now: later(100), signs_in: 600, predecessor_expires_in: 5_000, signs_long_lived: true, margin: 60 };

let signingKeys: SigningKeyRepository;

const db = perFile(() => createTestDatabase());
beforeAll(() => {
  signingKeys = createSigningKeyRepository(db.database);
});
beforeEach(async () => {
  for (const table of ['signing_keys', 'users'] as const) await db.database.kysely.deleteFrom(table).execute();
});

test('of processes that start together one makes the first key', async () => {
  const added = await Promise.all(Array.from({ length: 10 }, async () => signingKeys.addFirst(await newSigningKey(), NOON)));
  expect(added.filter(Boolean)).toHaveLength(1);
  expect(await signingKeys.list({ now: NOON })).toMatchObject([{ created_at: NOON, signs_from: NOON, expires_at: null }]);
});

test('a successor signs later, and sets the end of its predecessor', async () => {
  const [first, second] = [await newSigningKey(), await newSigningKey()];
  await signingKeys.addFirst(first, NOON);
  expect(await signingKeys.addSuccessor(second, SUCCESSION)).toEqual({ id: second.id, added: true });
  expect(await signingKeys.list({ now: later(5_099) })).toMatchObject([
    { id: first.id, expires_at: later(5_100) },
    { id: second.id, created_at: later(100), signs_from: later(700), expires_at: null },
  ]);
  expect(await signingKeys.list({ now: later(5_100) })).toMatchObject([{ id: second.id }]);
});

test('while a successor waits there is no other, anyone who asks', async () => {
  await signingKeys.addFirst(await newSigningKey(), NOON);
  const answers = await Promise.all(Array.from({ length: 10 }, async () => signingKeys.addSuccessor(await newSigningKey(), SUCCESSION)));
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  expect(answers.filter(({ added }) => added)).toHaveLength(1);
});

test('a retired key keeps the end it was given', async () => {
  const first = await newSigningKey();
  await signingKeys.addFirst(first, NOON);
  await signingKeys.addSuccessor(await newSigningKey(), SUCCESSION);
  await signingKeys.addSuccessor(await newSigningKey(), { ...SUCCESSION, now: later(1_000) });
  expect(await signingKeys.list({ now: later(1_000) })).toMatchObject([
    { id: first.id, expires_at: later(5_100) },
    {},
    { expires_at: null },
  ]);
});

test('a key that may have signed long-lived tokens verifies for as long as the last of those that still live, one of another algorithm does not', async () => {
  const refreshTokens = createRefreshTokenRepository(db.database);
  const user = await addPerson(db.database);
  const add = async (
    client_name: string,
    seconds: number,
    token_type = 'long_lived_access_token' as 'long_lived_access_token' | 'normal',
  ) => {
    const { row } = newGrant(user, { token_type, client_name, expires_at: later(seconds) });
    await refreshTokens.create(row);
    return row.id;
  };
  const revoked = await add('a revoked one', 90_000);
  await add('the last', 80_000);
  await add('a short one', 1_000);
  await add('a login', 95_000, 'normal');
  await refreshTokens.revoke({ user_id: user.id, id: revoked });
  const [ec, ed] = [await newSigningKey('ES256'), await newSigningKey('EdDSA')];
  for (const key of [ec, ed]) await signingKeys.addFirst(key, NOON);
  await signingKeys.addSuccessor(await newSigningKey('ES256'), SUCCESSION);
  await signingKeys.addSuccessor(await newSigningKey('EdDSA'), { ...SUCCESSION, signs_long_lived: false });
  const ends = Object.fromEntries((await signingKeys.list({ now: NOON })).map(({ id, expires_at }) => [id, expires_at]));
  expect(ends).toMatchObject({ [ec.id]: later(80_060), [ed.id]: later(5_100) });
});

test('the end of a key that has a successor is put off, never brought forward; one without has none', async () => {
  const [first, second] = [await newSigningKey(), await newSigningKey()];
  await signingKeys.addFirst(first, NOON);
  await signingKeys.addSuccessor(second, SUCCESSION);
  const ends = async () => (await signingKeys.list({ now: NOON })).map(({ expires_at }) => expires_at);
  for (const [id, seconds, end] of [
    [first.id, 5_000, 5_100],
    [first.id, 6_000, 6_000],
    [second.id, 7_000, 6_000],
  ] as const) {
    await signingKeys.prolong({ id, expires_at: later(seconds) });
    expect(await ends()).toEqual([later(end), null]);
  }
});

test('each algorithm has a line of its own', async () => {
  const keys = { ec: await newSigningKey('ES256'), ed: await newSigningKey('EdDSA'), rsa: await newSigningKey('RS256') };
  for (const key of Object.values(keys)) expect(await signingKeys.addFirst(key, NOON)).toBe(true);
  expect(await signingKeys.addSuccessor(await newSigningKey('EdDSA'), SUCCESSION)).toMatchObject({ added: true });
  expect(await signingKeys.addSuccessor(await newSigningKey('RS256'), SUCCESSION)).toMatchObject({ added: true });
  const ends = Object.fromEntries((await signingKeys.list({ now: NOON })).map(({ id, expires_at }) => [id, expires_at]));
  expect(ends).toMatchObject({ [keys.ec.id]: null, [keys.ed.id]: later(5_100), [keys.rsa.id]: later(5_100) });
});

test('the private part is read on its own only', async () => {
  const key = await newSigningKey();
  await signingKeys.addFirst(key, NOON);
  const [listed] = await signingKeys.list({ now: NOON });
  expect(listed).not.toHaveProperty('private_key');
  expect(await signingKeys.findPrivateKey(key.id)).toEqual(key.private_key);
});
