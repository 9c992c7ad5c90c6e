// Turns a proven authorization into the answer of the token endpoint. It signs; it never asks whether.
import type { Authorization, TokenSet } from '../domain/token.ts';
import type { AccessTokens } from './access_token.ts';

export type Issuer = ReturnType<typeof createIssuer>;

export function createIssuer({ accessTokens }: { accessTokens: Pick<AccessTokens, 'mint'> }) {
  return {
    async issue(authorization: Authorization): Promise<TokenSet> {
      const { access_token, expires_in } = accessTokens.mint(authorization);
      const { profile, refresh_token, scope, dpop_jkt, issued_token_type, ha_auth_provider } = authorization;
      return {
        access_token,
        token_type: dpop_jkt === null ? 'Bearer' : 'DPoP',
        ...(refresh_token !== null && { refresh_token }),
        expires_in,
        ...(profile === 'standard' && { scope: scope.join(' ') }),
        ...(issued_token_type !== undefined && { issued_token_type }),
        ...(ha_auth_provider !== null && { ha_auth_provider }),
      };
    },
  };
}
