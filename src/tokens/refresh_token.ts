// Refresh tokens. Home Assistant's are permanent: random, stored as a hash. Standard ones rotate:
// row id, generation, and a MAC with the row's seed, so that a successor can be returned again
// without being stored.
import { createHmac } from 'node:crypto';
import { randomToken, sha256 } from '../domain/secret.ts';
import type { PresentedToken } from '../repository/refresh_token_rotation.ts';
import type { Sealer } from '../secrets/sealer.ts';

const PREFIX = 'lk_rt_';

export function newRefreshToken(): { refresh_token: string; token_hash: Buffer } {
  const refresh_token = randomToken(PREFIX);
  return { refresh_token, token_hash: refreshTokenHash(refresh_token) };
}

/** The lookup key of a non-rotating token. */
export function refreshTokenHash(refresh_token: string): Buffer {
  return sha256(refresh_token);
}

// row id (16) | generation (4) | MAC (32)
const GENERATION_AT = 16;
const MAC_AT = 20;
const LENGTH = 52;
/** The range of PostgreSQL's integer. */
const MAX_GENERATION = 2 ** 31 - 1;

export type RotatingTokens = ReturnType<typeof createRotatingTokens>;

export function createRotatingTokens({ sealer }: { sealer: Pick<Sealer, 'subKeys'> }) {
  const [key, ...previous_keys] = sealer.subKeys('refresh_token');
  if (!key) throw new Error('there is no key for refresh tokens');
  const pads = [key, ...previous_keys].map(padsOf);
  const inner_pads = pads.map(({ inner }) => inner);
  const outer_pads = pads.map(({ outer }) => outer);

  return {
    /** The token of a grant for a generation. */
    write({ id, generation, seed }: { id: string; generation: number; seed: Buffer }): string {
      const message = Buffer.alloc(MAC_AT);
      message.write(id, 'hex');
      message.writeUInt32BE(generation, GENERATION_AT);
      const mac = createHmac('sha256', key).update(message).update(seed).digest();
      return PREFIX + Buffer.concat([message, mac]).toString('base64url');
    },

    /**
     * Parses a rotating token, for a statement to verify with the seed; null if it is malformed.
     */
    read(text: string): PresentedToken | null {
      const bytes = bytesOf(text);
      if (!bytes || bytes.readUInt32BE(GENERATION_AT) >= MAX_GENERATION) return null;
      const message = bytes.subarray(0, MAC_AT);
      return {
        id: message.toString('hex', 0, GENERATION_AT),
        generation: message.readUInt32BE(GENERATION_AT),
        message,
        // Comparing hashes makes timing independent of the MAC.
        mac_hash: sha256(bytes.subarray(MAC_AT)),
        inner_pads,
        outer_pads,
      };
    },
  };
}

/** Whether this looks like a standard refresh token. */
export function isRotatingToken(text: string): boolean {
  return bytesOf(text) !== null;
}

/** Whether this looks like a Home Assistant refresh token, which never rotates. */
export function isFixedToken(text: string): boolean {
  return /^lk_rt_[\w-]{43}$/.test(text);
}

function bytesOf(text: string): Buffer | null {
  if (!text.startsWith(PREFIX) || text.length > 100) return null;
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
  // Only the canonical encoding is accepted.
  return bytes.length === LENGTH && PREFIX + bytes.toString('base64url') === text ? bytes : null;
}

/**
 * The inner and outer key of HMAC-SHA-256 (RFC 2104 section 2), so that a statement can compute the
 * MAC.
 */
function padsOf(key: Buffer): { inner: Buffer; outer: Buffer } {
  const block = Buffer.concat([key], 64);
  return { inner: block.map((byte) => byte ^ 0x36) as Buffer, outer: block.map((byte) => byte ^ 0x5c) as Buffer };
}
