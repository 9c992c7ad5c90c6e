// A clock that stands still until a test moves it.
import { addSeconds, type Clock } from '../../src/domain/clock.ts';

export interface TestClock {
  clock: Clock;
  /** Seconds, broken ones too; negative moves back. */
  advance(seconds: number): void;
  set(date: Date): void;
}

export function createTestClock(start = new Date('2026-03-14T09:26:53.000Z')): TestClock {
  let now = start;
  return {
    clock: () => new Date(now),
    advance(seconds) {
      now = addSeconds(now, seconds);
    },
    set(date) {
      now = date;
    },
  };
}
