// The time of the database, so that all replicas agree on what has expired. Between two looks it runs on the monotonic timer,
// which nobody can set; a suspended machine shows in the wall clock's jump.
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Clock } from '../domain/clock.ts';
import type { Database } from './database.ts';

const ANCHOR_INTERVAL_MS = 30_000;
const SUSPENDED_MS = 2_000;
/** A request waits no longer for the database to tell the time. */
const SETTLE_MS = 1_000;

export interface DatabaseClockDeps {
  database: Pick<Database, 'prepare'>;
  /** The machine's wall clock, milliseconds since the epoch; only its jumps matter. */
  wall: () => number;
  /** Milliseconds that never go back, from any start; may stand still while the machine sleeps. */
  monotonic: () => number;
}

/** One look at the database's clock: its answer, between two monotonic times. */
export interface ClockSample {
  sent: number;
  received: number;
  now: number;
}

export interface DatabaseClock {
  clock: Clock;
  /** A promise while the time is looked up because the machine has slept or its clock was set; it resolves within a second, come what may. */
  settling(): Promise<void> | undefined;
  close(): void;
}

/** Anchors to the database before it resolves (else throws `unavailable`) and every 30 seconds after. */
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
    // Whoever slept in between has measured nothing.
    const slept = Math.abs(wallAhead() - ahead) > SUSPENDED_MS;
    if (slept && attempts > 1) return await look(attempts - 1);
    if (!row) throw new Error('The database did not tell the time');
    return { sent, received, now: row.now };
  }

  /** Monotonic time plus this is the database's time. */
  let offset = anchoredOffset(undefined, await look());
  let expected_ahead = wallAhead();
  let looking: Promise<void> | undefined;
  let settling: Promise<void> | undefined;

  /** While the database is away the clock runs on. */
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
      // Whoever needs the database finds out.
    }
  }

  /** Asleep, the wall clock ran ahead and we did not. One set back says nothing about sleep, and the database decides. */
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
 * The database read its clock at some moment between `sent` and `received`, which leaves a span of possible offsets.
 * One that lies in it stays; another moves to the nearest edge and no further, so the clock neither trembles nor turns back without need.
 */
export function anchoredOffset(offset: number | undefined, { sent, received, now }: ClockSample): number {
  const [least, most] = [now - received, now - sent];
  return Math.min(Math.max(offset ?? (least + most) / 2, least), most);
}
