// A client: an app that sends people here and trades what they bring back (RFC 6749 section 2). Fields are named as in RFC 7591.

import type { JsonObject } from './json.ts';

/** How a client proves itself at our endpoints. */
export type TokenEndpointAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';
/** How an answer may come back (OAuth 2.0 Multiple Response Types section 2.1, OAuth 2.0 Form Post). */
export const RESPONSE_MODES = ['query', 'fragment', 'form_post'] as const;
export type ResponseMode = (typeof RESPONSE_MODES)[number];
export type IdTokenAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

/** A set of demands on a client beyond those on all (FAPI 2.0 Security Profile). */
export const CLIENT_PROFILES = ['fapi2'] as const;
export type ClientProfile = (typeof CLIENT_PROFILES)[number];
/** How a client of FAPI 2.0 may sign (section 5.4.1); the last is another name of EdDSA with that curve (RFC 9864). */
export const FAPI2_ALGORITHMS = ['PS256', 'ES256', 'EdDSA', 'Ed25519'];

/** What every kind of client has. Its secrets are not part of it. */
export interface Client {
  client_id: string;
  /**
   * `registered`: by the configuration, the API or the CLI; `self_registered`: by RFC 7591; `url`: by nobody, its
   * id is its address; `metadata_document`: a URL that serves its own metadata.
   */
  kind: 'registered' | 'self_registered' | 'url' | 'metadata_document';
  client_name: string | null;
  client_uri: string | null;
  logo_uri: string | null;
  policy_uri: string | null;
  tos_uri: string | null;
  redirect_uris: string[];
  post_logout_redirect_uris: string[];
  token_endpoint_auth_method: TokenEndpointAuthMethod;
  grant_types: string[];
  /** How it may have its answers; never empty. */
  response_modes: ResponseMode[];
  /** Scopes it may ask for. */
  scope: string[];
  /** Resource servers it may ask tokens for, beside us (RFC 8707). */
  resources: string[];
  jwks: JsonObject | null;
  jwks_uri: string | null;
  id_token_signed_response_alg: IdTokenAlgorithm;
  dpop_bound_access_tokens: boolean;
  require_pushed_authorization_requests: boolean;
  backchannel_logout_uri: string | null;
  /** Null: no demands beyond those on all. */
  profile: ClientProfile | null;
  /** No consent is asked for. */
  trusted: boolean;
  /** Who may use it: members of any of these groups; null: everybody. */
  allowed_group_ids: string[] | null;
  /** Seconds; null: as configured for all. */
  access_token_lifetime: number | null;
  refresh_token_idle_lifetime: number | null;
  refresh_token_lifetime: number | null;
}

/** Whether the client can keep a secret (RFC 6749 section 2.1). */
export function isConfidential({ token_endpoint_auth_method }: Pick<Client, 'token_endpoint_auth_method'>): boolean {
  return token_endpoint_auth_method !== 'none';
}
