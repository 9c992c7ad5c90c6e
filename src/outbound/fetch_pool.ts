// Schedules fetches of documents whose URLs come from untrusted people: limits in total, per
// address, and per minute. When all places are taken, the slowest fetch of the busiest address is
// aborted.
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { fetchBudgetKey } from './fetch_asker.ts';
import { createFetchBudget } from './fetch_budget.ts';

export interface FetchPool {
  /**
   * Runs a fetch for an address, or for one marked by `unprovenAsker`; `signal` aborts when it must
   * make room. Throws `too_many_requests` for an address with too many fetches, and `unavailable`
   * when every place is taken.
   */
  run<Answer>(remote_address: string, fetch: (signal: AbortSignal) => Promise<Answer>): Promise<Answer>;
}

interface Running {
  key: string;
  started_ms: number;
  abort: AbortController;
}

const PLACES = 32;
/** Per IPv4 address or IPv6 /64. */
const PLACES_OF_ADDRESS = 4;
/** Milliseconds after which a fetch may be aborted for an address with as many fetches. */
const SLOW_MS = 1_000;

export function createFetchPool(clock: Clock): FetchPool {
  const budget = createFetchBudget(clock);
  const running = new Set<Running>();

  function placesOf(key: string): number {
    return [...running].filter((fetch) => fetch.key === key).length;
  }

  /**
   * The oldest fetch of the busiest address; it must be slow, or its address busier than `key`
   * would be.
   */
  function victim(key: string): Running | undefined {
    const counted = [...running].map((fetch) => ({ fetch, places: placesOf(fetch.key) }));
    const most = Math.max(...counted.map(({ places }) => places));
    const oldest = counted.find(({ places }) => places === most)?.fetch;
    const is_slow = oldest !== undefined && performance.now() - oldest.started_ms >= SLOW_MS;
    return most > placesOf(key) + 1 || is_slow ? oldest : undefined;
  }

  function takePlace(key: string): Running {
    if (placesOf(key) >= PLACES_OF_ADDRESS)
      throw new AuthError('too_many_requests', 'Too many client documents are being read for this address', { retry_after: 1 });
    const evicted = running.size >= PLACES ? victim(key) : undefined;
    if (running.size >= PLACES && !evicted)
      throw new AuthError('unavailable', 'Too many client documents are being read', { retry_after: 1 });
    budget.spend(key);
    if (evicted) {
      running.delete(evicted);
      evicted.abort.abort();
    }
    const place = { key, started_ms: performance.now(), abort: new AbortController() };
    running.add(place);
    return place;
  }

  return {
    async run(remote_address, fetch) {
      const place = takePlace(fetchBudgetKey(remote_address));
      try {
        return await fetch(place.abort.signal);
      } finally {
        running.delete(place);
      }
    },
  };
}
