// Whether the database has room to write: known from the writes that fail, and from a probe that leaves nothing behind, run now and then while
// somebody asks. Called by database.ts.
import { databaseUnavailable, isDiskFull } from './database_errors.ts';

const PROBE_EVERY_MS = 10_000;
/** While there is no room. */
const PROBE_AGAIN_MS = 1_000;

/**
 * Sorts 900 kB in 64 kB of memory, which takes a temporary file: no row, no lock, no WAL, and any role may do it. Both statements are one
 * transaction, as PostgreSQL runs several in one message.
 */
export const DISK_PROBE = `select set_config('work_mem', '64kB', true);
  select count(*) from (select repeat(n::text, 1000) as filling from generate_series(1, 300) n order by filling offset 0) sorted`;

export interface DiskSpace {
  /** Takes in what the database answered to anything at all. */
  note(error: unknown): void;
  /** Throws `unavailable` while there is no room. */
  check(): Promise<void>;
}

/** `probe` runs `DISK_PROBE` and throws as the database does. */
export function createDiskSpace(probe: () => Promise<unknown>): DiskSpace {
  let full: unknown;
  let probed_at = Number.NEGATIVE_INFINITY;
  let probing: Promise<void> | undefined;

  async function look(): Promise<void> {
    try {
      await probe();
      full = undefined;
    } catch (error) {
      // Any other failure says nothing about room.
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
