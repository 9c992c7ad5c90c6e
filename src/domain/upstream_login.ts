// Whether a login at an upstream server proved the person's identity or only reused a session
// there.
import { epochSeconds } from './clock.ts';

/** Tolerated clock difference in seconds. */
const CLOCK_SKEW = 60;

/** What a flow requested of the upstream; absent in flows of earlier versions. */
export interface UpstreamLogin {
  /** Whether a new login was requested (`prompt=login`, `max_age=0`). */
  reauthenticate?: boolean;
  /** Seconds since 1970. */
  started_at?: number;
}

export function newUpstreamLogin(reauthenticate: boolean, now: Date): Required<UpstreamLogin> {
  return { reauthenticate, started_at: epochSeconds(now) };
}

/**
 * The authentication methods proven in this flow (RFC 8176); empty: none. Decided by the upstream's
 * `auth_time`, or else by whether a new login was requested.
 */
export function verifiedMethods(
  amr: readonly string[],
  auth_time: unknown,
  { reauthenticate = false, started_at }: UpstreamLogin,
): string[] {
  const is_proven = typeof auth_time === 'number' ? auth_time >= (started_at ?? Number.POSITIVE_INFINITY) - CLOCK_SKEW : reauthenticate;
  if (!is_proven) return [];
  // The person was present, by an unspecified method.
  return amr.length > 0 ? [...amr] : ['user'];
}
