// Detects a full disk: from failing writes, and by a probe that leaves nothing behind.
import { databaseUnavailable, isDiskFull } from './database_errors.ts';

const PROBE_EVERY_MS = 10_000;
/** Interval of the probe while the disk is full. */
const PROBE_AGAIN_MS = 1_000;

/**
 * Sorts 900 kB with 64 kB of memory, which needs a temporary file but no row, lock, WAL or
 * privilege. Both statements form one transaction.
 */
export const DISK_PROBE = `select set_config('work_mem', '64kB', true);
  select count(*) from (select repeat(n::text, 1000) as filling from generate_series(1, 300) n order by filling offset 0) sorted`;

export interface DiskSpace {
  /** Examines the error of any query. */
  note(error: unknown): void;
  /** Throws `unavailable` while the disk is full. */
  check(): Promise<void>;
}

/** `probe` runs `DISK_PROBE` and throws the database's error. */
export function createDiskSpace(probe: () => Promise<unknown>): DiskSpace {
  let full: unknown;
  let probed_at = Number.NEGATIVE_INFINITY;
  let probing: Promise<void> | undefined;

  async function look(): Promise<void> {
    try {
      await probe();
      full = undefined;
    } catch (error) {
      // Other errors say nothing about the disk.
      if (isDiskFull(error)) full = error;
    }
    probed_at = performance.now();
    probing = undefined;
  }

  return {
    note(error) {
      if (isDiskFull(error)) full = error;
    },
    async check() {
      const every = full === undefined ? PROBE_EVERY_MS : PROBE_AGAIN_MS;
      if (performance.now() - probed_at >= every) probing ??= look();
      await probing;
      if (full !== undefined) throw databaseUnavailable(full);
    },
  };
}
