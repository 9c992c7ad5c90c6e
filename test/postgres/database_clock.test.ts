import { afterEach, describe, expect, it, vi } from 'vitest';
import { createDatabase } from '../../src/postgres/database.ts';
import { anchoredOffset, createDatabaseClock } from '../../src/postgres/database_clock.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const test = perFile(() => createTestDatabase());
afterEach(() => {
  vi.useRealTimers();
});

/** A machine whose clocks stand still until a test moves them; its wall clock is a year off. */
async function start() {
  const machine = { wall: 1_700_000_000_000, monotonic: 5_000 };
  const { clock, close } = await createDatabaseClock({
    database: test.database,
    wall: () => machine.wall,
    monotonic: () => machine.monotonic,
  });
  return { machine, time: () => clock().getTime(), close };
}

const near = (time: number) => ({ asymmetricMatch: (value: number) => Math.abs(value - time) < 1_000, toString: () => `near ${time}` });

describe('the clock', () => {
  it('tells the time of the database, whatever the machine believes', async () => {
    const { time, close } = await start();
    expect(time()).toEqual(near(Date.now()));
    close();
  });

  it('runs on the monotonic timer', async () => {
    const { machine, time, close } = await start();
    const before = time();
    machine.monotonic += 1_500.4;
    machine.wall += 1_500;
    expect(time() - before).toBeOneOf([1_500, 1_501]);
    close();
  });

  it('does not follow a small step of the wall clock', async () => {
    const { machine, time, close } = await start();
    const before = time();
    machine.wall += 1_900;
    expect(time()).toBe(before);
    close();
  });

  // D31
  it('jumps at once when the machine was asleep, and asks the database what time it is', async () => {
    const { machine, time, close } = await start();
    const before = time();
    machine.wall += 3_600_000;
    expect(time()).toBe(before + 3_600_000);
    // The database did not sleep: the jump was somebody's hand on the wall clock.
    await expect.poll(time).toEqual(near(Date.now()));
    close();
  });

  it('does not turn back with the wall clock', async () => {
    const { machine, time, close } = await start();
    const before = time();
    machine.wall -= 3_600_000;
    expect(time()).toBe(before);
    close();
  });

  it('looks at the database every 30 seconds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { machine, time, close } = await start();
    machine.monotonic += 60_000;
    machine.wall += 60_000;
    expect(time()).toEqual(near(Date.now() + 60_000));
    vi.advanceTimersByTime(30_000);
    await expect.poll(time).toEqual(near(Date.now()));
    close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not start without a database', async () => {
    const nowhere = createDatabase({ connection: { ...test.connection, port: 1 }, on_error: () => {} });
    await expect(createDatabaseClock({ database: nowhere, wall: () => 0, monotonic: () => 0 })).rejects.toMatchObject({
      code: 'unavailable',
    });
    await nowhere.close();
  });
});

describe('an anchor', () => {
  for (const [story, offset, sent, received, want] of [
    ['starts in the middle of what is possible', undefined, 0, 100, 950],
    ['leaves an offset that is possible', 990, 0, 100, 990],
    ['brings one that is too small to the edge', 800, 0, 100, 900],
    ['brings one that is too large to the edge', 2_000, 0, 100, 1_000],
    ['knows it exactly after an answer without delay', 980, 100, 100, 900],
  ] as const) {
    it(story, () => {
      expect(anchoredOffset(offset, { sent, received, now: 1_000 })).toBe(want);
    });
  }
});
