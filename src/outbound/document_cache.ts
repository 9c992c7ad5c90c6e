// Caches client documents: one fetch for concurrent requests, with limits in total and per address.
// Failures are not cached.
import { LRUCache } from 'lru-cache';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { createFetchPool } from './fetch_pool.ts';

export interface LoadedDocument<Value> {
  value: Value;
  /** The response's cache lifetime in seconds; null: unspecified. */
  max_age: number | null;
}

export interface DocumentCache<Value> {
  /**
   * Throws what `load` throws, `unavailable` when too many fetches run, `too_many_requests` for an
   * address with too many.
   */
  get(url: string, remote_address: string): Promise<Value>;
  /** The same, but refetches what is older than half a minute. */
  getFresh(url: string, remote_address: string): Promise<Value>;
}

interface Kept<Value> {
  value: Value;
  fetched_at: Date;
  expires_at: Date;
}

const SHORTEST = 60;
const UNSAID = 300;
const LONGEST = 86_400;
const FRESH = 30;
const MAX_KEPT = 500;

/** `load` returns null for responses that must not be cached. */
export function createDocumentCache<Value>(
  load: (url: string, signal: AbortSignal) => Promise<LoadedDocument<Value> | null>,
  clock: Clock,
): DocumentCache<Value | null> {
  const pool = createFetchPool(clock);
  const cache = new LRUCache<string, Kept<Value>>({ max: MAX_KEPT });
  const running = new Map<string, Promise<Value | null>>();

  async function fetchNow(url: string, signal: AbortSignal): Promise<Value | null> {
    const loaded = await load(url, signal);
    cache.delete(url);
    if (loaded === null) return null;
    const lifetime = Math.min(Math.max(loaded.max_age ?? UNSAID, SHORTEST), LONGEST);
    const fetched_at = clock();
    cache.set(url, { value: loaded.value, fetched_at, expires_at: addSeconds(fetched_at, lifetime) });
    return loaded.value;
  }

  function start(url: string, remote_address: string): Promise<Value | null> {
    const fetched = pool.run(remote_address, (signal) => fetchNow(url, signal)).finally(() => running.delete(url));
    running.set(url, fetched);
    return fetched;
  }

  async function get(url: string, remote_address: string, isGood: (kept: Kept<Value>) => boolean): Promise<Value | null> {
    const kept = cache.get(url);
    if (!kept || !isGood(kept)) return await (running.get(url) ?? start(url, remote_address));
    return kept.value;
  }

  return {
    get: (url, remote_address) => get(url, remote_address, ({ expires_at }) => expires_at > clock()),
    getFresh: (url, remote_address) => get(url, remote_address, ({ fetched_at }) => addSeconds(fetched_at, FRESH) > clock()),
  };
}
