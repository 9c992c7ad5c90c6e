// ID tokens (OpenID Connect Core section 2). Claims about the person are included when requested by
// name, and for clients with `id_token_claims` those of the granted scopes and the operator's own.
import { createHash } from 'node:crypto';
import { authenticationClass } from '../domain/authentication_class.ts';
import type { SigningAlgorithm } from '../domain/client.ts';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Authorization } from '../domain/token.ts';
import type { UserFactsRepository } from '../repository/user_facts.ts';
import { namesClaimsOfUser, namesUserClaims, userClaims } from './claims.ts';
import type { Keyring } from './keyring.ts';

export interface IdTokenDeps {
  keyring: Pick<Keyring, 'sign' | 'ready'>;
  userFacts: UserFactsRepository;
  issuer: string;
  clock: Clock;
}

export type IdTokens = ReturnType<typeof createIdTokens>;

export function createIdTokens({ keyring, userFacts, issuer, clock }: IdTokenDeps) {
  async function aboutUser({ claims, scope, client }: Authorization, user_id: string): Promise<JsonObject> {
    const custom = client?.claims ?? {};
    const with_scopes = client?.id_token_claims === true && (namesClaimsOfUser(scope) || Object.keys(custom).length > 0);
    if (!with_scopes && !namesUserClaims(claims, 'id_token', custom)) return {};
    const facts = await userFacts.find(user_id);
    return facts ? userClaims(scope, claims, 'id_token', facts, with_scopes, custom) : {};
  }

  return {
    /** The ID token for an access token; null if none was requested or nobody logged in. */
    async mint(authorization: Authorization, access_token: string): Promise<string | null> {
      const { user_id, client, scope, auth_time, amr, nonce, sid } = authorization;
      if (!client || user_id === null || !scope.includes('openid')) return null;
      const algorithm = client.id_token_signed_response_alg;
      await keyring.ready(algorithm);
      const iat = epochSeconds(clock());
      const claims = {
        ...(await aboutUser(authorization, user_id)),
        iss: issuer,
        sub: user_id,
        aud: client.client_id,
        azp: client.client_id,
        exp: iat + authorization.access_token_expiration,
        iat,
        ...(auth_time !== null && { auth_time: epochSeconds(auth_time), acr: authenticationClass(amr), amr }),
        ...(nonce !== null && { nonce }),
        ...(sid !== null && { sid }),
        at_hash: halfHash(access_token, algorithm),
      };
      return keyring.sign(claims, 'JWT', algorithm);
    },
  };
}

/**
 * OpenID Connect Core section 3.1.3.6: the left half of the algorithm's hash; SHA-512 for Ed25519.
 */
function halfHash(text: string, algorithm: SigningAlgorithm): string {
  const hash = createHash(algorithm === 'EdDSA' ? 'sha512' : 'sha256')
    .update(text)
    .digest();
  return hash.subarray(0, hash.length / 2).toString('base64url');
}
