// The database's time, so that all replicas agree on expiry. Between samples it advances with the
// monotonic timer; a jump of the wall clock reveals a suspended machine.
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Clock } from '../domain/clock.ts';
import type { Database } from './database.ts';

const ANCHOR_INTERVAL_MS = 30_000;
const SUSPENDED_MS = 2_000;
/** Maximum milliseconds that a request waits for a sample. */
const SETTLE_MS = 1_000;

export interface DatabaseClockDeps {
  database: Pick<Database, 'prepare'>;
  /** The wall clock in milliseconds since the epoch; only its jumps are used. */
  wall: () => number;
  /** A monotonic timer in milliseconds; may stop while the machine is suspended. */
  monotonic: () => number;
}

/** A sample of the database's clock between two monotonic times. */
export interface ClockSample {
  sent: number;
  received: number;
  now: number;
}

export interface DatabaseClock {
  clock: Clock;
  /**
   * A promise while the time is sampled after a suspension or clock change; resolves within a
   * second.
   */
  settling(): Promise<void> | undefined;
  close(): void;
}

/** Takes a first sample before resolving (else throws `unavailable`), and one every 30 seconds. */
export async function createDatabaseClock({ database, wall, monotonic }: DatabaseClockDeps): Promise<DatabaseClock> {
  const readDatabase = database.prepare<object, { now: number }>(
    'database_clock',
    () => sql`select extract(epoch from clock_timestamp())::float8 * 1000 as now`,
  );
  const wallAhead = () => wall() - monotonic();

  async function look(attempts = 3): Promise<ClockSample> {
    const [ahead, sent] = [wallAhead(), monotonic()];
    const [row] = await readDatabase({});
    const received = monotonic();
    // A sample is invalid if the machine was suspended during it.
    const slept = Math.abs(wallAhead() - ahead) > SUSPENDED_MS;
    if (slept && attempts > 1) return await look(attempts - 1);
    if (!row) throw new Error('The database did not tell the time');
    return { sent, received, now: row.now };
  }

  /** Database time minus monotonic time. */
  let offset = anchoredOffset(undefined, await look());
  let expected_ahead = wallAhead();
  let looking: Promise<void> | undefined;
  let settling: Promise<void> | undefined;

  /** While the database is unreachable the clock keeps running. */
  function anchor(): Promise<void> {
    looking ??= lookAgain().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function lookAgain(): Promise<void> {
    try {
      offset = anchoredOffset(offset, await look());
      expected_ahead = wallAhead();
    } catch {
      // Reported by whatever needs the database.
    }
  }

  /**
   * A suspension shows as a wall clock that ran ahead. A clock set back is no suspension; the next
   * sample decides.
   */
  function noticeJump(): void {
    const jump = wallAhead() - expected_ahead;
    if (Math.abs(jump) <= SUSPENDED_MS) return;
    if (jump > 0) offset += jump;
    expected_ahead += jump;
    const settled = Promise.race([anchor(), pause(SETTLE_MS, undefined, { ref: false })]).then(() => {
      if (settling === settled) settling = undefined;
    });
    settling = settled;
  }

  const timer = setInterval(() => void anchor(), ANCHOR_INTERVAL_MS).unref();

  return {
    clock() {
      noticeJump();
      return new Date(monotonic() + offset);
    },
    settling() {
      noticeJump();
      return settling;
    },
    close: () => clearInterval(timer),
  };
}

/**
 * The sample was taken between `sent` and `received`, so a range of offsets is possible. An offset
 * within it is kept, another one moves to the nearest bound, which avoids needless jumps.
 */
export function anchoredOffset(offset: number | undefined, { sent, received, now }: ClockSample): number {
  const [least, most] = [now - received, now - sent];
  return Math.min(Math.max(offset ?? (least + most) / 2, least), most);
}
