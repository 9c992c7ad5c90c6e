// Limits the fetches per address: each one connects to a host that an untrusted person named.
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';

/** Per minute. */
const MAX_PER_ADDRESS = 20;
/**
 * Maximum tracked addresses; beyond it the one with the fewest fetches is dropped, so that many
 * addresses cannot exclude others.
 */
const MAX_ADDRESSES = 10_000;

export interface FetchBudget {
  /** Counts a fetch, or throws `too_many_requests`. */
  spend(key: string): void;
}

export function createFetchBudget(clock: Clock, max_addresses = MAX_ADDRESSES): FetchBudget {
  let minute = { ends_at: clock(), spent: new Map<string, number>(), bySpent: emptyCounts() };

  function forgetLowest(): void {
    for (const keys of minute.bySpent)
      for (const key of keys) {
        keys.delete(key);
        minute.spent.delete(key);
        return;
      }
  }

  return {
    spend(key) {
      const now = clock();
      if (minute.ends_at <= now) minute = { ends_at: addSeconds(now, 60), spent: new Map(), bySpent: emptyCounts() };
      const { spent, bySpent } = minute;
      const before = spent.get(key) ?? 0;
      if (before >= MAX_PER_ADDRESS) throw new AuthError('too_many_requests', 'Too many client pages asked for', { retry_after: 60 });
      if (before === 0 && spent.size >= max_addresses) forgetLowest();
      bySpent[before]?.delete(key);
      bySpent[before + 1]?.add(key);
      spent.set(key, before + 1);
    },
  };
}

/** Keys by number of fetches, oldest first. */
function emptyCounts(): Set<string>[] {
  return Array.from({ length: MAX_PER_ADDRESS + 1 }, () => new Set<string>());
}
