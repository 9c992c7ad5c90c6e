// Authentication context classes (`acr`, OpenID Connect Core section 2).

/** In order: nothing proven, one factor, several factors. */
export const AUTHENTICATION_CLASSES: readonly string[] = ['0', '1', '2'];

/** The class of a login, from its methods (RFC 8176). */
export function authenticationClass(amr: readonly string[]): string {
  if (amr.includes('mfa')) return '2';
  return amr.length > 0 ? '1' : '0';
}
