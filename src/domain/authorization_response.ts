// Authorization responses of the standard profile: a code, an ID token, both, or an error, always
// with `iss` (RFC 9207) and the client's `state`.

import { errorDescription } from './error_description.ts';
import { AuthError, type ErrorCode } from './errors.ts';
import type { ResponseTarget } from './standard_request.ts';
import { asciiOnly } from './uri.ts';

export type ResponseParameters = Record<string, string>;

/**
 * Error codes that may be sent by redirect (RFC 6749 section 4.1.2.1, OpenID Connect Core section
 * 3.1.2.6, RFC 8707).
 */
const TOLD: readonly ErrorCode[] = [
  'invalid_request',
  'unauthorized_client',
  'access_denied',
  'unsupported_response_type',
  'invalid_scope',
  'invalid_target',
  'server_error',
  'temporarily_unavailable',
  'login_required',
  'consent_required',
  'interaction_required',
  'account_selection_required',
  'unmet_authentication_requirements',
  'request_not_supported',
  'request_uri_not_supported',
];

/** What the browser carries to the client; never an access token. */
export interface Granted {
  code?: string;
  id_token?: string;
}

export function grantedResponse({ state }: Pick<ResponseTarget, 'state'>, issuer: string, { code, id_token }: Granted): ResponseParameters {
  return {
    ...(code !== undefined && { code }),
    ...(id_token !== undefined && { id_token }),
    ...(state !== null && { state }),
    iss: issuer,
  };
}

/** The error response to a client; errors without an OAuth code become `server_error`. */
export function errorResponse({ state }: Pick<ResponseTarget, 'state'>, issuer: string, error: unknown): ResponseParameters {
  const told =
    error instanceof AuthError ? { code: wordFor(error), description: error.description } : { code: 'server_error', description: '' };
  const error_description = errorDescription(told.description);
  return { error: told.code, ...(error_description !== '' && { error_description }), ...(state !== null && { state }), iss: issuer };
}

function wordFor({ code, status }: AuthError): string {
  if (TOLD.includes(code)) return code;
  if (status === 429 || status === 503) return 'temporarily_unavailable';
  return status >= 500 ? 'server_error' : 'access_denied';
}

/**
 * The redirect URI with the response in its query or fragment; its own query is kept (RFC 6749
 * section 3.1.2).
 */
export function responseUrl({ redirect_uri, response_mode }: ResponseTarget, parameters: ResponseParameters): string {
  const answer = new URLSearchParams(parameters).toString();
  const target = asciiOnly(redirect_uri);
  if (response_mode === 'fragment') return `${target}#${answer}`;
  return `${target}${target.includes('?') ? (/[?&]$/.test(target) ? '' : '&') : '?'}${answer}`;
}
