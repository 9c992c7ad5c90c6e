// Grants (Home Assistant's refresh tokens), what a grant proves, and what the issuer makes of it.

import type { ProviderKey } from './auth_provider.ts';

export type TokenType = 'normal' | 'long_lived_access_token' | 'system';

/** One grant as its row shows it; the secret's hash is not part of it. */
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
  /** Seconds an access token of this grant lives. */
  access_token_expiration: number;
  /** Seconds without use after which the grant is dead; null: never. */
  idle_lifetime: number | null;
  expires_at: Date | null;
  created_at: Date;
  auth_time: Date;
  amr: string[];
  last_used_at: Date | null;
  last_used_ip: string | null;
}

/** A proven right to tokens: what a grant hands to the issuer. */
export interface Authorization {
  user_id: string;
  refresh_token_id: string;
  client_id: string | null;
  access_token_expiration: number;
  auth_time: Date;
  amr: string[];
  scope: readonly string[];
  /** The refresh secret to hand out; null where none leaves the server or the client keeps the one it has. */
  refresh_token: string | null;
  /** The provider's type, for Home Assistant's `ha_auth_provider`; null leaves it out. */
  ha_auth_provider: string | null;
}

/** A successful answer of the token endpoint (RFC 6749 section 5.1). */
export interface TokenSet {
  access_token: string;
  token_type: 'Bearer';
  expires_in: number;
  refresh_token?: string;
  ha_auth_provider?: string;
}

/** The claims of an access token (RFC 9068 section 2.2), beside the grant it hangs on. */
export interface AccessTokenClaims {
  iss: string;
  sub: string;
  aud: string;
  exp: number;
  iat: number;
  jti: string;
  client_id: string;
  scope: string;
  auth_time: number;
  acr: string;
  amr: string[];
  refresh_token_id: string;
}

/** Which providers let people in from an address now, computed before a statement runs and handed to it. */
export interface Admission {
  /** `providerKeyText` of every provider that does. */
  providers: readonly string[];
  /** Why the others do not. */
  refusal(key: ProviderKey): string;
}
