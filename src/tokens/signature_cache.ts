// Signatures that were found good, so that none is checked twice: it takes longer than everything else that is done about a token. Whether its key
// still counts, its time has passed or its grant lives is asked each time, by others. Tokens are known by their hash: none of them is kept.
import type { JsonObject } from '../domain/json.ts';
import { sha256 } from '../domain/secret.ts';

/** The most tokens that are known; then the oldest is forgotten. A few megabytes. */
const MOST = 2_000;

export function createSignatureCache(most = MOST) {
  const known = new Map<string, JsonObject>();
  return {
    /** The claims of a token, by `verify` only where it is not known yet; null for one that is not good, which is never remembered. */
    claimsOf(token: string, verify: () => JsonObject | null): JsonObject | null {
      const hash = sha256(token).toString('base64');
      const found = known.get(hash);
      if (found) return found;
      const claims = verify();
      if (claims === null) return null;
      const [oldest] = known.keys();
      if (known.size >= most && oldest !== undefined) known.delete(oldest);
      known.set(hash, Object.freeze(claims));
      return claims;
    },
  };
}
