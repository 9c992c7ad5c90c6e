// Device cookies mark browsers in which a person has logged in before. While a name is blocked for
// too many guesses, such a browser may still try; password and second factor are required as
// always.
import type { ProviderKey } from '../domain/auth_provider.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { randomToken, sha256 } from '../domain/secret.ts';
import type { DeviceCookies, NewDeviceCookie } from '../repository/device_cookies.ts';

export type KnownDevices = ReturnType<typeof createKnownDevices>;

/** In seconds. */
const LIFETIME = 365 * 86_400;

export function createKnownDevices({ deviceCookies, clock }: { deviceCookies: DeviceCookies; clock: Clock }) {
  return {
    /** Lifetime of a cookie in seconds. */
    lifetime: LIFETIME,

    /**
     * A new cookie of 256 random bits for a completed login, to be stored with its session; null if
     * nothing was proven, as on a trusted network. `replaced`: the browser's former cookie.
     */
    create(
      { user_id, amr }: { user_id: string; amr: readonly string[] },
      replaced: string | null,
    ): { cookie: string; row: NewDeviceCookie } | null {
      if (amr.length === 0) return null;
      const cookie = randomToken('lk_dv_');
      const now = clock();
      const replaced_hash = replaced === null ? null : sha256(replaced);
      return {
        cookie,
        row: { cookie_hash: sha256(cookie), user_id, created_at: now, expires_at: addSeconds(now, LIFETIME), replaced_hash },
      };
    },

    /** Whether the browser may try a blocked name; counts the guess. */
    mayGuess: (cookie: string, provider: ProviderKey, name: string): Promise<boolean> =>
      deviceCookies.takeGuess({ cookie_hash: sha256(cookie), provider, name, now: clock() }),
  };
}
