// Authentication context classes: how a login was made, as `acr` tells it (OpenID Connect Core section 2).

/** All of them: no proof of the person's own, one factor, several. */
export const AUTHENTICATION_CLASSES: readonly string[] = ['0', '1', '2'];

/** The class of a login by its methods (RFC 8176). */
export function authenticationClass(amr: readonly string[]): string {
  if (amr.includes('mfa')) return '2';
  return amr.length > 0 ? '1' : '0';
}
