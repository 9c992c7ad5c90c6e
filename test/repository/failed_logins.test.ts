import { beforeAll, expect, it } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { sha256 } from '../../src/domain/secret.ts';
import { createFailedLoginRepository, type FailedLoginRepository } from '../../src/repository/failed_logins.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let failed: FailedLoginRepository;
const start = new Date('2026-03-14T09:00:00.000Z');
const ann = sha256('ann');
const bob = sha256('bob');
const nobody = Buffer.alloc(0);

const test = perFile(() => createTestDatabase());
beforeAll(() => {
  failed = createFailedLoginRepository(test.database);
});

const add = (address: string, subject: Buffer, at = 0) =>
  failed.add({ address, subject, now: addSeconds(start, at), since: addSeconds(start, at - 3600) });
const standing = (address: string, subject: Buffer, at: number) =>
  failed.standing({ address, subject, since: addSeconds(start, at - 3600), lately: addSeconds(start, at - 300) });

it('all failures of an address are counted, whatever their names', async () => {
  expect(await add('192.0.2.1', ann)).toBe(1);
  expect(await add('192.0.2.1', ann)).toBe(2);
  expect(await add('192.0.2.1', bob)).toBe(3);
  expect(await add('192.0.2.1', nobody)).toBe(4);
  expect(await add('192.0.2.2', ann)).toBe(1);
});

it('parallel failures are all counted', async () => {
  const counts = await Promise.all(Array.from({ length: 20 }, () => add('192.0.2.3', ann)));
  expect(Math.max(...counts)).toBe(20);
});

// S10
it('a flood of failures of one address at one name holds one connection, is counted whole, and outlasts a lock that is not given', async () => {
  const eve = '192.0.2.9';
  await add(eve, ann);
  let unlock = () => {};
  const held = test.database.transaction(async (trx) => {
    await trx.updateTable('failed_logins').set({ failures: 1 }).where('address', '=', eve).execute();
    await new Promise<void>((done) => (unlock = done));
  });
  await expect.poll(() => test.database.poolCounters().total - test.database.poolCounters().idle).toBe(1);
  const first = add(eve, ann).catch((error) => error.code);
  const rest = Promise.all(Array.from({ length: 60 }, () => add(eve, ann)));
  await expect.poll(() => test.database.poolCounters().total - test.database.poolCounters().idle).toBe(2);
  expect(test.database.poolCounters().waiting).toBe(0);
  expect(await add('192.0.2.10', ann)).toBe(1);
  expect(await first).toBe('unavailable');
  unlock();
  await held;
  expect(Math.max(...(await rest))).toBe(61);
});

it('what began before the window counts no more', async () => {
  await add('192.0.2.4', ann, 0);
  await add('192.0.2.4', bob, 1800);
  expect(await add('192.0.2.4', ann, 3600)).toBe(2);
  expect((await standing('192.0.2.4', ann, 3601)).of_address).toBe(2);
  expect((await standing('192.0.2.4', ann, 5400)).of_address).toBe(1);
});

it('a name has the failures that came lately from everywhere, and an address its own', async () => {
  const eve = sha256('eve');
  for (const [address, at] of [
    ['192.0.2.5', 0],
    ['192.0.2.6', 200],
    ['192.0.2.6', 250],
  ] as const)
    await add(address, eve, at);
  await add('192.0.2.6', nobody, 260);
  expect(await standing('192.0.2.6', eve, 299)).toEqual({
    of_address: 3,
    of_pair: 2,
    at_subject: 3,
    subject_failed_at: addSeconds(start, 250),
  });
  expect(await standing('192.0.2.7', eve, 301)).toEqual({
    of_address: 0,
    of_pair: 0,
    at_subject: 2,
    subject_failed_at: addSeconds(start, 250),
  });
  expect(await standing('192.0.2.7', eve, 600)).toEqual({ of_address: 0, of_pair: 0, at_subject: 0, subject_failed_at: null });
});

it('clearing forgets one address at one name alone', async () => {
  for (const subject of [ann, bob, bob]) await add('192.0.2.8', subject);
  await failed.clear({ address: '192.0.2.8', subject: ann });
  expect((await standing('192.0.2.8', ann, 1)).of_address).toBe(2);
});
