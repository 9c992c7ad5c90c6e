// How many fetches one address may cause: each is a connection of ours to a place that a stranger named.
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';

/** In a minute. */
const MAX_PER_ADDRESS = 20;
/** Told apart in a minute. */
const MAX_ADDRESSES = 10_000;

export interface FetchBudget {
  /** Counts one more fetch of that address, or throws `too_many_requests`. */
  spend(key: string): void;
}

export function createFetchBudget(clock: Clock): FetchBudget {
  let minute = { ends_at: clock(), spent: new Map<string, number>() };
  return {
    spend(key) {
      const now = clock();
      if (minute.ends_at <= now) minute = { ends_at: addSeconds(now, 60), spent: new Map() };
      const spent = minute.spent.get(key) ?? 0;
      if (spent >= MAX_PER_ADDRESS || minute.spent.size >= MAX_ADDRESSES)
        throw new AuthError('too_many_requests', 'Too many client pages asked for', { retry_after: 60 });
      minute.spent.set(key, spent + 1);
    },
  };
}
