// Ends a grant by its refresh token (RFC 7009, HA contract 3.8): its access tokens die with it. Whatever else is sent changes nothing,
// and the answer never tells the difference.
import type { Audit } from '../domain/audit_event.ts';
import type { RefreshTokens } from '../repository/refresh_tokens.ts';
import type { RequestContext } from '../tokens/grant.ts';
import { refreshTokenHash } from '../tokens/refresh_token.ts';

export interface RevocationDeps {
  refreshTokens: Pick<RefreshTokens, 'revokeBySecret'>;
  audit: Audit;
}

export type Revocation = ReturnType<typeof createRevocation>;

export function createRevocation({ refreshTokens, audit }: RevocationDeps) {
  return {
    async revoke(token: string | undefined, { remote_address }: Pick<RequestContext, 'remote_address'>): Promise<void> {
      if (!token) return;
      const revoked = await refreshTokens.revokeBySecret(refreshTokenHash(token));
      if (!revoked) return;
      const { id, user_id, client_id } = revoked;
      const detail = { refresh_token_id: id };
      audit.record({ type: 'refresh_token.revoked', outcome: 'done', target_user_id: user_id, client_id, remote_address, detail });
    },
  };
}
