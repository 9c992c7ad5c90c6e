// Ends tokens at their holder's wish (RFC 7009). Home Assistant's (contract 3.8): by the refresh token alone, and the answer never tells the
// difference. In the standard profile the client proves who it is; a refresh token takes its grant along, an access token goes alone.
import type { Audit } from '../domain/audit_event.ts';
import { type Client, isConfidential } from '../domain/client.ts';
import { AuthError } from '../domain/errors.ts';
import { type Parameters, withoutEmpty } from '../domain/parameters.ts';
import type { AccessTokenClaims } from '../domain/token.ts';
import type { PresentedToken, RefreshTokenRotation } from '../repository/refresh_token_rotation.ts';
import type { RefreshTokens } from '../repository/refresh_tokens.ts';
import type { RevokedAccessTokens } from '../repository/revoked_access_tokens.ts';
import { type AccessTokens, endOf } from '../tokens/access_token.ts';
import type { RequestContext } from '../tokens/grant.ts';
import { type RotatingTokens, refreshTokenHash } from '../tokens/refresh_token.ts';
import type { ClientAuthentication } from './client_authentication.ts';
import { namesNobody } from './dialect.ts';

export interface RevocationDeps {
  refreshTokens: Pick<RefreshTokens, 'revokeBySecret'>;
  rotation: Pick<RefreshTokenRotation, 'revoke'>;
  rotatingTokens: Pick<RotatingTokens, 'read'>;
  accessTokens: Pick<AccessTokens, 'read'>;
  revokedAccessTokens: Pick<RevokedAccessTokens, 'revoke'>;
  clientAuthentication: ClientAuthentication;
  audit: Audit;
}

type Context = Pick<RequestContext, 'remote_address' | 'authorization'>;

export type Revocation = ReturnType<typeof createRevocation>;

export function createRevocation(deps: RevocationDeps) {
  const { refreshTokens, rotation, rotatingTokens, accessTokens, revokedAccessTokens, clientAuthentication, audit } = deps;

  /** As Home Assistant does, whose token whoever sends it may end. */
  async function revokeBySecret(token: string | undefined, { remote_address }: Context): Promise<void> {
    if (!token) return;
    const revoked = await refreshTokens.revokeBySecret(refreshTokenHash(token));
    if (!revoked) return;
    const { id, user_id, client_id } = revoked;
    const detail = { refresh_token_id: id };
    audit.record({ type: 'refresh_token.revoked', outcome: 'done', target_user_id: user_id, client_id, remote_address, detail });
  }

  async function revokeGrant(presented: PresentedToken, client: Client, { remote_address }: Context): Promise<void> {
    const { client_id } = client;
    const [found] = await rotation.revoke({ ...presented, client_id });
    if (found && !found.is_clients) return refuseForeign(client);
    if (!found) return;
    const detail = { refresh_token_id: found.id };
    audit.record({ type: 'refresh_token.revoked', outcome: 'done', target_user_id: found.user_id, client_id, remote_address, detail });
  }

  async function revokeAccessToken(claims: AccessTokenClaims, client: Client, { remote_address }: Context): Promise<void> {
    const { client_id } = client;
    if (claims.client_id !== client_id) return refuseForeign(client);
    const { jti, refresh_token_id = null } = claims;
    if (!(await revokedAccessTokens.revoke({ jti, refresh_token_id, expires_at: endOf(claims) }))) return;
    audit.record({ type: 'access_token.revoked', outcome: 'done', client_id, remote_address, detail: { jti, refresh_token_id } });
  }

  return {
    revokeBySecret,

    /** Returns when the token is dead, whether it ever lived or not. Throws `invalid_client`, and what a client may know of others' tokens. */
    async revoke(form: Parameters, context: Context): Promise<void> {
      const token = form.get('token');
      const presented = rotatingTokens.read(token ?? '');
      const claims = presented ? null : accessTokens.read(token ?? '', { for_anyone: true });
      const is_nobodys = namesNobody(form, context);
      // Home Assistant's tokens, and what is no token; its access tokens are no business of this endpoint.
      if (is_nobodys && !presented && (!claims || !form.get('client_id'))) return await revokeBySecret(token, context);
      const { authorization, remote_address } = context;
      const parameters = withoutEmpty(form);
      const client = await clientAuthentication.authenticate({ authorization, parameters, remote_address, endpoint: '/auth/revoke' });
      if (presented) await revokeGrant(presented, client, context);
      else if (claims) await revokeAccessToken(claims, client, context);
    },
  };
}

/** A client that is known to be itself may be told that it errs. */
function refuseForeign(client: Client): void {
  if (isConfidential(client)) throw new AuthError('invalid_request', 'The token was issued to another client');
}
