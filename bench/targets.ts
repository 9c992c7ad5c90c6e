// Targets: ratios to other servers within a round, and absolute bounds.

import type { Route } from './contender.ts';

export interface Target {
  route: Route;
  /** The contender to compare with. */
  peer: string;
  /** Minimum of this server divided by the peer's. */
  ratio: number;
  /**
   * The compared figure; default: requests per second. `cpu`: the peer's CPU divided by ours,
   * including PostgreSQL's.
   */
  by?: 'cpu';
}

const beside = (peer: string, ratio: number, ...routes: Route[]): Target[] => routes.map((route) => ({ route, peer, ratio }));

export const TARGETS: readonly Target[] = [
  ...beside('oidc-provider', 3, 'refresh, kept token', 'refresh, rotating, no ID token', 'client credentials', 'way to the login page'),
  ...beside('oidc-provider', 2, 'refresh, rotating, ID token RS256', 'exchange, ID token RS256'),
  ...beside('oidc-provider', 3, 'refresh, rotating, ID token ES256', 'exchange, ID token ES256'),
  ...beside('oidc-provider', 2.5, 'exchange, public, no ID token', 'introspection, user tokens', 'introspection, client tokens'),
  ...beside('oidc-provider', 2.5, 'userinfo', 'JWKS'),
  ...beside('home-assistant', 2.5, 'refresh, kept token'),
  ...beside('home-assistant', 0.8, 'exchange, HA dialect'),
  ...beside('dex', 2, 'introspection, user tokens', 'introspection, client tokens', 'userinfo'),
  ...beside('dex', 1.3, 'way to the login page'),
  { route: 'discovery', peer: 'dex', ratio: 1, by: 'cpu' },
];

/** Bounds of this version. */
export const BOUNDS = {
  /** Requests of a registered client to the login page. */
  steps_to_login_page: 2,
  /** Password logins per second with 4 clients, on a quiet machine. */
  logins_per_second: 38,
  /** Milliseconds of a refresh (p99) during logins. */
  refresh_during_logins_p99: 15,
  /** Milliseconds from start to first answer. */
  cold_start: 600,
  /** MiB resident, before and after load. */
  rss_idle: 70,
  rss_after_load: 130,
} as const;
