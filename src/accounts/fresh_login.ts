// The rule for changing login methods: it takes a login of the last five minutes in which something
// was proven. Used by every such change, so that API, pages and Home Assistant's routes agree.
import { MULTI_FACTOR } from '../domain/authentication_class.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { API_SCOPES } from '../domain/scope.ts';
import type { Actor, LoginProof } from './actor.ts';
import type { Factors } from './factors.ts';

/** Seconds for which a login is fresh; `max_age` in the challenge of RFC 9470. */
const FRESH_LOGIN_SECONDS = 300;

export interface FreshLoginDeps {
  factors: Pick<Factors, 'ofUser'>;
  clock: Clock;
}

export interface FreshLogin {
  /**
   * Throws `reauth_required` (403), or `insufficient_user_authentication` (401) for standard
   * tokens, without a fresh login at the time `at`; and `insufficient_scope` (403) if the login
   * method would have rights that the token lacks.
   */
  require(actor: Pick<Actor, 'user_id' | 'login'>, at?: Date): Promise<void>;
}

export function createFreshLogin({ factors, clock }: FreshLoginDeps): FreshLogin {
  return {
    async require({ user_id, login }, at = clock()) {
      // The operator has no login.
      if (user_id === null) return;
      if (login?.is_limited) throw new AuthError('insufficient_scope', `Requires the scope ${API_SCOPES.admin}`);
      const has_factor = (await factors.ofUser(user_id)).length > 0;
      if (login && isFresh(login, has_factor, at)) return;
      const detail = login ? `logged in at ${login.auth_time.toISOString()} by ${login.amr.join(' ') || 'nothing proven'}` : 'no login';
      if (login?.profile === 'standard')
        throw new AuthError('insufficient_user_authentication', 'A more recent login is required', {
          detail,
          params: { max_age: FRESH_LOGIN_SECONDS, ...(has_factor && { acr: MULTI_FACTOR }) },
        });
      throw new AuthError('reauth_required', 'Log in again to do this', { detail });
    },
  };
}

/**
 * A network address proves nothing (`amr` is empty), nor does a long-lived token. A user with a
 * second factor must have used it in that login.
 */
function isFresh({ auth_time, amr, is_login }: LoginProof, has_factor: boolean, at: Date): boolean {
  if (!is_login || amr.length === 0 || addSeconds(auth_time, FRESH_LOGIN_SECONDS) < at) return false;
  return !has_factor || amr.includes('mfa');
}
