// Authenticates access tokens with one statement over the grant and its user. Revoked grants,
// inactive users and users at a disallowed address fail from the next request on.
import type { Profile } from '../domain/authorization_request.ts';
import type { Clock } from '../domain/clock.ts';
import type { BlockReason } from '../domain/errors.ts';
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

/** A valid token's caller, and why they may not authenticate from this address; null: they may. */
export interface ExaminedCaller {
  caller: Caller;
  blocked: BlockReason | null;
}

type Named = Pick<Caller, 'refresh_token_id' | 'scope'> & { user: Pick<User, 'id'>; jti: string };

export function createBearer({ accessTokens, importedTokens, refreshTokens, clock }: BearerDeps) {
  async function find(
    { refresh_token_id, user: { id: user_id }, scope, jti }: Named,
    remote_address: string,
  ): Promise<ExaminedCaller | null> {
    const [found] = await refreshTokens.findForBearer({ id: refresh_token_id, jti, now: clock() });
    if (found?.user_id !== user_id) return null;
    const { user_id: id, name, is_owner, is_active, local_only, system_generated, is_in_admin_group, ...grant } = found;
    const user = { id, name, is_owner, is_active, local_only, system_generated };
    const caller = { user, is_admin: is_owner || is_in_admin_group, refresh_token_id, scope, ...grant };
    return { caller, blocked: blockReason(found, remote_address) };
  }

  /**
   * Null for every invalid token. A key-bound token needs the thumbprint of the key that the
   * request proved, and other tokens must not have one (RFC 9449 section 7.1).
   */
  async function examine(token: string, remote_address: string, dpop_jkt: string | null = null): Promise<ExaminedCaller | null> {
    const claims = isImportedToken(token) ? await importedTokens.read(token) : accessTokens.read(token);
    if (!claims?.refresh_token_id || (claims.cnf?.jkt ?? null) !== dpop_jkt) return null;
    const { refresh_token_id, sub: id, jti } = claims;
    return await find({ refresh_token_id, user: { id }, scope: claims.scope.split(' ').filter(Boolean), jti }, remote_address);
  }

  return {
    examine,

    /** Null for every invalid token and blocked user, whatever the reason (HA contract 1.7). */
    async authenticate(token: string, remote_address: string, dpop_jkt: string | null = null): Promise<Caller | null> {
      const examined = await examine(token, remote_address, dpop_jkt);
      return examined?.blocked === null ? examined.caller : null;
    },

    /**
     * An authenticated caller of Home Assistant's dialect as they are now; null if the grant has
     * ended. Their access token may have expired (HA contract 11.1); none is revoked by itself.
     */
    again: (caller: Caller, remote_address: string): Promise<ExaminedCaller | null> => find({ ...caller, jti: '' }, remote_address),
  };
}

export type Bearer = ReturnType<typeof createBearer>;
