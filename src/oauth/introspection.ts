// Token introspection (RFC 7662): for confidential clients about their own tokens, and for resource
// servers about tokens for them. All other tokens appear inactive.
import { type Client, isConfidential } from '../domain/client.ts';
import { isOperatorRegistered } from '../domain/client_assurance.ts';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { JsonObject } from '../domain/json.ts';
import type { AccessTokenClaims } from '../domain/token.ts';
import type { RefreshTokenRotationRepository } from '../repository/refresh_token_rotation.ts';
import type { RefreshTokenRepository } from '../repository/refresh_tokens.ts';
import type { RevokedAccessTokenRepository } from '../repository/revoked_access_tokens.ts';
import type { AccessTokens } from '../tokens/access_token.ts';
import { userClaims } from '../tokens/claims.ts';
import type { RequestContext } from '../tokens/grant.ts';
import type { Keyring } from '../tokens/keyring.ts';
import type { RotatingTokens } from '../tokens/refresh_token.ts';
import type { ClientAuthentication } from './client_authentication.ts';
import type { ClientDirectory } from './client_directory.ts';

export interface IntrospectionDeps {
  clientAuthentication: ClientAuthentication;
  clientDirectory: Pick<ClientDirectory, 'find'>;
  accessTokens: Pick<AccessTokens, 'read'>;
  refreshTokens: Pick<RefreshTokenRepository, 'findForUserinfo'>;
  rotation: Pick<RefreshTokenRotationRepository, 'find'>;
  rotatingTokens: Pick<RotatingTokens, 'read'>;
  revokedAccessTokens: Pick<RevokedAccessTokenRepository, 'isRevoked'>;
  keyring: Pick<Keyring, 'sign'>;
  clock: Clock;
  public_url: string;
  /** Seconds in which a rotated refresh token is still valid. */
  refresh_token_grace: number;
}

type Context = Pick<RequestContext, 'remote_address' | 'authorization'>;

const INACTIVE: JsonObject = { active: false };

export type Introspection = ReturnType<typeof createIntrospection>;

export function createIntrospection(deps: IntrospectionDeps) {
  const { accessTokens, refreshTokens, rotation, rotatingTokens, revokedAccessTokens, clock, public_url: iss } = deps;

  async function aboutAccessToken(claims: AccessTokenClaims, client: Client, remote_address: string): Promise<JsonObject> {
    if (!isFor(claims, client)) return INACTIVE;
    const { refresh_token_id, cnf, ...rest } = claims;
    const about = { active: true, token_type: cnf ? 'DPoP' : 'Bearer', ...rest, ...(cnf && { cnf }) };
    if (refresh_token_id === undefined) return (await isClientsOwnGood(claims, remote_address)) ? about : INACTIVE;
    const [found] = await refreshTokens.findForUserinfo({ id: refresh_token_id, jti: claims.jti, now: clock() });
    if (found?.user_id !== claims.sub || !found.is_active) return INACTIVE;
    return {
      ...userClaims(claims.scope.split(' '), null, 'userinfo', found),
      ...(found.username !== null && { username: found.username }),
      ...about,
    };
  }

  /** A client's own token is valid while the client exists. */
  async function isClientsOwnGood({ jti, client_id, iat }: AccessTokenClaims, remote_address: string): Promise<boolean> {
    if (await revokedAccessTokens.isRevoked({ jti, issued_at: new Date(iat * 1000) })) return false;
    return (await deps.clientDirectory.find(client_id, remote_address)) !== null;
  }

  async function aboutRefreshToken(presented: NonNullable<ReturnType<RotatingTokens['read']>>, client: Client): Promise<JsonObject> {
    const { client_id } = client;
    const [found] = await rotation.find({ ...presented, client_id, now: clock(), grace: deps.refresh_token_grace });
    if (!found) return INACTIVE;
    const { user_id, scope, created_at, expires_at } = found;
    const times = { iat: epochSeconds(created_at), ...(expires_at && { exp: epochSeconds(expires_at) }) };
    return { active: true, iss, sub: user_id, client_id, scope: scope.join(' '), ...times };
  }

  async function introspect(parameters: ReadonlyMap<string, string>, { authorization, remote_address }: Context) {
    const client = await deps.clientAuthentication.authenticate({
      authorization,
      parameters,
      remote_address,
      endpoint: '/auth/introspect',
    });
    // Section 2.1: the caller must be authenticated.
    if (!isConfidential(client)) throw new AuthError('invalid_client', 'Client authentication failed', { detail: 'a public client' });
    const token = parameters.get('token');
    if (!token) throw new AuthError('invalid_request', 'token is missing');
    const presented = rotatingTokens.read(token);
    if (presented) return { client, about: await aboutRefreshToken(presented, client) };
    const claims = accessTokens.read(token, { for_anyone: true });
    return { client, about: claims ? await aboutAccessToken(claims, client, remote_address) : INACTIVE };
  }

  return {
    /**
     * `{ active: false }` for every token that is not valid for the caller. Throws
     * `invalid_client`.
     */
    async answer(parameters: ReadonlyMap<string, string>, context: Context): Promise<JsonObject> {
      return (await introspect(parameters, context)).about;
    },

    /** The same as a signed JWT (RFC 9701). */
    async signedAnswer(parameters: ReadonlyMap<string, string>, context: Context): Promise<string> {
      const { client, about } = await introspect(parameters, context);
      const claims = { iss, aud: client.client_id, iat: epochSeconds(clock()), token_introspection: about };
      return deps.keyring.sign(claims, 'token-introspection+jwt');
    },
  };
}

/** What other clients may request tokens for, they do not serve. */
function isFor({ client_id, aud }: AccessTokenClaims, client: Client): boolean {
  const served = isOperatorRegistered(client) ? client.resources : [];
  return client_id === client.client_id || [aud].flat().some((name) => name === client.client_id || served.includes(name));
}
