// Fetches redirect URIs from URL clients' pages (HA contract 4.3). Anybody can trigger this before
// a login, so fetches are limited in total and per address, shared per page, and avoided if the URI
// alone suffices.
import { setTimeout as pause } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { isUrlClientId } from '../domain/client_id.ts';
import { publishedRedirectUris } from '../domain/client_page.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { isLocalAddress, isSpecialUse } from '../domain/network.ts';
import { acceptsRedirectUri, isForbiddenRedirectUri, redirectUriMatches } from '../domain/redirect_uri.ts';
import { createFetchPool } from '../outbound/fetch_pool.ts';
import { createGuardedFetch, type GuardedFetchOptions } from '../outbound/guarded_fetch.ts';

export interface ClientPageDeps {
  /** Whether pages with internal addresses may be fetched. */
  allow_private_addresses: boolean;
  clock: Clock;
  /** For tests. */
  fetch?: Partial<GuardedFetchOptions>;
  /** Failures take a multiple of this time, so that timing reveals nothing about the target. */
  bucket_ms?: number;
}

export interface ClientPages {
  /** The redirect URIs on the client's page; none if it cannot be fetched. */
  publishedRedirectUris(client_id: string, remote_address: string): Promise<string[]>;
  /** Whether the redirect URI is the client's; fetches its page only if necessary. */
  acceptsRedirectUri(client_id: string, redirect_uri: string, remote_address: string): Promise<boolean>;
  /** Why the last fetch of the client's page failed; for the log. */
  whyUnread(client_id: string): string | undefined;
}

const BUCKET_MS = 1_000;
const CACHE_SECONDS = 60;
const MAX_CACHED = 500;

export function createClientPages({ allow_private_addresses, clock, fetch, bucket_ms = BUCKET_MS }: ClientPageDeps): ClientPages {
  const isAllowed = (address: string) => !isSpecialUse(address) || (allow_private_addresses && isLocalAddress(address));
  const get = createGuardedFetch({ isAllowed, ...fetch });
  const pool = createFetchPool(clock);
  const cache = new LRUCache<string, { uris: string[]; expires_at: Date }>({ max: MAX_CACHED });
  const unread = new LRUCache<string, true>({ max: MAX_CACHED });
  const running = new Map<string, Promise<string[]>>();

  async function ask(client_id: string, signal: AbortSignal): Promise<string[]> {
    const began = performance.now();
    const body = await get(client_id, signal);
    unread.delete(client_id);
    if (body === null) {
      unread.set(client_id, true);
      const elapsed = performance.now() - began;
      await pause(Math.ceil(elapsed / bucket_ms) * bucket_ms - elapsed);
      return [];
    }
    const uris = publishedRedirectUris(body.toString('utf8'), client_id);
    cache.set(client_id, { uris, expires_at: addSeconds(clock(), CACHE_SECONDS) });
    return uris;
  }

  function start(client_id: string, remote_address: string): Promise<string[]> {
    const asked = pool.run(remote_address, (signal) => ask(client_id, signal)).finally(() => running.delete(client_id));
    running.set(client_id, asked);
    return asked;
  }

  async function published(client_id: string, remote_address: string): Promise<string[]> {
    const cached = cache.get(client_id);
    if (cached && cached.expires_at > clock()) return cached.uris;
    return await (running.get(client_id) ?? start(client_id, remote_address));
  }

  return {
    publishedRedirectUris: published,
    whyUnread: (client_id) => (unread.has(client_id) ? 'its page cannot be fetched' : undefined),
    async acceptsRedirectUri(client_id, redirect_uri, remote_address) {
      if (redirectUriMatches(client_id, redirect_uri)) return true;
      if (!isUrlClientId(client_id) || isForbiddenRedirectUri(redirect_uri)) return false;
      return acceptsRedirectUri(client_id, redirect_uri, await published(client_id, remote_address));
    },
  };
}
