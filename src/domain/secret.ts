// Random values, their hashes and their comparison: what codes, tokens and ids are made of. Only the hash of a secret is ever stored.
import { hash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';

/** Tells secret scanners and people what they found: `lk_ac_` authorization code, `lk_rt_` refresh token, `lk_dc_` device code, … */
export type TokenPrefix = `lk_${string}_`;

/** Bytes drawn at a time: each draw costs about as much as the bytes of a hundred tokens. */
const DRAW = 4096;
let drawn = Buffer.alloc(0);

/** Random bytes, at most 4096. None is given out twice, and those given out are not kept. */
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

/** The SHA-256 of bytes, or of a text's UTF-8: what is stored of a random secret. */
export function sha256(secret: string | Uint8Array): Buffer {
  // By way of text it takes a third of the time.
  return Buffer.from(hash('sha256', secret, 'hex'), 'hex');
}

/** Whether two secrets are equal, in a time that tells neither where they differ nor how long they are. */
export function safeEqual(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}
