// Random codes, tokens and ids, and their hashing and comparison. Secrets are stored only as
// hashes.
import { hash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';

/**
 * Identifies the kind of a secret, also for secret scanners: `lk_ac_` authorization code, `lk_rt_`
 * refresh token, `lk_dc_` device code, …
 */
export type TokenPrefix = `lk_${string}_`;

/** Bytes read from the generator at a time; a read costs about as much as a hundred tokens. */
const DRAW = 4096;
let drawn = Buffer.alloc(0);

/** Random bytes, at most 4096, each used once. */
export function randomBuffer(size: number): Buffer {
  if (drawn.length < size) drawn = randomBytes(DRAW);
  const taken = Buffer.from(drawn.subarray(0, size));
  drawn.fill(0, 0, size);
  drawn = drawn.subarray(size);
  return taken;
}

/** A new secret of 256 random bits, base64url without padding, after its prefix. */
export function randomToken(prefix: TokenPrefix): string {
  return prefix + randomBuffer(32).toString('base64url');
}

/** A new id: a random UUID as 32 hexadecimal characters, as Home Assistant's are. */
export function randomId(): string {
  return randomUUID().replaceAll('-', '');
}

/** SHA-256 of bytes or of a text's UTF-8; the stored form of a random secret. */
export function sha256(secret: string | Uint8Array): Buffer {
  // Hashing to text first takes a third of the time.
  return Buffer.from(hash('sha256', secret, 'hex'), 'hex');
}

/** Constant-time comparison of two secrets, which reveals neither content nor length. */
export function safeEqual(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}
