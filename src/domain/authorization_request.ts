// Parses and validates a request to the authorization endpoint, without database or network.

import { isAcceptedClientId, isUrlClientId } from './client_id.ts';
import { AuthError } from './errors.ts';
import { CHALLENGE_REQUIRED, isCodeChallenge } from './pkce.ts';
import { isForbiddenRedirectUri } from './redirect_uri.ts';

/** The dialect of an authorization: decided when it starts, and stored with its code and grant. */
export type Profile = 'home_assistant' | 'standard';

/**
 * A request in Home Assistant's dialect: the client is an unregistered URL, and no parameter is
 * used that only standard clients send.
 */
export interface AuthorizationRequest {
  profile: 'home_assistant';
  client_id: string;
  redirect_uri: string;
  /** Returned unchanged. */
  state: string | null;
  code_challenge: string | null;
}

/** The maximum length of `state`; longer values are refused, never cut. */
const MAX_STATE_LENGTH = 4096;

const STANDARD_ONLY = [
  ...['scope', 'resource', 'nonce', 'prompt', 'response_mode', 'request', 'request_uri'],
  ...['claims', 'max_age', 'acr_values', 'dpop_jkt'],
];

/** This app sends a challenge with its watch's redirect URIs but never a verifier. */
const ANDROID_CLIENT = 'https://home-assistant.io/android';
const WEAR_REDIRECT = /^https:\/\/wear\.googleapis(-cn)?\.com\/3p_auth\/io\.homeassistant\.companion\.android$/;

/**
 * The dialect of a request. A request without a usable client_id is answered as Home Assistant
 * does.
 */
export function profileFor(query: URLSearchParams): Profile {
  const client_id = query.get('client_id') ?? '';
  // Ids of registered clients never look like a URL.
  if (client_id !== '' && !/^https?:/i.test(client_id)) return 'standard';
  const is_standard = STANDARD_ONLY.some((name) => query.has(name)) || (query.get('response_type') ?? 'code') !== 'code';
  return isUrlClientId(client_id) && is_standard ? 'standard' : 'home_assistant';
}

function only(query: URLSearchParams, name: string): string | null {
  const values = query.getAll(name);
  // RFC 6749 section 3.1: parameters must not be repeated.
  if (values.length > 1) throw new AuthError('invalid_request', `${name} is there more than once`);
  return values[0] ?? null;
}

function codeChallenge(query: URLSearchParams, client_id: string, redirect_uri: string): string | null {
  const challenge = only(query, 'code_challenge');
  const method = only(query, 'code_challenge_method');
  if (client_id === ANDROID_CLIENT && WEAR_REDIRECT.test(redirect_uri)) return null;
  if (challenge === null && method === null) return null;
  if (challenge === null) throw new AuthError('unsupported_transform_algorithm', CHALLENGE_REQUIRED);
  if (method !== 'S256') throw new AuthError('unsupported_transform_algorithm', 'Transform algorithm not supported');
  if (!isCodeChallenge(challenge)) throw new AuthError('invalid_request', 'code_challenge is not one of S256');
  return challenge;
}

/**
 * Parses the query of the authorization endpoint. Errors are thrown before any interaction; until
 * the redirect URI is known to be the client's, an error is a page and never a redirect (RFC 6749
 * section 4.1.2.1).
 */
export function readAuthorizationRequest(query: URLSearchParams, public_url: string): AuthorizationRequest {
  const client_id = only(query, 'client_id');
  const redirect_uri = only(query, 'redirect_uri');
  const state = only(query, 'state');
  if (client_id === null || !isAcceptedClientId(client_id, public_url)) throw new AuthError('invalid_client_id');
  if (redirect_uri === null || isForbiddenRedirectUri(redirect_uri) || redirect_uri.includes('#'))
    throw new AuthError('refused_redirect_uri', 'Invalid redirect URI'); // a fragment would swallow the code (RFC 6749 section 3.1.2)
  if (state !== null && state.length > MAX_STATE_LENGTH) throw new AuthError('invalid_request', `state is longer than ${MAX_STATE_LENGTH}`);
  return { profile: 'home_assistant', client_id, redirect_uri, state, code_challenge: codeChallenge(query, client_id, redirect_uri) };
}
