// One ES256 key (RFC 7518 section 3.4): made, read, and what a JWS of its own looks like. Signing and verifying are synchronous:
// node:crypto's asynchronous forms, and jose, run on the thread pool that password hashing fills.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import type { JsonObject, JsonValue } from '../domain/json.ts';
import type { NewSigningKey, SigningKeyRow } from '../repository/signing_keys.ts';

/** The kinds of tokens we sign: what their `typ` header says (RFC 8725 section 3.11). */
export const TOKEN_TYPS = ['at+jwt'] as const;
export type TokenTyp = (typeof TOKEN_TYPS)[number];

export interface JwsHeader {
  alg: 'ES256';
  typ: TokenTyp;
  kid: string;
}

/** A published key, ready to verify; `private_key` is there once it was needed. */
export interface SigningKey extends SigningKeyRow {
  public_key: KeyObject;
  private_key: KeyObject | undefined;
  headers: Record<TokenTyp, string>;
}

/** A new key pair. Its id is the thumbprint of its public part (RFC 7638); the private part is PKCS#8, not sealed yet. */
export function newSigningKey(): NewSigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  const public_jwk = { crv, kty, x, y } as JsonObject;
  const id = createHash('sha256').update(JSON.stringify(public_jwk)).digest('base64url');
  return { id, public_jwk, private_key: privateKey.export({ format: 'der', type: 'pkcs8' }) };
}

export function readPublicKey(row: SigningKeyRow): KeyObject {
  return createPublicKey({ format: 'jwk', key: row.public_jwk });
}

export function readPrivateKey(pkcs8: Buffer): KeyObject {
  return createPrivateKey({ format: 'der', type: 'pkcs8', key: pkcs8 });
}

/** The key as the JWKS shows it (RFC 7517): the members of a public EC key by name, so that nothing else can slip in. */
export function publicJwk({ id, algorithm, public_jwk: { kty, crv, x, y } }: SigningKeyRow) {
  return { kid: id, alg: algorithm, use: 'sig', kty, crv, x, y };
}

export function headerOf(kid: string, typ: TokenTyp): JwsHeader {
  return { alg: 'ES256', typ, kid };
}

/** The first part of a key's JWS, by kind: the same text for every token, so it is written once. */
export function headersOf(kid: string): Record<TokenTyp, string> {
  const text = (typ: TokenTyp) => Buffer.from(JSON.stringify(headerOf(kid, typ))).toString('base64url');
  return { 'at+jwt': text('at+jwt') };
}

/** The compact JWS of the claims under that header (RFC 7515 section 7.1). */
export function signJws(header: string, claims: object, key: KeyObject): string {
  const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** The claims of a JWS that this key signed; null for any other, and for any other spelling of one. */
export function verifyJws(input: string, signature: string, key: KeyObject): JsonObject | null {
  const bytes = Buffer.from(signature, 'base64url');
  // The last character carries four unused bits: only one of its sixteen spellings is the token we signed.
  if (bytes.length !== 64 || bytes.toString('base64url') !== signature) return null;
  if (!verify('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, bytes)) return null;
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
