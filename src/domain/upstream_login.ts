// Whether a login at another server proved who somebody is, or only used a session that was there.
import { epochSeconds } from './clock.ts';

/** Seconds by which that server's clock may be behind. */
const CLOCK_SKEW = 60;

/** What a flow asked that server for; absent in flows of earlier versions. */
export interface UpstreamLogin {
  /** Whether it was asked for a new login (`prompt=login`, `max_age=0`). */
  reauthenticate?: boolean;
  /** Seconds since 1970. */
  started_at?: number;
}

export function newUpstreamLogin(reauthenticate: boolean, now: Date): Required<UpstreamLogin> {
  return { reauthenticate, started_at: epochSeconds(now) };
}

/**
 * How the person proved it in this flow, as values of RFC 8176; empty where nothing was proven.
 * `auth_time` decides where that server says it, else whether it was asked for a new login.
 */
export function verifiedMethods(
  amr: readonly string[],
  auth_time: unknown,
  { reauthenticate = false, started_at }: UpstreamLogin,
): string[] {
  const is_proven = typeof auth_time === 'number' ? auth_time >= (started_at ?? Number.POSITIVE_INFINITY) - CLOCK_SKEW : reauthenticate;
  if (!is_proven) return [];
  // The person was there, however that server checked it.
  return amr.length > 0 ? [...amr] : ['user'];
}
