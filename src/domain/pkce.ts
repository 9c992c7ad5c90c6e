// Proof Key for Code Exchange (RFC 7636), S256 only: whoever began the authorization is whoever redeems its code.
import { safeEqual, sha256 } from './secret.ts';

/** Home Assistant's words for a code_challenge_method without a code_challenge. */
export const CHALLENGE_REQUIRED = 'code_challenge required when code_challenge_method is provided';

/** Whether the text can be an S256 code challenge: 43 characters of base64url, a SHA-256 without padding. */
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

/** Whether the verifier is the one behind the challenge. What is no verifier never is. */
export function verifierMatches(verifier: string, challenge: string): boolean {
  return isCodeVerifier(verifier) && safeEqual(s256Challenge(verifier), challenge);
}
