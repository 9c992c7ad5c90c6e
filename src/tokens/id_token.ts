// ID tokens (OpenID Connect Core section 2). Claims about the person are included when requested by
// name; those of the granted scopes and the operator's own for clients with `id_token_claims`, and
// where no access token follows that could read them at userinfo (section 5.4).
import { createHash } from 'node:crypto';
import { authenticationClass } from '../domain/authentication_class.ts';
import type { SigningAlgorithm } from '../domain/client.ts';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import type { CodeRelease } from '../domain/code_release.ts';
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

/** What an ID token says about a login. */
export type IdTokenGrant = Pick<
  Authorization,
  'user_id' | 'client' | 'scope' | 'auth_time' | 'amr' | 'nonce' | 'sid' | 'claims' | 'access_token_expiration'
>;

/** What it is issued with; their hashes are among its claims. */
interface IssuedWith {
  access_token?: string;
  code?: string | undefined;
}

export type IdTokens = ReturnType<typeof createIdTokens>;

export function createIdTokens({ keyring, userFacts, issuer, clock }: IdTokenDeps) {
  async function aboutUser({ claims, scope, client }: IdTokenGrant, user_id: string, is_alone: boolean): Promise<JsonObject> {
    const custom = client?.claims ?? {};
    const with_scopes = (is_alone || client?.id_token_claims === true) && (namesClaimsOfUser(scope) || Object.keys(custom).length > 0);
    if (!with_scopes && !namesUserClaims(claims, 'id_token', custom)) return {};
    const facts = await userFacts.find(user_id);
    return facts ? userClaims(scope, claims, 'id_token', facts, with_scopes, custom) : {};
  }

  async function mint(grant: IdTokenGrant, { access_token, code }: IssuedWith): Promise<string | null> {
    const { user_id, client, scope, auth_time, amr, nonce, sid } = grant;
    if (!client || user_id === null || !scope.includes('openid')) return null;
    const algorithm = client.id_token_signed_response_alg;
    await keyring.ready(algorithm);
    const iat = epochSeconds(clock());
    const claims = {
      ...(await aboutUser(grant, user_id, access_token === undefined && code === undefined)),
      iss: issuer,
      sub: user_id,
      aud: client.client_id,
      azp: client.client_id,
      exp: iat + grant.access_token_expiration,
      iat,
      ...(auth_time !== null && { auth_time: epochSeconds(auth_time), acr: authenticationClass(amr), amr }),
      ...(nonce !== null && { nonce }),
      ...(sid !== null && { sid }),
      ...(access_token !== undefined && { at_hash: halfHash(access_token, algorithm) }),
      ...(code !== undefined && { c_hash: halfHash(code, algorithm) }),
    };
    return keyring.sign(claims, 'JWT', algorithm);
  }

  return {
    /** The ID token for an access token; null if none was requested or nobody logged in. */
    mint: (authorization: Authorization, access_token: string): Promise<string | null> => mint(authorization, { access_token }),

    /**
     * The ID token that the browser carries to the client, with or without a code (OpenID Connect
     * Core sections 3.2.2.10 and 3.3.2.11). Requires a CodeRelease.
     */
    async mintForBrowser(grant: IdTokenGrant, code: string | undefined, _release: CodeRelease): Promise<string> {
      const id_token = await mint(grant, { code });
      if (id_token === null) throw new Error('an ID token that was not asked for');
      return id_token;
    },
  };
}

/**
 * OpenID Connect Core sections 3.1.3.6 and 3.3.2.11: the left half of the algorithm's hash; SHA-512
 * for Ed25519.
 */
function halfHash(text: string, algorithm: SigningAlgorithm): string {
  const hash = createHash(algorithm === 'EdDSA' ? 'sha512' : 'sha256')
    .update(text)
    .digest();
  return hash.subarray(0, hash.length / 2).toString('base64url');
}
