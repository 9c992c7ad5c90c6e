// Authenticates access tokens with one statement over the grant and its user. Revoked grants,
// inactive users and users at a disallowed address fail from the next request on.
import type { Profile } from '../domain/authorization_request.ts';
import type { Clock } from '../domain/clock.ts';
import { blockReason } from '../domain/login_block.ts';
import type { TokenType } from '../domain/token.ts';
import type { User } from '../domain/user.ts';
import type { RefreshTokenRepository } from '../repository/refresh_tokens.ts';
import type { AccessTokens } from './access_token.ts';
import { type ImportedTokens, isImportedToken } from './imported_token.ts';

/** The caller and their grant. */
export interface Caller {
  user: Pick<User, 'id' | 'name' | 'is_owner' | 'is_active' | 'local_only' | 'system_generated'>;
  is_admin: boolean;
  refresh_token_id: string;
  client_id: string | null;
  token_type: TokenType;
  /**
   * Standard tokens are issued to apps; only Home Assistant's may do everything that their user
   * may.
   */
  profile: Profile;
  scope: string[];
  auth_time: Date;
  amr: string[];
  auth_provider_type: string | null;
  auth_provider_id: string | null;
}

export interface BearerDeps {
  accessTokens: Pick<AccessTokens, 'read'>;
  importedTokens: Pick<ImportedTokens, 'read'>;
  refreshTokens: Pick<RefreshTokenRepository, 'findForBearer'>;
  clock: Clock;
}

export function createBearer({ accessTokens, importedTokens, refreshTokens, clock }: BearerDeps) {
  return {
    /**
     * Null for every invalid token, whatever the reason (HA contract 1.7). A key-bound token needs
     * the thumbprint of the key that the request proved, and other tokens must not have one (RFC
     * 9449 section 7.1).
     */
    async authenticate(token: string, remote_address: string, dpop_jkt: string | null = null): Promise<Caller | null> {
      const claims = isImportedToken(token) ? await importedTokens.read(token) : accessTokens.read(token);
      if (!claims?.refresh_token_id || (claims.cnf?.jkt ?? null) !== dpop_jkt) return null;
      const [found] = await refreshTokens.findForBearer({ id: claims.refresh_token_id, jti: claims.jti, now: clock() });
      if (found?.user_id !== claims.sub || blockReason(found, remote_address) !== null) return null;
      const { user_id: id, name, is_owner, is_active, local_only, system_generated, is_in_admin_group, ...grant } = found;
      const user = { id, name, is_owner, is_active, local_only, system_generated };
      const scope = claims.scope.split(' ').filter(Boolean);
      return { user, is_admin: is_owner || is_in_admin_group, refresh_token_id: claims.refresh_token_id, scope, ...grant };
    },
  };
}
