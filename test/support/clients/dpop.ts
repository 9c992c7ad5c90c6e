// Proofs of possession as a client makes them (RFC 9449 section 4.2), and as it should not.
import { createHash } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { randomId } from '../../../src/domain/secret.ts';
import { ISSUER } from '../fixtures/grants.ts';
import { NOON } from '../fixtures/people.ts';

export interface ProofKey {
  privateKey: CryptoKey;
  jwk: JWK;
  private_jwk: JWK;
  jkt: string;
  alg: string;
}

export async function newProofKey(alg = 'ES256'): Promise<ProofKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { privateKey, jwk, private_jwk: await exportJWK(privateKey), jkt: await calculateJwkThumbprint(jwk), alg };
}

interface Differences {
  /** Claims of the proof; null leaves one out. */
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  access_token?: string;
  now?: Date;
}

/** A proof for a POST to the token endpoint, unless said otherwise. */
export async function proofFor(key: ProofKey, { claims = {}, header = {}, access_token, now = NOON }: Differences = {}): Promise<string> {
  const ath = access_token && createHash('sha256').update(access_token).digest('base64url');
  const all = {
    jti: randomId(),
    htm: 'POST',
    htu: `${ISSUER}/auth/token`,
    iat: Math.floor(now.getTime() / 1000),
    ...(ath && { ath }),
    ...claims,
  };
  const protected_header = { alg: key.alg, typ: 'dpop+jwt', jwk: key.jwk, ...header };
  return await new SignJWT(withoutNull(all)).setProtectedHeader(withoutNull(protected_header) as { alg: string }).sign(key.privateKey);
}

function withoutNull(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}
