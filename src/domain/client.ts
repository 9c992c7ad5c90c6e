// An OAuth client (RFC 6749 section 2). Fields are named as in RFC 7591.

import type { CustomClaims } from './custom_claims.ts';
import type { JsonObject } from './json.ts';

/** How a client authenticates. */
export type TokenEndpointAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';
/** Response modes (OAuth 2.0 Multiple Response Types section 2.1, OAuth 2.0 Form Post). */
export const RESPONSE_MODES = ['query', 'fragment', 'form_post'] as const;
export type ResponseMode = (typeof RESPONSE_MODES)[number];

/**
 * Response types (RFC 6749 section 3.1.1, OAuth 2.0 Multiple Response Types sections 3 and 5), each
 * with its words in order. No access token is ever returned by the authorization endpoint.
 */
export const RESPONSE_TYPES = ['code', 'id_token', 'code id_token'] as const;
export type ResponseType = (typeof RESPONSE_TYPES)[number];

/** What this server signs with (RFC 7518 section 3.1, RFC 8037), each with keys of its own. */
export const SIGNING_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

/** A security profile that a client must meet (FAPI 2.0 Security Profile). */
export const CLIENT_PROFILES = ['fapi2'] as const;
export type ClientProfile = (typeof CLIENT_PROFILES)[number];
/**
 * Signing algorithms allowed by FAPI 2.0 (section 5.4.1); the last is RFC 9864's name for EdDSA
 * with that curve.
 */
export const FAPI2_ALGORITHMS = ['PS256', 'ES256', 'EdDSA', 'Ed25519'];

/**
 * Of a client that registered without a token. `waived`: no approval is required; `new`: nobody has
 * logged in to reach it yet; `pending`: the owner has been asked.
 */
export type ClientApproval = 'waived' | 'new' | 'pending' | 'approved' | 'refused';

/** The properties of every client; secrets are kept apart. */
export interface Client {
  client_id: string;
  /**
   * `registered`: by the configuration, the API or the CLI; `self_registered`: by RFC 7591; `url`:
   * unregistered, its id is its address; `metadata_document`: its id is the URL of its metadata.
   */
  kind: 'registered' | 'self_registered' | 'url' | 'metadata_document';
  /** Of a client that registered without a token; absent or null for others. */
  approval?: ClientApproval | null;
  client_name: string | null;
  client_uri: string | null;
  logo_uri: string | null;
  policy_uri: string | null;
  tos_uri: string | null;
  redirect_uris: string[];
  post_logout_redirect_uris: string[];
  token_endpoint_auth_method: TokenEndpointAuthMethod;
  grant_types: string[];
  /** Response types it may use; never empty. Others than `code` are the operator's decision. */
  response_types: ResponseType[];
  /** Response modes it may use; never empty. */
  response_modes: ResponseMode[];
  /** Scopes it may request. */
  scope: string[];
  /** Other resource servers it may request tokens for (RFC 8707). */
  resources: string[];
  jwks: JsonObject | null;
  jwks_uri: string | null;
  id_token_signed_response_alg: SigningAlgorithm;
  access_token_signed_response_alg: SigningAlgorithm;
  /** Null: userinfo responses are not signed. */
  userinfo_signed_response_alg: SigningAlgorithm | null;
  /** Maximum age of a login in seconds, unless the request says otherwise; null: any. */
  default_max_age: number | null;
  /** Whether the client relies on `auth_time`, which every ID token contains in any case. */
  require_auth_time: boolean;
  dpop_bound_access_tokens: boolean;
  require_pushed_authorization_requests: boolean;
  /** False only for confidential clients; the operator decides. */
  require_pkce: boolean;
  /** Whether a request for a scope that the client may not have is refused; or else without it. */
  refuse_unknown_scopes: boolean;
  /** Whether the ID token contains the claims of granted scopes, besides userinfo. */
  id_token_claims: boolean;
  /** Claims of the operator's own, at userinfo; in the ID token as `id_token_claims` says. */
  claims: CustomClaims;
  backchannel_logout_uri: string | null;
  /** Null: no additional requirements. */
  profile: ClientProfile | null;
  /** No consent is required. */
  trusted: boolean;
  /** Groups whose members may use it; null: everybody. */
  allowed_group_ids: string[] | null;
  /** In seconds; null: the configured default. */
  access_token_lifetime: number | null;
  refresh_token_idle_lifetime: number | null;
  refresh_token_lifetime: number | null;
}

/** Whether the browser carries an ID token to the client. */
export function returnsIdToken(response_type: ResponseType): boolean {
  return response_type !== 'code';
}

/** Whether the browser carries an authorization code to the client. */
export function returnsCode(response_type: ResponseType): boolean {
  return response_type !== 'id_token';
}

/** Whether the client can keep a secret (RFC 6749 section 2.1). */
export function isConfidential({ token_endpoint_auth_method }: Pick<Client, 'token_endpoint_auth_method'>): boolean {
  return token_endpoint_auth_method !== 'none';
}
