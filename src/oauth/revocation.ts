// Token revocation (RFC 7009). Home Assistant's (contract 3.8) needs the refresh token only. In the
// standard profile the client authenticates; a refresh token is revoked with its grant, an access
// token alone.
import type { Audit } from '../domain/audit_event.ts';
import { type Client, isConfidential } from '../domain/client.ts';
import { isUrlClientId } from '../domain/client_id.ts';
import { AuthError } from '../domain/errors.ts';
import { type Parameters, withoutEmpty } from '../domain/parameters.ts';
import type { AccessTokenClaims } from '../domain/token.ts';
import type { PresentedToken, RefreshTokenRotationRepository } from '../repository/refresh_token_rotation.ts';
import type { RefreshTokenRepository } from '../repository/refresh_tokens.ts';
import type { RevokedAccessTokenRepository } from '../repository/revoked_access_tokens.ts';
import { type AccessTokens, expiryOf } from '../tokens/access_token.ts';
import type { RequestContext } from '../tokens/grant.ts';
import { isFixedToken, type RotatingTokens, refreshTokenHash } from '../tokens/refresh_token.ts';
import type { ClientAuthentication } from './client_authentication.ts';
import { sendsNoClientCredentials } from './dialect.ts';

export interface RevocationDeps {
  refreshTokens: Pick<RefreshTokenRepository, 'revokeBySecret'>;
  rotation: Pick<RefreshTokenRotationRepository, 'revoke'>;
  rotatingTokens: Pick<RotatingTokens, 'read'>;
  accessTokens: Pick<AccessTokens, 'read'>;
  revokedAccessTokens: Pick<RevokedAccessTokenRepository, 'revoke'>;
  clientAuthentication: ClientAuthentication;
  audit: Audit;
}

type Context = Pick<RequestContext, 'remote_address' | 'asker' | 'authorization'>;

export type Revocation = ReturnType<typeof createRevocation>;

export function createRevocation(deps: RevocationDeps) {
  const { refreshTokens, rotation, rotatingTokens, accessTokens, revokedAccessTokens, clientAuthentication, audit } = deps;

  /** As in Home Assistant, the token is the only proof. False if it is unknown. */
  async function revokeBySecret(token: string | undefined, { remote_address }: Context): Promise<boolean> {
    if (!token) return false;
    const revoked = await refreshTokens.revokeBySecret(refreshTokenHash(token));
    if (!revoked) return false;
    const { id, user_id, client_id } = revoked;
    const detail = { refresh_token_id: id };
    audit.record({ type: 'refresh_token.revoked', outcome: 'done', target_user_id: user_id, client_id, remote_address, detail });
    return true;
  }

  /** Parses a rotating refresh token or an access token; null for others. */
  function readStandard(token: string) {
    const presented = rotatingTokens.read(token);
    const claims = presented ? null : accessTokens.read(token, { for_anyone: true });
    return presented || claims ? { presented, claims } : null;
  }

  async function authenticate(form: Parameters, { authorization, remote_address, asker = remote_address }: Context): Promise<Client> {
    const parameters = withoutEmpty(form);
    return await clientAuthentication.authenticate({ authorization, parameters, remote_address: asker, endpoint: '/auth/revoke' });
  }

  async function revokeAsClient(standard: NonNullable<ReturnType<typeof readStandard>>, parameters: Parameters, context: Context) {
    const client = await authenticate(parameters, context);
    if (standard.presented) await revokeGrant(standard.presented, client, context);
    else if (standard.claims) await revokeAccessToken(standard.claims, client, context);
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
    if (!(await revokedAccessTokens.revoke({ jti, refresh_token_id, expires_at: expiryOf(claims) }))) return;
    audit.record({ type: 'access_token.revoked', outcome: 'done', client_id, remote_address, detail: { jti, refresh_token_id } });
  }

  return {
    revokeBySecret,

    /**
     * Returns when the token is no longer valid. Throws `invalid_client`, and `invalid_request` for
     * another client's token.
     */
    async revoke(parameters: Parameters, context: Context): Promise<void> {
      const token = parameters.get('token') ?? '';
      const standard = readStandard(token);
      if (standard?.claims && isHomeAssistants(standard.claims)) {
        // Access tokens of this dialect end with their refresh token.
        if (parameters.get('client_id')) await revokeAsClient(standard, parameters, context).catch(ignoreRefusal);
        return;
      }
      if (standard) return await revokeAsClient(standard, parameters, context);
      if ((await revokeBySecret(token, context)) || isFixedToken(token) || sendsNoClientCredentials(parameters, context)) return;
      await authenticate(parameters, context);
    },

    /**
     * For a malformed form, of which only the first token is read; false, without effect, if it is
     * a standard one.
     */
    async revokeMalformed(token: string | undefined, context: Context): Promise<boolean> {
      const standard = readStandard(token ?? '');
      if (standard) return standard.claims !== null && isHomeAssistants(standard.claims);
      if (await revokeBySecret(token, context)) return true;
      return isFixedToken(token ?? '') || sendsNoClientCredentials(new Map(), context);
    },
  };
}

/** Judged by the access token: a URL client without scope. */
function isHomeAssistants({ client_id, scope }: AccessTokenClaims): boolean {
  return scope === '' && isUrlClientId(client_id);
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof AuthError) || error.status >= 500) throw error;
}

/** Only an authenticated client learns that the token belongs to another. */
function refuseForeign(client: Client): void {
  if (isConfidential(client)) throw new AuthError('invalid_request', 'The token was issued to another client');
}
