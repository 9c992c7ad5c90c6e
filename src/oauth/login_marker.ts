// Proves that a login was made for one authorization request: a start time, bound to request and
// browser by a MAC, which travels in the URL through the login. Any replica can verify it, and no
// earlier login or other browser passes.

import { createHmac } from 'node:crypto';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { safeEqual } from '../domain/secret.ts';

/** The query parameter. */
export const LOGIN_AFTER = 'login_after';
/** Seconds in which the login must be made and used. */
const LIFETIME = 900;

export interface LoginMarker {
  /**
   * Adds a marker to the request's query: logins from now on count. `browser_hash`: SHA-256 of the
   * pre-login cookie.
   */
  mark(query: URLSearchParams, browser_hash: Buffer): URLSearchParams;
  /**
   * Whether a login at that time was made for this request in this browser; null: no pre-login
   * cookie.
   */
  isFor(query: URLSearchParams, browser_hash: Buffer | null, auth_time: Date): boolean;
}

export function createLoginMarker({ sealer, clock }: { sealer: { subKey(purpose: string): Buffer }; clock: Clock }): LoginMarker {
  const key = sealer.subKey('login_marker');

  function macOf(query: URLSearchParams, browser_hash: Buffer, time: string): string {
    const bare = new URLSearchParams(query);
    bare.delete(LOGIN_AFTER);
    return createHmac('sha256', key)
      .update(`${time}\n${browser_hash.toString('base64url')}\n${bare}`)
      .digest('base64url');
  }

  return {
    mark(query, browser_hash) {
      const marked = new URLSearchParams(query);
      const time = String(clock().getTime());
      marked.set(LOGIN_AFTER, `${time}.${macOf(query, browser_hash, time)}`);
      return marked;
    },
    isFor(query, browser_hash, auth_time) {
      if (browser_hash === null) return false;
      const [time = '', mac = ''] = query.get(LOGIN_AFTER)?.split('.', 2) ?? [];
      if (!/^\d{13}$/.test(time) || !safeEqual(mac, macOf(query, browser_hash, time))) return false;
      const from = new Date(Number(time));
      return auth_time >= from && clock() < addSeconds(from, LIFETIME);
    },
  };
}
