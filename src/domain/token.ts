// Grants (Home Assistant's refresh tokens), what a grant proves, and what the issuer makes of it.

import type { ProviderKey } from './auth_provider.ts';
import type { Profile } from './authorization_request.ts';
import type { Client } from './client.ts';
import type { JsonObject } from './json.ts';

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
  /** Whose right it is; null: the client's own (RFC 6749 section 4.4). */
  user_id: string | null;
  /** The grant's row, also where no refresh secret is handed out; null: the tokens hang on the client. */
  refresh_token_id: string | null;
  profile: Profile;
  client_id: string | null;
  /** As it authenticated itself; null in Home Assistant's dialect, where nobody needs to know. */
  client: Client | null;
  access_token_expiration: number;
  /** When the person proved who they are; null where nobody did. */
  auth_time: Date | null;
  amr: string[];
  scope: readonly string[];
  /** The resource servers that the access token is for (RFC 8707); none: us. */
  resource: readonly string[];
  /** The browser session that it began in. */
  sid: string | null;
  nonce: string | null;
  /** The `claims` parameter of the authorization request (OpenID Connect Core section 5.5). */
  claims: JsonObject | null;
  /** The key whose holder alone may use the access token (RFC 9449); null: whoever bears it. */
  dpop_jkt: string | null;
  /** The refresh secret to hand out; null where none leaves the server or the client keeps the one it has. */
  refresh_token: string | null;
  /** The provider's type, for Home Assistant's `ha_auth_provider`; null leaves it out. */
  ha_auth_provider: string | null;
  /** Who acts in the user's name (RFC 8693 section 4.1). */
  act?: JsonObject;
  /** What a token exchange calls the token it answers (RFC 8693 section 2.2.1). */
  issued_token_type?: string;
}

/** What an authorization of Home Assistant's dialect has not got. */
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

/** A successful answer of the token endpoint (RFC 6749 section 5.1). */
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

/** The claims of an access token (RFC 9068 section 2.2), beside the grant it hangs on. */
export interface AccessTokenClaims {
  iss: string;
  sub: string;
  /** The resource servers it is for; a token for one names it alone. */
  aud: string | string[];
  exp: number;
  iat: number;
  jti: string;
  client_id: string;
  scope: string;
  auth_time?: number;
  acr?: string;
  amr?: string[];
  /** Absent where the token hangs on the client. */
  refresh_token_id?: string;
  /** The key whose holder alone may use it (RFC 9449 section 6.1). */
  cnf?: { jkt: string };
  /** Who acts for whom it is about (RFC 8693 section 4.1). */
  act?: JsonObject;
}

/** Which providers let people in from an address now, computed before a statement runs and handed to it. */
export interface PasswordlessAccess {
  /** `providerKeyText` of every provider that does. */
  providers: readonly string[];
  /** Why the others do not. */
  refusal(key: ProviderKey): string;
}
