// A file system of a few megabytes that can be filled and freed: what a full disk does to anyone
// who writes to it.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  folder: string;
  /** Takes what room there is. */
  fill(): void;
  /** Gives it back. */
  free(): void;
  close(): void;
}

/** Why no file system can be mounted here; null where one can. On CI it must be possible. */
export function smallDiskMissing(): string | null {
  try {
    mountSmallDisk(1).close();
    return null;
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    return `mounting a tmpfs needs root: ${error instanceof Error ? error.message : error}`;
  }
}

export function mountSmallDisk(megabytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill() {
      const fd = openSync(ballast, 'a');
      try {
        // Until a write is refused: another process may be writing to the disk at the same time.
        while (true) writeSync(fd, Buffer.alloc(4096));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(fd);
      }
    },
    free: () => rmSync(ballast, { force: true }),
    close() {
      // A process that has just ended may still hold it.
      execFileSync('umount', ['-l', folder], { stdio: 'pipe' });
      rmdirSync(folder);
    },
  };
}
