// Caches the banned addresses, so that requests do not wait for the database. The list is refreshed
// in the background after two seconds; guesses in between are refused by the counters.
import { addSeconds, type Clock } from '../domain/clock.ts';
import type { IpBanRepository } from '../repository/ip_bans.ts';

export interface BanCache {
  /** Waits only for the first load. */
  has(key: string): Promise<boolean>;
  /** Takes effect in this process before the next refresh. */
  note(key: string, expires_at: Date): void;
  forget(key: string): void;
}

const SECONDS = 2;
/** Older bans beyond this number are not cached; the counters still refuse their guesses. */
const LIMIT = 50_000;

export function createBanCache({ ipBans, clock }: { ipBans: Pick<IpBanRepository, 'list'>; clock: Clock }): BanCache {
  let known = new Map<string, Date>();
  let read_at: Date | null = null;
  let reading: Promise<void> | null = null;

  async function read(now: Date): Promise<void> {
    try {
      const rows = await ipBans.list({ now, limit: LIMIT });
      known = new Map(rows.map(({ address, expires_at }) => [address, expires_at]));
    } catch {
      // Without the database the old list stays in use.
    }
    read_at = now;
    reading = null;
  }

  return {
    async has(key) {
      const now = clock();
      if (read_at === null || addSeconds(read_at, SECONDS) <= now || now < read_at) reading ??= read(now);
      // Not loaded yet.
      if (read_at === null) await reading;
      const expires_at = known.get(key);
      return expires_at !== undefined && expires_at > now;
    },
    note(key, expires_at) {
      known.set(key, expires_at);
    },
    forget(key) {
      known.delete(key);
    },
  };
}
