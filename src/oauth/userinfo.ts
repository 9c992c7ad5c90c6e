// The userinfo endpoint (OpenID Connect Core section 5.3): one statement over grant, user and
// claims.

import type { SigningAlgorithm } from '../domain/client.ts';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { JsonObject } from '../domain/json.ts';
import { refusalToAuthenticate } from '../domain/login_block.ts';
import type { RefreshTokenRepository } from '../repository/refresh_tokens.ts';
import type { AccessTokens } from '../tokens/access_token.ts';
import { userClaims } from '../tokens/claims.ts';
import type { Dpop } from '../tokens/dpop.ts';
import type { Keyring } from '../tokens/keyring.ts';

export interface UserinfoDeps {
  accessTokens: Pick<AccessTokens, 'read'>;
  refreshTokens: Pick<RefreshTokenRepository, 'findForUserinfo'>;
  dpop: Dpop;
  keyring: Pick<Keyring, 'sign' | 'ready'>;
  clock: Clock;
  issuer: string;
}

/** A presented access token. */
export interface PresentedAccessToken {
  scheme: 'Bearer' | 'DPoP';
  access_token: string;
}

export interface UserinfoRequest extends PresentedAccessToken {
  method: string;
  /** What a DPoP proof is for. */
  path: string;
  /** All DPoP headers. */
  proofs: readonly string[];
  remote_address: string;
}

export interface UserinfoAnswer {
  claims: JsonObject;
  /** The same claims as a JWT, for a client that registered an algorithm (section 5.3.2). */
  jwt: string | null;
}

export type Userinfo = ReturnType<typeof createUserinfo>;

export function createUserinfo({ accessTokens, refreshTokens, dpop, keyring, clock, issuer }: UserinfoDeps) {
  /**
   * RFC 9449 section 7.1: the DPoP scheme requires a proof, and a key-bound token requires the
   * scheme.
   */
  async function provenKey({ scheme, access_token, method, path, proofs }: UserinfoRequest): Promise<string | null> {
    if (scheme === 'Bearer') return null;
    const jkt = await dpop.prove({ proofs, method, path, access_token });
    if (jkt === null) throw new AuthError('invalid_dpop_proof', 'The DPoP proof is missing');
    return jkt;
  }

  /** Without `exp`, so that it cannot pass as an ID token. */
  async function signed(claims: JsonObject, client_id: string, algorithm: SigningAlgorithm): Promise<string> {
    await keyring.ready(algorithm);
    return keyring.sign({ ...claims, iss: issuer, aud: client_id, iat: epochSeconds(clock()) }, 'JWT', algorithm);
  }

  return {
    /**
     * The claims. Throws `invalid_token`, `insufficient_scope`, `invalid_dpop_proof`,
     * `use_dpop_nonce`.
     */
    async answer(request: UserinfoRequest): Promise<UserinfoAnswer> {
      const claims = accessTokens.read(request.access_token);
      if (!claims?.refresh_token_id) throw invalidToken('not issued here, expired, or for another audience');
      const jkt = await provenKey(request);
      if ((claims.cnf?.jkt ?? null) !== jkt) throw invalidToken('bound to another key, or to none');
      const [found] = await refreshTokens.findForUserinfo({ id: claims.refresh_token_id, jti: claims.jti, now: clock() });
      if (found?.user_id !== claims.sub) throw invalidToken('revoked');
      const refusal = refusalToAuthenticate(found, request.remote_address);
      if (refusal !== null) throw invalidToken(refusal);
      const scope = claims.scope.split(' ');
      if (!scope.includes('openid')) throw new AuthError('insufficient_scope', 'The access token lacks the scope openid');
      const told = { ...userClaims(scope, found.claims, 'userinfo', found, true, found.custom_claims ?? {}), sub: found.user_id };
      const algorithm = found.userinfo_signed_response_alg;
      return { claims: told, jwt: algorithm === null ? null : await signed(told, claims.client_id, algorithm) };
    },
  };
}

function invalidToken(detail: string): AuthError {
  return new AuthError('invalid_token', 'The access token is not good', { detail });
}
