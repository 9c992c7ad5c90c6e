import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { TokenUse } from '../../src/repository/refresh_tokens.ts';
import { createLastUsed, type LastUsed } from '../../src/tokens/last_used.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { later, NOON } from '../support/fixtures/people.ts';

let written: TokenUse[][];
let away: boolean;
let time: ReturnType<typeof createTestClock>;
let lastUsed: LastUsed;

beforeEach(() => {
  vi.useFakeTimers();
  [written, away, time] = [[], false, createTestClock(NOON)];
  const noteUses = async (uses: readonly TokenUse[]) => {
    if (away) throw new Error('away');
    written.push([...uses]);
  };
  lastUsed = createLastUsed({ refreshTokens: { noteUses }, clock: time.clock });
});
afterEach(() => {
  vi.useRealTimers();
});

test('uses within a second are one write, the newest of each grant', async () => {
  lastUsed.note('a', '10.0.0.1');
  lastUsed.note('b', '10.0.0.2');
  time.advance(0.5);
  lastUsed.note('a', '10.0.0.3');
  await vi.advanceTimersByTimeAsync(999);
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  const newest = [
    { id: 'a', at: later(0.5), remote_address: '10.0.0.3' },
    { id: 'b', at: NOON, remote_address: '10.0.0.2' },
  ];
  expect(written).toEqual([newest]);
});

test('where nothing is used nothing is written, nor is a timer running', async () => {
  lastUsed.note('a', '10.0.0.1');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(written).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('a database that is away is tried again, and a newer use wins over the one that failed', async () => {
  away = true;
  lastUsed.note('a', '10.0.0.1');
  lastUsed.note('b', '10.0.0.1');
  await vi.advanceTimersByTimeAsync(1_000);
  time.advance(2);
  lastUsed.note('a', '10.0.0.2');
  away = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(written.flat()).toEqual([
    { id: 'a', at: later(2), remote_address: '10.0.0.2' },
    { id: 'b', at: NOON, remote_address: '10.0.0.1' },
  ]);
});

test('what waits has a bound, and is written in batches', async () => {
  for (let count = 0; count < 30_000; count++) lastUsed.note(`${count}`, '10.0.0.1');
  await lastUsed.flush();
  expect(written.map((batch) => batch.length)).toEqual(Array(20).fill(1_000));
});

test('closing writes what waits', async () => {
  lastUsed.note('a', '10.0.0.1');
  await lastUsed.close();
  expect(written).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});
