// Proof Key for Code Exchange (RFC 7636), S256 only.
import { safeEqual, sha256 } from './secret.ts';

/** Home Assistant's message for a code_challenge_method without a code_challenge. */
export const CHALLENGE_REQUIRED = 'code_challenge required when code_challenge_method is provided';

/** Whether the text is a well-formed S256 challenge: 43 base64url characters. */
export function isCodeChallenge(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** Whether the text is a code verifier (RFC 7636 section 4.1). */
export function isCodeVerifier(text: string): boolean {
  return /^[A-Za-z0-9._~-]{43,128}$/.test(text);
}

/** The challenge that belongs to a verifier (RFC 7636 section 4.2). */
export function s256Challenge(verifier: string): string {
  return sha256(verifier).toString('base64url');
}

/** Whether the verifier matches the challenge; false for malformed verifiers. */
export function verifierMatches(verifier: string, challenge: string): boolean {
  return isCodeVerifier(verifier) && safeEqual(s256Challenge(verifier), challenge);
}
