import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createSigningKeys, type SigningKeys } from '../../src/repository/signing_keys.ts';
import { newSigningKey } from '../../src/tokens/signing_key.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { later, NOON } from '../support/people.ts';

const SUCCESSION = { now: later(100), signs_in: 600, predecessor_expires_in: 5_000 };

let db: TestDatabase;
let signingKeys: SigningKeys;

beforeAll(async () => {
  db = await createTestDatabase();
  signingKeys = createSigningKeys(db.database);
});
afterAll(() => db.close());
beforeEach(() => db.database.kysely.deleteFrom('signing_keys').execute());

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

test('while a successor waits there is no other, whoever asks', async () => {
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
