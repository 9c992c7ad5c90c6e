// DPoP proofs of possession (RFC 9449): the sender of a request holds the key that a token is bound
// to. jose verifies signatures; the claims are checked here.
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose';
import { type ClientProfile, FAPI2_ALGORITHMS } from '../domain/client.ts';
import { addSeconds, type Clock, epochSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { safeEqual, sha256 } from '../domain/secret.ts';
import type { UsedProofRepository } from '../repository/used_proofs.ts';
import type { DpopNonces } from './dpop_nonce.ts';

/**
 * Asymmetric algorithms without those deprecated by RFC 9449 section 11.6 and FAPI 2.0 section
 * 5.4.1.
 */
export const DPOP_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'PS384', 'PS512'];
/** Maximum difference of a proof's `iat` from now, in seconds. */
const WINDOW = 60;
const MAX_LENGTH = 8192;
const MAX_JTI_LENGTH = 256;

export interface DpopDeps {
  usedProofs: UsedProofRepository;
  clock: Clock;
  public_url: string;
  /** Nonces that every proof must contain; null: none. */
  nonces?: DpopNonces | null;
}

/** The request that a proof must match. */
export interface DpopRequest {
  /** All DPoP headers. */
  proofs: readonly string[];
  method: string;
  /** The path below `public_url`. */
  path: string;
  /** The access token of the request. */
  access_token?: string;
  /** The client's profile, if known. */
  profile?: ClientProfile | null;
}

export type Dpop = ReturnType<typeof createDpop>;

export function createDpop({ usedProofs, clock, public_url, nonces = null }: DpopDeps) {
  async function verify(proof: string, algorithms: string[]): Promise<JWTVerifyResult> {
    try {
      return await jwtVerify(proof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms,
        requiredClaims: ['jti', 'htm', 'htu', 'iat'],
        currentDate: clock(),
        clockTolerance: WINDOW,
      });
    } catch (cause) {
      throw refused('it is not signed as it must be', cause);
    }
  }

  /** RFC 9449 section 4.3, without the signature. */
  function judge({ htm, htu, iat, ath }: JWTPayload, { method, path, access_token }: DpopRequest): void {
    if (htm !== method) throw refused('htm is another method');
    if (withoutQuery(htu) !== withoutQuery(public_url + path)) throw refused('htu is another URL');
    if (iat === undefined || Math.abs(iat - epochSeconds(clock())) > WINDOW) throw refused('iat is too far from now');
    if (access_token === undefined) return;
    const is_its = typeof ath === 'string' && safeEqual(ath, sha256(access_token).toString('base64url'));
    if (!is_its) throw refused('ath is of another access token');
  }

  async function spend(jkt: string, { jti, iat = 0 }: JWTPayload): Promise<void> {
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) throw refused('jti is no unique text');
    const proof_hash = sha256(JSON.stringify(['dpop', jkt, jti]));
    // Stored one second longer than a proof is accepted.
    if (!(await usedProofs.useOnce({ proof_hash, expires_at: addSeconds(new Date(iat * 1000), WINDOW + 1) })))
      throw refused('it was used before');
  }

  return {
    /** The nonce for the next proof (RFC 9449 section 8.2); null if none is required. */
    nonce: (): string | null => nonces?.current() ?? null,

    /**
     * The thumbprint of the key that the request proves (RFC 7638); null without a proof. Throws
     * `invalid_dpop_proof`, and `use_dpop_nonce` if only a fresh nonce is missing.
     */
    async prove(request: DpopRequest): Promise<string | null> {
      const [proof, ...others] = request.proofs;
      if (proof === undefined) return null;
      if (others.length > 0) throw refused('there is more than one');
      if (proof.length > MAX_LENGTH) throw refused('it is too long');
      const { payload, protectedHeader } = await verify(proof, request.profile === 'fapi2' ? FAPI2_ALGORITHMS : DPOP_ALGORITHMS);
      judge(payload, request);
      if (nonces && !nonces.isGood(payload.nonce))
        throw new AuthError('use_dpop_nonce', 'The DPoP proof must name the nonce of DPoP-Nonce');
      const jkt = await thumbprint(protectedHeader.jwk);
      await spend(jkt, payload);
      return jkt;
    },
  };
}

async function thumbprint(jwk: JWK | undefined): Promise<string> {
  if (!jwk) throw refused('it names no key');
  return await calculateJwkThumbprint(jwk);
}

/** RFC 9449 section 4.3: compared in normalized form, without query and fragment. */
function withoutQuery(text: unknown): string | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null;
  const { origin, pathname } = new URL(text);
  return origin + pathname;
}

function refused(detail: string, cause?: unknown): AuthError {
  return new AuthError('invalid_dpop_proof', `The DPoP proof is refused: ${detail}`, { detail, cause });
}
