import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createMfaFailureRepository, MFA_FAILURE_LIMIT, type MfaFailureRepository } from '../../src/repository/mfa_failures.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addPerson, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const WINDOW = 15 * 60;
let failures: MfaFailureRepository;
let user_id: string;

const db = perFile(() => createTestDatabase());
beforeAll(() => {
  failures = createMfaFailureRepository(db.database);
});
beforeEach(async () => {
  ({ id: user_id } = await addPerson(db.database));
});

async function countAt(...seconds: number[]): Promise<(number | null)[]> {
  const counts = [];
  for (const second of seconds) counts.push(await failures.count(user_id, later(second)));
  return counts;
}

// I4
test('of many guesses at once no more than the limit are looked at', async () => {
  const counts = await Promise.all(Array.from({ length: 50 }, () => failures.count(user_id, NOON)));
  const looked_at = counts.filter((count) => count !== null).sort((a, b) => a - b);
  expect(looked_at).toEqual(Array.from({ length: MFA_FAILURE_LIMIT }, (_, n) => n + 1));
});

test('after the last one that counts, nothing is looked at for as long again; what is refused does not prolong that', async () => {
  const last = MFA_FAILURE_LIMIT - 1;
  await countAt(...Array.from({ length: MFA_FAILURE_LIMIT }, (_, n) => n));
  expect(await countAt(last + 1, last + WINDOW - 1, last + WINDOW)).toEqual([null, null, 1]);
});

test('a few guesses are forgotten after the window that began with the first', async () => {
  expect(await countAt(0, 10, WINDOW - 1, WINDOW)).toEqual([1, 2, 3, 1]);
});

test('a right one forgets them all, and another user has their own', async () => {
  await countAt(0, 1, 2);
  const { id } = await addPerson(db.database);
  expect(await failures.count(id, NOON)).toBe(1);
  await failures.clear(user_id);
  expect(await countAt(3)).toEqual([1]);
});

test('nobody is counted who does not exist', async () => {
  expect(await failures.count('0'.repeat(32), NOON)).toBeNull();
});
