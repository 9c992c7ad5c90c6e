// Signs tokens for an already authorized grant: builds the response of the token endpoint.
import type { Authorization, TokenSet } from '../domain/token.ts';
import { ACCESS_TOKEN_ALGORITHM, type AccessTokens } from './access_token.ts';
import type { IdTokens } from './id_token.ts';
import type { Keyring } from './keyring.ts';

export interface IssuerDeps {
  accessTokens: Pick<AccessTokens, 'mint'>;
  idTokens: IdTokens;
  keyring: Pick<Keyring, 'ready'>;
}

export type Issuer = ReturnType<typeof createIssuer>;

export function createIssuer({ accessTokens, idTokens, keyring }: IssuerDeps) {
  return {
    async issue(authorization: Authorization): Promise<TokenSet> {
      const algorithm = authorization.client?.access_token_signed_response_alg ?? ACCESS_TOKEN_ALGORITHM;
      if (algorithm !== ACCESS_TOKEN_ALGORITHM) await keyring.ready(algorithm);
      const { access_token, expires_in } = accessTokens.mint(authorization);
      const id_token = await idTokens.mint(authorization, access_token);
      const { profile, refresh_token, scope, dpop_jkt, issued_token_type, ha_auth_provider } = authorization;
      return {
        access_token,
        token_type: dpop_jkt === null ? 'Bearer' : 'DPoP',
        ...(refresh_token !== null && { refresh_token }),
        expires_in,
        ...(id_token !== null && { id_token }),
        ...(profile === 'standard' && { scope: scope.join(' ') }),
        ...(issued_token_type !== undefined && { issued_token_type }),
        ...(ha_auth_provider !== null && { ha_auth_provider }),
      };
    },
  };
}
