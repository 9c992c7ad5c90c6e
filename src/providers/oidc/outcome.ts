// Outcomes of an upstream login: an identity, a refusal, or an unavailable server.
import { AuthorizationResponseError, ResponseBodyError } from 'openid-client';
import type { Identity } from '../../domain/auth_provider.ts';
import { AuthError } from '../../domain/errors.ts';
import { cleanText } from '../../domain/text.ts';

/** `denied`: by the person or by the server's rules. */
export type OidcOutcome = { identity: Identity } | { refused: string; denied?: boolean } | { unavailable: string };

/** RFC 6749 section 4.1.2.1: temporary problems of the server. */
const TEMPORARY = ['server_error', 'temporarily_unavailable'];

/** Classifies an error of the library. */
export function upstreamOutcome(error: unknown): OidcOutcome {
  if (error instanceof AuthorizationResponseError) {
    const refused = cleanText(`${error.error}: ${error.error_description ?? ''}`);
    return TEMPORARY.includes(error.error) ? { unavailable: refused } : { refused, denied: error.error === 'access_denied' };
  }
  if (!(error instanceof ResponseBodyError)) return { refused: describeFailure(error) };
  const said = cleanText(`the token endpoint answers ${error.error}: ${error.error_description ?? ''}`);
  // RFC 6749 section 5.2: an invalid code ends the login; other errors are configuration problems.
  return error.error === 'invalid_grant' ? { refused: said } : { unavailable: said };
}

/** The timeout behind an error of the library. */
export function timeoutError(error: unknown): AuthError | null {
  if (error instanceof AuthError) return error;
  return error instanceof Error && error.cause !== undefined ? timeoutError(error.cause) : null;
}

/** The HTTP status behind an error of the library; null otherwise. */
export function failureStatus(error: unknown): number | null {
  if (error instanceof Response) return error.status;
  if (!(error instanceof Error)) return null;
  return 'status' in error && typeof error.status === 'number' ? error.status : failureStatus(error.cause);
}

/** Whether no known key made the signature. */
export function isUnknownKey(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const is_one =
    ('code' in error && error.code === 'OAUTH_KEY_SELECTION_FAILED') || error.message.includes('signature verification failed');
  return is_one || isUnknownKey(error.cause);
}

/** The issuer in a server's metadata, if it does not match; null otherwise. */
export function mismatchedIssuer(error: unknown): string | null {
  if (typeof error !== 'object' || error === null) return null;
  if ('attribute' in error && error.attribute === 'issuer' && 'body' in error) {
    const { body } = error;
    return typeof body === 'object' && body !== null && 'issuer' in body ? cleanText(String(body.issuer)) : null;
  }
  return 'cause' in error ? mismatchedIssuer(error.cause) : null;
}

/** Describes a failure for the log. */
export function describeFailure(error: unknown): string {
  const silence = timeoutError(error);
  if (silence) return silence.detail ?? silence.description;
  if (!(error instanceof Error)) return 'unknown error';
  const inner = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return cleanText(error.message + inner);
}
