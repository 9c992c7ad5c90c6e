// Caches verified signatures, by far the slowest part of checking a token. Expiry, key and grant
// are still checked each time. Tokens are identified by hash and never stored.
import { LRUCache } from 'lru-cache';
import type { JsonObject } from '../domain/json.ts';
import { sha256 } from '../domain/secret.ts';

/** Maximum number of cached tokens; then the least recently used is evicted. A few megabytes. */
const MAX_TOKENS = 2_000;

export function createSignatureCache(max = MAX_TOKENS) {
  const known = new LRUCache<string, JsonObject>({ max });
  return {
    /** The claims of a token whose signature was verified before. */
    known: (token: string): JsonObject | undefined => known.get(keyOf(token)),

    /**
     * The claims of a token; calls `verify` for uncached ones. Invalid tokens return null and are
     * not cached.
     */
    claimsOf(token: string, verify: () => JsonObject | null): JsonObject | null {
      const hash = keyOf(token);
      const found = known.get(hash);
      if (found) return found;
      const claims = verify();
      if (claims === null) return null;
      known.set(hash, Object.freeze(claims));
      return claims;
    },
  };
}

function keyOf(token: string): string {
  return sha256(token).toString('base64');
}
