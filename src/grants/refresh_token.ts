// The refresh grant (RFC 6749 section 6) in Home Assistant's words: no rotation, its clients keep the first refresh token for ever.
// One statement reads the grant and its user; when it was last used is written later, for many at once.
import { providerKeyText } from '../domain/auth_provider.ts';
import { AuthError } from '../domain/errors.ts';
import { type Authorization, HOME_ASSISTANT } from '../domain/token.ts';
import { refusalToAuthenticate } from '../domain/user.ts';
import type { RefreshTokens } from '../repository/refresh_tokens.ts';
import type { Grant, GrantDeps, GrantRequest, GrantType } from '../tokens/grant.ts';
import { refreshTokenHash } from '../tokens/refresh_token.ts';

export const grant: GrantType = { grant_type: 'refresh_token', create };

type Found = Awaited<ReturnType<RefreshTokens['findBySecret']>>[number];

function create({ refreshTokens, lastUsed, clock, audit }: GrantDeps): Grant {
  return {
    async authorize(request) {
      const refresh_token = request.parameters.get('refresh_token');
      if (!refresh_token) throw new AuthError('invalid_request', '', { detail: 'refresh_token is missing' });
      const [found] = await refreshTokens.findBySecret({ token_hash: refreshTokenHash(refresh_token), now: clock() });
      const refused = refusal(found, request);
      if (!found || refused) {
        const { client_id, remote_address, error_ref = null } = request;
        const detail = { reason: refused?.detail ?? null, refresh_token_id: found?.id ?? null };
        const target_user_id = found?.user_id ?? null;
        audit.record({ type: 'refresh_token.refused', outcome: 'refused', error_ref, target_user_id, client_id, remote_address, detail });
        throw refused ?? unknown();
      }
      lastUsed.note(found.id, request.remote_address);
      return authorization(found);
    },
  };
}

/** HA contract 3.7, in its order. */
function refusal(found: Found | undefined, { client_id, remote_address, admission }: GrantRequest): AuthError | null {
  if (!found) return unknown();
  if (found.client_id !== client_id) return new AuthError('invalid_request', '', { detail: 'client_id is not the one it was issued to' });
  const reason = refusalToAuthenticate(found, remote_address) ?? providerRefusal(found, admission);
  return reason === null ? null : new AuthError('access_denied', reason, { detail: reason });
}

function unknown(): AuthError {
  return new AuthError('invalid_grant', '', { detail: 'unknown, revoked or expired' });
}

/** The provider's rules hold for as long as the grant, also when the login was unlinked. */
function providerRefusal({ auth_provider_type, auth_provider_id }: Found, admission: GrantRequest['admission']): string | null {
  if (auth_provider_type === null) return null;
  const key = { auth_provider_type, auth_provider_id };
  return admission.providers.includes(providerKeyText(key)) ? null : admission.refusal(key);
}

function authorization({ id, user_id, client_id, access_token_expiration, auth_time, amr }: Found): Authorization {
  const grant = { user_id, refresh_token_id: id, client_id, access_token_expiration, auth_time, amr };
  return { ...HOME_ASSISTANT, ...grant, refresh_token: null, ha_auth_provider: null };
}
