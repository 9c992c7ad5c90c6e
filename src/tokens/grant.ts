// The contract of a grant type (RFC 6749 section 1.3). A file in src/grants/ exports one GrantType
// as `grant`; its name is the grant_type. A grant proves a right, the issuer signs. Shared steps of
// the token endpoint are in oauth/token_endpoint.ts.

import type { Audit } from '../domain/audit_event.ts';
import type { Profile } from '../domain/authorization_request.ts';
import type { Client } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import { randomBuffer } from '../domain/secret.ts';
import type { Authorization, PasswordlessAccess } from '../domain/token.ts';
import type { Repositories } from '../repository/repositories.ts';
import type { AccessTokens } from './access_token.ts';
import type { LastUsed } from './last_used.ts';
import type { RotatingTokens } from './refresh_token.ts';

export interface GrantType {
  grant_type: string;
  /** Null if the configuration disables it. */
  create(deps: GrantDeps): Grant | null;
}

/** What every grant type is offered; each takes the few it needs. */
export interface GrantDeps {
  /** Every table; a grant takes those it needs. */
  repositories: Repositories;
  rotatingTokens: RotatingTokens;
  accessTokens: Pick<AccessTokens, 'read'>;
  lastUsed: Pick<LastUsed, 'note'>;
  clock: Clock;
  audit: Audit;
  /** Lifetimes of new grants and access tokens in seconds; null: unlimited. */
  lifetimes: Lifetimes;
  /** Seconds in which a rotated refresh token still returns the same successor. */
  refresh_token_grace: number;
  /** Whether token exchange (RFC 8693) is enabled. */
  token_exchange_enabled: boolean;
  /** The issuer: the default audience. */
  public_url: string;
}

export interface Lifetimes {
  access_token: number;
  refresh_token_idle: number | null;
  refresh_token: number | null;
}

/** The client's own lifetimes, or the configured ones. */
export function lifetimesFor(client: Client | null, lifetimes: Lifetimes): Lifetimes {
  return {
    access_token: client?.access_token_lifetime ?? lifetimes.access_token,
    refresh_token_idle: client?.refresh_token_idle_lifetime ?? lifetimes.refresh_token_idle,
    refresh_token: client?.refresh_token_lifetime ?? lifetimes.refresh_token,
  };
}

/**
 * The secret of a new grant; absent if the client may not refresh, though its access tokens still
 * belong to the grant.
 */
export function rotatingSecret(client: Client, id: string, rotatingTokens: RotatingTokens) {
  if (!client.grant_types.includes('refresh_token')) return { seed: null, refresh_token: null };
  const seed = randomBuffer(32);
  return { seed, refresh_token: rotatingTokens.write({ id, generation: 0, seed }) };
}

/** The origin of a request. */
export interface RequestContext {
  /** In canonical text form. */
  remote_address: string;
  /** A page of another site made the browser send the request, according to its headers. */
  is_cross_site?: boolean;
  /** Who fetches of client documents are charged to; absent: the address. */
  asker?: string;
  admission: PasswordlessAccess;
  /** The reference for explaining a refusal of this request. */
  error_ref?: string;
  /** The Authorization header. */
  authorization?: string | undefined;
  /** All DPoP headers (RFC 9449 section 4.1). */
  dpop?: readonly string[];
}

export interface GrantRequest extends RequestContext {
  parameters: ReadonlyMap<string, string>;
  /** The id of `client`; in Home Assistant's dialect a well-formed one, if present. */
  client_id: string | null;
  /** The authenticated client; null in Home Assistant's dialect. */
  client: Client | null;
  /** The thumbprint of the key that this request proves (RFC 9449); null without a proof. */
  dpop_jkt: string | null;
}

export interface Grant {
  /**
   * The dialect of a request by a URL client or without a client; default: `standard`. Judged by
   * appearance; authorize() must verify it.
   */
  profileOf?(parameters: ReadonlyMap<string, string>): Profile;
  /** Proves the right, or throws the error (RFC 6749 section 5.2). */
  authorize(request: GrantRequest): Promise<Authorization>;
}
