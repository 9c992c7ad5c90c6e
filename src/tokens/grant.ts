// The contract of a grant: a way to earn tokens (RFC 6749 section 1.3). A file in src/grants/ exports one GrantType as `grant`; its name is
// the grant_type. A grant proves a right; the issuer signs. Client ids are checked and answers are written by the token endpoint.

import type { Audit } from '../domain/audit_event.ts';
import type { Profile } from '../domain/authorization_request.ts';
import type { Client } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import { randomBuffer } from '../domain/secret.ts';
import type { Authorization, PasswordlessAccess } from '../domain/token.ts';
import type { AuthorizationCodeRepository } from '../repository/authorization_codes.ts';
import type { DeviceCodeRepository } from '../repository/device_codes.ts';
import type { RefreshTokenRotationRepository } from '../repository/refresh_token_rotation.ts';
import type { RefreshTokenRepository } from '../repository/refresh_tokens.ts';
import type { TokenExchangeRepository } from '../repository/token_exchange.ts';
import type { AccessTokens } from './access_token.ts';
import type { LastUsed } from './last_used.ts';
import type { RotatingTokens } from './refresh_token.ts';

export interface GrantType {
  grant_type: string;
  /** Null where the configuration does not offer it. */
  create(deps: GrantDeps): Grant | null;
}

/** What grants are made of; each uses the few it needs. */
export interface GrantDeps {
  authorizationCodes: Pick<AuthorizationCodeRepository, 'redeem' | 'explainMiss' | 'revokeGrantOfCode' | 'countWrongVerifier'>;
  refreshTokens: Pick<RefreshTokenRepository, 'findBySecret'>;
  rotation: Pick<RefreshTokenRotationRepository, 'rotate' | 'explainMiss' | 'revokeReplayed'>;
  rotatingTokens: RotatingTokens;
  deviceCodes: Pick<DeviceCodeRepository, 'poll' | 'redeem' | 'explainMiss'>;
  tokenExchanges: TokenExchangeRepository;
  accessTokens: Pick<AccessTokens, 'read'>;
  lastUsed: Pick<LastUsed, 'note'>;
  clock: Clock;
  audit: Audit;
  /** Lifetimes of new grants and their access tokens, in seconds; null: no end. */
  lifetimes: Lifetimes;
  /** Seconds in which a rotated refresh token still answers with the same successor. */
  refresh_token_grace: number;
  /** Whether tokens may be exchanged for others (RFC 8693). */
  token_exchange_enabled: boolean;
  /** The issuer, which is the resource server of every token that names no other. */
  public_url: string;
}

export interface Lifetimes {
  access_token: number;
  refresh_token_idle: number | null;
  refresh_token: number | null;
}

/** The client's own, else those of all. */
export function lifetimesFor(client: Client | null, lifetimes: Lifetimes): Lifetimes {
  return {
    access_token: client?.access_token_lifetime ?? lifetimes.access_token,
    refresh_token_idle: client?.refresh_token_idle_lifetime ?? lifetimes.refresh_token_idle,
    refresh_token: client?.refresh_token_lifetime ?? lifetimes.refresh_token,
  };
}

/** The secret of a new grant; none where the client may not refresh: its access tokens hang on the grant all the same. */
export function rotatingSecret(client: Client, id: string, rotatingTokens: RotatingTokens) {
  if (!client.grant_types.includes('refresh_token')) return { seed: null, refresh_token: null };
  const seed = randomBuffer(32);
  return { seed, refresh_token: rotatingTokens.write({ id, generation: 0, seed }) };
}

/** Where a request came from, and what follows from that. */
export interface RequestContext {
  /** Canonical text. */
  remote_address: string;
  /** The page of another site made the browser send the request, as the request itself says. */
  is_cross_site?: boolean;
  /** In whose name documents of clients are fetched; absent: the address. */
  asker?: string;
  admission: PasswordlessAccess;
  /** The reference under which this request's refusal is explained. */
  error_ref?: string;
  /** The Authorization header. */
  authorization?: string | undefined;
  /** Every DPoP header (RFC 9449 section 4.1). */
  dpop?: readonly string[];
}

export interface GrantRequest extends RequestContext {
  parameters: ReadonlyMap<string, string>;
  /** Of the client below; in Home Assistant's dialect well-formed, if there is one. */
  client_id: string | null;
  /** As it authenticated itself; null in Home Assistant's dialect. */
  client: Client | null;
  /** The thumbprint of the key whose possession this request proves (RFC 9449); null without a proof. */
  dpop_jkt: string | null;
}

export interface Grant {
  /**
   * The dialect that a request of a URL client, or of no client, speaks; without an answer it is `standard`.
   * It tells by the look of what is presented, and authorize() must still find that out to be true.
   */
  profileOf?(parameters: ReadonlyMap<string, string>): Profile;
  /** Proves the right, or throws the refusal (RFC 6749 section 5.2). */
  authorize(request: GrantRequest): Promise<Authorization>;
}
