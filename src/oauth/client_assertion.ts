// Client authentication by signed assertions (RFC 7523, OpenID Connect Core section 9:
// private_key_jwt). Each is accepted once, for this server only, and for a short time.
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { type Client, FAPI2_ALGORITHMS } from '../domain/client.ts';
import { isFetchable, isPublicJwks } from '../domain/client_metadata.ts';
import { addSeconds, type Clock, epochSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { isLocalAddress, isSpecialUse } from '../domain/network.ts';
import { sha256 } from '../domain/secret.ts';
import { createDocumentCache, type LoadedDocument } from '../outbound/document_cache.ts';
import type { GuardedFetchOptions } from '../outbound/guarded_fetch.ts';
import { createGuardedJson, type JsonAnswer } from '../outbound/guarded_json.ts';
import type { UsedProofRepository } from '../repository/used_proofs.ts';

export interface ClientAssertionDeps {
  issuer: string;
  usedProofs: Pick<UsedProofRepository, 'useOnce'>;
  clock: Clock;
  allow_private_addresses: boolean;
  /** For tests. */
  fetch?: Partial<GuardedFetchOptions> | undefined;
}

/** Where the assertion's request came from, and its path. */
interface Call {
  remote_address: string;
  endpoint: string;
}

type Expected = Pick<Client, 'client_id' | 'profile'> & Pick<Call, 'endpoint'>;

export type ClientAssertions = ReturnType<typeof createClientAssertions>;

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const ASSERTION_ALGORITHMS = ['ES256', 'EdDSA', 'PS256', 'RS256'];
const MAX_LENGTH = 8192;
/** Tolerated clock difference in seconds. */
const LEEWAY = 10;
/** Maximum lifetime in seconds; its jti is stored as long. */
const LONGEST_LIFE = 3600;
const MAX_JWKS_BYTES = 64 * 1024;

export function createClientAssertions({ issuer, usedProofs, clock, allow_private_addresses, fetch }: ClientAssertionDeps) {
  const isAllowed = (address: string) => !isSpecialUse(address) || (allow_private_addresses && isLocalAddress(address));
  const getJson = createGuardedJson({ isAllowed, max_bytes: MAX_JWKS_BYTES, ...fetch });
  const remoteKeys = createDocumentCache(async (url, signal) => keysOf(await getJson(url, signal)), clock);

  /**
   * Accepted audiences: the issuer or the called endpoint. FAPI 2.0 section 5.3.2.1: the issuer
   * only.
   */
  const audiencesOf = (profile: Client['profile'], endpoint: string) =>
    profile === 'fapi2' ? [issuer] : [issuer, `${issuer}/auth/token`, issuer + endpoint];

  async function verify(assertion: string, { client_id, profile, endpoint }: Expected, getKey: JWTVerifyGetKey): Promise<JWTPayload> {
    const options = {
      issuer: client_id,
      subject: client_id,
      audience: audiencesOf(profile, endpoint),
      algorithms: profile === 'fapi2' ? FAPI2_ALGORITHMS : ASSERTION_ALGORITHMS,
      clockTolerance: LEEWAY,
      currentDate: clock(),
      requiredClaims: ['exp', 'jti'],
    };
    try {
      return (await jwtVerify(assertion, getKey, options)).payload;
    } catch (error) {
      // Without a kid, any of the keys may match.
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      for await (const key of error) {
        const verified = await jwtVerify(assertion, key, options).catch(() => null);
        if (verified) return verified.payload;
      }
      throw error;
    }
  }

  async function verifyByKeys(assertion: string, client: Client, { remote_address, endpoint }: Call): Promise<JWTPayload> {
    const { jwks, jwks_uri } = client;
    const expected = { ...client, endpoint };
    if (jwks) return await verify(assertion, expected, localKeys(jwks));
    if (jwks_uri === null || !isFetchable(jwks_uri, allow_private_addresses)) throw refused('the client has no keys');
    try {
      return await verify(assertion, expected, localKeys(await remoteKeys.get(jwks_uri, remote_address)));
    } catch (error) {
      // The client may have changed its key since the last fetch.
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      return await verify(assertion, expected, localKeys(await remoteKeys.getFresh(jwks_uri, remote_address)));
    }
  }

  return {
    /** The client that an assertion names, unverified. Null if it names none. */
    claimedBy(assertion: string): string | null {
      try {
        const { iss, sub } = decodeJwt(assertion.length <= MAX_LENGTH ? assertion : '');
        return typeof sub === 'string' && iss === sub ? sub : null;
      } catch {
        return null;
      }
    },

    /**
     * Verifies and consumes the assertion. Throws `invalid_client` if it is invalid, expired, not
     * yet valid, for another audience, or reused.
     */
    async prove(assertion: string, client: Client, call: Call): Promise<void> {
      const {
        jti,
        exp = 0,
        iat = 0,
        aud,
      } = await verifyByKeys(assertion, client, call).catch((error: unknown) => {
        throw error instanceof errors.JOSEError ? refused(error.code) : error;
      });
      const now = epochSeconds(clock());
      // Another audience could replay the assertion here.
      if (typeof aud !== 'string' && (client.profile === 'fapi2' || aud?.length !== 1)) throw refused('aud is a list');
      if (exp > now + LONGEST_LIFE || iat > now + 60) throw refused('it lives too long, or was made in the future');
      const proof_hash = sha256(JSON.stringify(['client_assertion', client.client_id, jti]));
      const expires_at = addSeconds(new Date(exp * 1000), LEEWAY);
      if (!(await usedProofs.useOnce({ proof_hash, expires_at }))) throw refused('it was here before');
    },
  };
}

function keysOf(answer: JsonAnswer): LoadedDocument<JSONWebKeySet> {
  if (answer.outcome !== 'json' || !isPublicJwks(answer.value))
    throw refused(`jwks_uri: ${answer.outcome === 'json' ? 'no public keys' : answer.outcome}`);
  return { value: answer.value as JSONWebKeySet, max_age: answer.max_age };
}

function localKeys(jwks: unknown): JWTVerifyGetKey {
  if (!isPublicJwks(jwks)) throw refused('the keys of the client are none');
  return createLocalJWKSet(jwks as JSONWebKeySet);
}

function refused(detail: string): AuthError {
  return new AuthError('invalid_client', 'Client authentication failed', { detail: `client assertion: ${detail}` });
}
