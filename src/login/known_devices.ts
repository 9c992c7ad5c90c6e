// Browsers that a person has logged in from before, known by a cookie. During a block by name such a browser
// keeps a way in: the cookie skips that block alone, never the password or a second factor.
import type { ProviderKey } from '../domain/auth_provider.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { randomToken, sha256 } from '../domain/secret.ts';
import type { DeviceCookies } from '../repository/device_cookies.ts';

export type KnownDevices = ReturnType<typeof createKnownDevices>;

/** Seconds. */
const LIFETIME = 365 * 86_400;

export function createKnownDevices({ deviceCookies, clock }: { deviceCookies: DeviceCookies; clock: Clock }) {
  return {
    /** Seconds that a cookie lasts. */
    lifetime: LIFETIME,

    /**
     * A new cookie of 256 random bits for the browser of a person who has completed a login; null where nothing was proven, as on a trusted
     * network. `replaced`: the cookie that the browser had.
     */
    async remember({ user_id, amr }: { user_id: string; amr: readonly string[] }, replaced: string | null): Promise<string | null> {
      if (amr.length === 0) return null;
      const cookie = randomToken('lk_dv_');
      const now = clock();
      const row = { cookie_hash: sha256(cookie), user_id, created_at: now, expires_at: addSeconds(now, LIFETIME) };
      await deviceCookies.store(row, replaced === null ? null : sha256(replaced));
      return cookie;
    },

    /** Whether the browser may guess at a name that is blocked; counts the guess. */
    mayGuess: (cookie: string, provider: ProviderKey, name: string): Promise<boolean> =>
      deviceCookies.takeGuess({ cookie_hash: sha256(cookie), provider, name, now: clock() }),
  };
}
