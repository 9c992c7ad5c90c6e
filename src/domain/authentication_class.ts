// Authentication context classes (`acr`, OpenID Connect Core section 2).

/** The class of a login by several factors. */
export const MULTI_FACTOR = '2';
/** In order: nothing proven, one factor, several factors. */
export const AUTHENTICATION_CLASSES: readonly string[] = ['0', '1', MULTI_FACTOR];

/** What a login must be at least. */
export interface LoginDemand {
  /** Its class; null: any. */
  acr: string | null;
  /** Its age in seconds; null: any. */
  max_age: number | null;
}

/** Whether a login at that time, by these methods, meets the demand. */
export function meetsDemand({ acr, max_age }: LoginDemand, login: { auth_time: Date; amr: readonly string[] }, now: Date): boolean {
  const rank = (name: string) => AUTHENTICATION_CLASSES.indexOf(name);
  if (acr !== null && rank(authenticationClass(login.amr)) < rank(acr)) return false;
  return max_age === null || (now.getTime() - login.auth_time.getTime()) / 1000 <= max_age;
}

/** The class of a login, from its methods (RFC 8176). */
export function authenticationClass(amr: readonly string[]): string {
  if (amr.includes('mfa')) return '2';
  return amr.length > 0 ? '1' : '0';
}
