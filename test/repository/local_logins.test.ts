import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createLocalLoginRepository, type LocalLoginRepository } from '../../src/repository/local_logins.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let local_logins: LocalLoginRepository;
const kysely = () => test_database.database.kysely;

const test_database = perFile(() => createTestDatabase());
beforeAll(() => {
  local_logins = createLocalLoginRepository(test_database.database);
});
beforeEach(async () => {
  await kysely().deleteFrom('users').execute();
  await kysely().deleteFrom('local_logins').execute();
});

// H12
test('of 20 parallel logins of one name one is made', async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, n) => local_logins.insert(kysely(), { username: 'alice', password_hash: `hash ${n}`, now: NOON })),
  );
  expect(outcomes.filter(Boolean)).toHaveLength(1);
});

test('a hash is replaced only while it is the one that was read', async () => {
  await local_logins.insert(kysely(), { username: 'alice', password_hash: 'old', now: NOON });
  await local_logins.rehash({ username: 'alice', old_hash: 'other', new_hash: 'lost', now: NOON });
  expect(await local_logins.find('alice')).toEqual({ username: 'alice', password_hash: 'old' });
  await local_logins.rehash({ username: 'alice', old_hash: 'old', new_hash: 'new', now: NOON });
  expect(await local_logins.find('alice')).toEqual({ username: 'alice', password_hash: 'new' });
});

test('a password changes, and where asked only while the old one still holds', async () => {
  await local_logins.insert(kysely(), { username: 'alice', password_hash: 'old', now: NOON });
  expect(await local_logins.setPassword(kysely(), { username: 'alice', password_hash: 'x', now: later(1), old_hash: 'other' })).toBe(false);
  expect(await local_logins.setPassword(kysely(), { username: 'alice', password_hash: 'new', now: later(1) })).toBe(true);
  expect(await local_logins.setPassword(kysely(), { username: 'bob', password_hash: 'new', now: later(1) })).toBe(false);
  expect(await local_logins.find('alice')).toMatchObject({ password_hash: 'new' });
});
