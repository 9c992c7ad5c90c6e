// Grants (Home Assistant's refresh tokens), authorizations and token sets.

import type { ProviderKey } from './auth_provider.ts';
import type { Profile } from './authorization_request.ts';
import type { Client } from './client.ts';
import type { JsonObject } from './json.ts';

export type TokenType = 'normal' | 'long_lived_access_token' | 'system';

/** A grant as stored, without the secret's hash. */
export interface RefreshToken {
  id: string;
  user_id: string;
  credential_id: string | null;
  auth_provider_type: string | null;
  auth_provider_id: string | null;
  token_type: TokenType;
  client_id: string | null;
  client_name: string | null;
  client_icon: string | null;
  /** Lifetime of its access tokens in seconds. */
  access_token_expiration: number;
  /** Seconds without use after which the grant expires; null: never. */
  idle_lifetime: number | null;
  expires_at: Date | null;
  created_at: Date;
  auth_time: Date;
  amr: string[];
  last_used_at: Date | null;
  last_used_ip: string | null;
}

/** A proven right to tokens, handed from a grant type to the issuer. */
export interface Authorization {
  /** Null: the client itself (RFC 6749 section 4.4). */
  user_id: string | null;
  /**
   * The grant's row, also if no refresh token is issued; null: the tokens depend on the client
   * only.
   */
  refresh_token_id: string | null;
  profile: Profile;
  client_id: string | null;
  /** The authenticated client; null in Home Assistant's dialect, which does not need it. */
  client: Client | null;
  access_token_expiration: number;
  /** When the person authenticated; null if nobody did. */
  auth_time: Date | null;
  amr: string[];
  scope: readonly string[];
  /** The resource servers of the access token (RFC 8707); empty: this server. */
  resource: readonly string[];
  /** The browser session that it started in. */
  sid: string | null;
  nonce: string | null;
  /** The `claims` parameter of the authorization request (OpenID Connect Core section 5.5). */
  claims: JsonObject | null;
  /** Thumbprint of the key that the access token is bound to (RFC 9449); null: a bearer token. */
  dpop_jkt: string | null;
  /** The refresh token to return; null if none is issued or the client keeps its own. */
  refresh_token: string | null;
  /** The provider's type, for Home Assistant's `ha_auth_provider`; null omits it. */
  ha_auth_provider: string | null;
  /** The party that acts for the user (RFC 8693 section 4.1). */
  act?: JsonObject;
  /** The type of the issued token in a token exchange (RFC 8693 section 2.2.1). */
  issued_token_type?: string;
}

/** Properties that Home Assistant's dialect does not have. */
export const HOME_ASSISTANT = {
  profile: 'home_assistant',
  client: null,
  scope: [],
  resource: [],
  sid: null,
  nonce: null,
  claims: null,
  dpop_jkt: null,
} as const satisfies Partial<Authorization>;

/** A successful token response (RFC 6749 section 5.1). */
export interface TokenSet {
  access_token: string;
  token_type: 'Bearer' | 'DPoP';
  expires_in: number;
  refresh_token?: string;
  id_token?: string;
  scope?: string;
  issued_token_type?: string;
  ha_auth_provider?: string;
}

/** The claims of an access token (RFC 9068 section 2.2), and its grant. */
export interface AccessTokenClaims {
  iss: string;
  sub: string;
  /** Its resource servers. */
  aud: string | string[];
  exp: number;
  iat: number;
  jti: string;
  client_id: string;
  scope: string;
  auth_time?: number;
  acr?: string;
  amr?: string[];
  /** Absent if the token depends on the client only. */
  refresh_token_id?: string;
  /** The key that it is bound to (RFC 9449 section 6.1). */
  cnf?: { jkt: string };
  /** The party that acts for the subject (RFC 8693 section 4.1). */
  act?: JsonObject;
}

/**
 * The passwordless providers that accept an address now, computed before a statement and passed to
 * it.
 */
export interface PasswordlessAccess {
  /** `providerKeyText` of each accepting provider. */
  providers: readonly string[];
  /** Why the others refuse. */
  refusal(key: ProviderKey): string;
}
