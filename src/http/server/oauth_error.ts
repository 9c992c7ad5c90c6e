// Error responses of RFC 6749 section 5.2.

import { errorDescription } from '../../domain/error_description.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { ErrorResponse } from './request.ts';

const CODES: readonly ErrorCode[] = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
  'invalid_scope',
  'unfit_redirect_uri',
  'invalid_client_metadata',
  'authorization_pending',
  'slow_down',
  'device_denied',
  'expired_token',
  'invalid_target',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'resource_needs_nonce',
  'invalid_token',
  'insufficient_scope',
  'insufficient_user_authentication',
  'access_denied',
  'server_error',
  'temporarily_unavailable',
];

/** The body of an error response; an empty description is omitted. */
export function oauthBody({ code, status, description }: ErrorResponse): { error?: string; error_description?: string } {
  // RFC 6750 section 3.1: no error code if no token was presented.
  if (code === 'unauthenticated') return {};
  const error = CODES.includes(code) ? oauthErrorCode(code) : codeOf(status);
  const error_description = errorDescription(description);
  return error_description === '' ? { error } : { error, error_description };
}

/**
 * Codes that share a name on the wire but differ in status: Home Assistant's, and those of RFC 7591
 * section 3.2.2, RFC 8628 section 3.5 and protected resources.
 */
const WIRE_CODES: Readonly<Partial<Record<ErrorCode, string>>> = {
  unfit_redirect_uri: 'invalid_redirect_uri',
  device_denied: 'access_denied',
  resource_needs_nonce: 'use_dpop_nonce',
};

/** The error code on the wire. */
export function oauthErrorCode(code: ErrorCode): string {
  return WIRE_CODES[code] ?? code;
}

function codeOf(status: number): string {
  if (status === 429 || status === 503) return 'temporarily_unavailable';
  if (status >= 500) return 'server_error';
  if (status === 401) return 'invalid_token'; // RFC 6750 section 3.1
  return status === 403 ? 'access_denied' : 'invalid_request';
}
