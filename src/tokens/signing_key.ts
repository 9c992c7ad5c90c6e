// Signing keys (RFC 7518) and compact JWS. Signing and verifying are synchronous: the asynchronous
// forms of node:crypto, and jose, would share the thread pool with password hashing.
import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningAlgorithm } from '../domain/client.ts';
import type { JsonObject, JsonValue } from '../domain/json.ts';
import type { NewSigningKey, SigningKeyRow } from '../repository/signing_keys.ts';

/** Kinds of signed tokens by `typ` header (RFC 8725 section 3.11). */
export const TOKEN_TYPS = ['at+jwt', 'JWT', 'logout+jwt', 'token-introspection+jwt'] as const;
export type TokenTyp = (typeof TOKEN_TYPS)[number];

export interface JwsHeader {
  alg: SigningAlgorithm;
  typ: TokenTyp;
  kid: string;
}

/** A published key for verification; `private_key` is loaded on demand. */
export interface SigningKey extends SigningKeyRow {
  public_key: KeyObject;
  private_key: KeyObject | undefined;
  headers: Record<TokenTyp, string>;
}

/** RFC 7518 section 3.3 requires at least 2048. */
const RSA_BITS = 2048;

/**
 * Generates a key pair. Its id is the public key's thumbprint (RFC 7638); the private key is
 * PKCS#8, unsealed.
 */
export async function newSigningKey(algorithm: SigningAlgorithm = 'ES256'): Promise<NewSigningKey> {
  const { publicKey, privateKey } = await newKeyPair(algorithm);
  const public_jwk = publicMembers(publicKey.export({ format: 'jwk' }) as JsonObject);
  const id = createHash('sha256').update(JSON.stringify(public_jwk)).digest('base64url');
  return { id, algorithm, public_jwk, private_key: privateKey.export({ format: 'der', type: 'pkcs8' }) };
}

/** Asynchronous, since RSA generation is slow. */
async function newKeyPair(algorithm: SigningAlgorithm): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  if (algorithm === 'RS256' || algorithm === 'PS256') return await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS });
  return algorithm === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** In the order of the thumbprint; an allow-list of members. */
function publicMembers({ crv, e, kty, n, x, y }: JsonObject): JsonObject {
  const members = { crv, e, kty, n, x, y };
  return Object.fromEntries(Object.entries(members).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined));
}

export function readPublicKey(row: SigningKeyRow): KeyObject {
  return createPublicKey({ format: 'jwk', key: row.public_jwk });
}

export function readPrivateKey(pkcs8: Buffer): KeyObject {
  return createPrivateKey({ format: 'der', type: 'pkcs8', key: pkcs8 });
}

/** The key in a JWKS (RFC 7517). */
export function publicJwk({ id, algorithm, public_jwk }: SigningKeyRow) {
  return { kid: id, alg: algorithm, use: 'sig', ...publicMembers(public_jwk) };
}

export function jwsHeader({ id, algorithm }: Pick<SigningKeyRow, 'id' | 'algorithm'>, typ: TokenTyp): JwsHeader {
  return { alg: algorithm, typ, kid: id };
}

/** The encoded JWS header of each token kind, computed once. */
export function encodedJwsHeaders(key: Pick<SigningKeyRow, 'id' | 'algorithm'>): Record<TokenTyp, string> {
  const text = (typ: TokenTyp) => Buffer.from(JSON.stringify(jwsHeader(key, typ))).toString('base64url');
  return {
    'at+jwt': text('at+jwt'),
    JWT: text('JWT'),
    'logout+jwt': text('logout+jwt'),
    'token-introspection+jwt': text('token-introspection+jwt'),
  };
}

const PARAMETERS = {
  ES256: { dsaEncoding: 'ieee-p1363' },
  RS256: {},
  // RFC 7518 section 3.5: a salt as long as the hash.
  PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
  EdDSA: {},
} as const;

/**
 * The hash and signature encoding of each algorithm (RFC 7518 section 3, RFC 8037 section 3.1).
 */
function cryptography(algorithm: SigningAlgorithm, key: KeyObject) {
  const hash = algorithm === 'EdDSA' ? null : 'sha256';
  return { hash, key: { key, ...PARAMETERS[algorithm] } };
}

/** The compact JWS (RFC 7515 section 7.1). */
export function signJws(header: string, claims: object, algorithm: SigningAlgorithm, private_key: KeyObject): string {
  const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const { hash, key } = cryptography(algorithm, private_key);
  return `${input}.${sign(hash, Buffer.from(input), key).toString('base64url')}`;
}

/** The claims of a JWS signed by this key; null otherwise, and for non-canonical encodings. */
export function verifyJws(input: string, signature: string, algorithm: SigningAlgorithm, public_key: KeyObject): JsonObject | null {
  const bytes = Buffer.from(signature, 'base64url');
  // The last character has unused bits; only the canonical spelling is accepted.
  if (bytes.length === 0 || bytes.toString('base64url') !== signature) return null;
  const { hash, key } = cryptography(algorithm, public_key);
  if (!verify(hash, Buffer.from(input), key, bytes)) return null;
  return readObject(input.slice(input.indexOf('.') + 1));
}

function readObject(part: string): JsonObject | null {
  try {
    const value: JsonValue = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
