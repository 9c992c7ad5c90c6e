// Proves that a login was made for one authorization request: the time from which it counts, bound to the request by a MAC. It travels in the
// URL through the login and back, so that any replica can tell, and nobody can make an older login count.

import { createHmac } from 'node:crypto';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { safeEqual } from '../domain/secret.ts';

/** Query parameter of our own. */
export const LOGIN_AFTER = 'login_after';
/** Seconds in which the login must be made and used. */
const LIFETIME = 900;

export interface LoginMarker {
  /** The request's query with a mark: logins from now on count. */
  mark(query: URLSearchParams): URLSearchParams;
  /** Whether a login at that time was made for this request. */
  isFor(query: URLSearchParams, auth_time: Date): boolean;
}

export function createLoginMarker({ sealer, clock }: { sealer: { subKey(purpose: string): Buffer }; clock: Clock }): LoginMarker {
  const key = sealer.subKey('login_marker');

  function macOf(query: URLSearchParams, time: string): string {
    const bare = new URLSearchParams(query);
    bare.delete(LOGIN_AFTER);
    return createHmac('sha256', key).update(`${time}\n${bare}`).digest('base64url');
  }

  return {
    mark(query) {
      const marked = new URLSearchParams(query);
      const time = String(clock().getTime());
      marked.set(LOGIN_AFTER, `${time}.${macOf(query, time)}`);
      return marked;
    },
    isFor(query, auth_time) {
      const [time = '', mac = ''] = query.get(LOGIN_AFTER)?.split('.', 2) ?? [];
      if (!/^\d{13}$/.test(time) || !safeEqual(mac, macOf(query, time))) return false;
      const from = new Date(Number(time));
      return auth_time >= from && clock() < addSeconds(from, LIFETIME);
    },
  };
}
