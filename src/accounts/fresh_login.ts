// Whether somebody logged in just now, and as well as they can: what changing one's second factors takes. A stolen session or token is not enough.
import { addSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';

/** When and how somebody logged in. */
export interface LoginProof {
  auth_time: Date;
  amr: readonly string[];
  /** Whether a person logged in for this; a long-lived token is good for years and proves nothing. */
  is_login: boolean;
}

/** Seconds after which a login is not fresh any more. */
const FRESH_SECONDS = 300;

/** `has_factor`: whether the user has a second factor; then a login without one is no proof, however fresh. */
function isFresh({ auth_time, amr, is_login }: LoginProof, has_factor: boolean, now: Date): boolean {
  return is_login && addSeconds(auth_time, FRESH_SECONDS) >= now && (!has_factor || amr.includes('mfa'));
}

export function requireFreshLogin(proof: LoginProof, has_factor: boolean, now: Date): void {
  if (isFresh(proof, has_factor, now)) return;
  throw new AuthError('reauth_required', 'Log in again to do this', {
    detail: `logged in at ${proof.auth_time.toISOString()} by ${proof.amr}`,
  });
}
