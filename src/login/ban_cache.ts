// Which addresses are banned, known without waiting for the database: a list of two seconds is read again beside the request that finds it so
// old, which is judged by the list as it was. A guess that slips through is refused by the counters.
import { addSeconds, type Clock } from '../domain/clock.ts';
import type { IpBanRepository } from '../repository/ip_bans.ts';

export interface BanCache {
  /** Waits for the list only where there has been none yet. */
  has(key: string): Promise<boolean>;
  /** Known at once in this process, before the list is read again. */
  note(key: string, expires_at: Date): void;
  forget(key: string): void;
}

const SECONDS = 2;
/** Beyond these the oldest bans are not held here; the counters still refuse each of their guesses. */
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
      // Without the database the old list holds on; whatever needs the database says so itself.
    }
    read_at = now;
    reading = null;
  }

  return {
    async has(key) {
      const now = clock();
      if (read_at === null || addSeconds(read_at, SECONDS) <= now || now < read_at) reading ??= read(now);
      // Never read so far.
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
