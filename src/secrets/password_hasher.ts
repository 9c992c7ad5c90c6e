// Password hashing with argon2id; bcrypt hashes from Home Assistant verify and are `outdated`.
// Every check costs one hash, whatever is stored, and concurrency is limited, since hashing shares
// Node's thread pool with DNS.
import { availableParallelism } from 'node:os';
import argon2 from 'argon2';
import { createWorkQueue, type WorkQueueOptions } from '../domain/work_queue.ts';

export interface PasswordHasher {
  /** An argon2id hash in PHC format. All functions throw `unavailable` when the queue is full. */
  hash(password: string): Promise<string>;
  /** `outdated`: the password should be hashed again. A malformed hash is never `ok`. */
  verify(password: string, stored: string): Promise<{ ok: boolean; outdated: boolean }>;
  /** Takes as long as `verify`, for unknown users. */
  verifyNothing(password: string): Promise<void>;
}

// OWASP's second recommendation: 19 MiB, two passes, one lane.
const PARAMETERS = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Up to 1 GB and 99 passes. */
const ARGON2ID = /^\$argon2id\$v=19\$m=\d{1,6},t=\d{1,2},p=\d\$[\w+/]+\$[\w+/]+$/;
/** Up to cost 15: a higher cost would occupy a slot for minutes. */
const BCRYPT = /^\$2[aby]\$(0[4-9]|1[0-5])\$[./\w]{53}$/;
/** A valid hash with our parameters that matches no password. */
const NOBODYS_HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Stored for a login without a password, until one is set: no password verifies. */
export const NO_PASSWORD_HASH = '!';

export function createPasswordHasher({
  slots = Math.max(1, availableParallelism() - 1),
  queue_limit = 64,
  wait_ms = 2_000,
}: Partial<WorkQueueOptions> = {}): PasswordHasher {
  const inTurn = createWorkQueue({ slots, queue_limit, wait_ms });
  return {
    hash: (password) => inTurn(() => argon2.hash(password, PARAMETERS)),
    verify: (password, stored) => inTurn(() => verify(password, stored)),
    verifyNothing: (password) => inTurn(() => argon2.verify(NOBODYS_HASH, password).then(() => {})),
  };
}

async function verify(password: string, stored: string): Promise<{ ok: boolean; outdated: boolean }> {
  const bcrypt_hash = readBcrypt(stored);
  if (bcrypt_hash !== undefined) return { ok: await verifyBcrypt(password, bcrypt_hash), outdated: true };
  try {
    const readable = ARGON2ID.test(stored) ? stored : NOBODYS_HASH;
    return { ok: await argon2.verify(readable, password), outdated: argon2.needsRehash(readable, PARAMETERS) };
  } catch {
    // Impossible parameters or lengths make argon2 return at once.
    await argon2.verify(NOBODYS_HASH, password);
    return { ok: false, outdated: false };
  }
}

/** bcrypt reads the first 72 bytes only, as in Home Assistant. Loaded on demand. */
async function verifyBcrypt(password: string, stored: string): Promise<boolean> {
  const bcrypt = await import('@node-rs/bcrypt');
  return await bcrypt.verify(password, stored);
}

/**
 * A hash of another server in the form that `verify` checks: argon2id or bcrypt, in base64 as in
 * Home Assistant's storage or not. Null for any other.
 */
export function readableHash(stored: string): string | null {
  return readBcrypt(stored) ?? (ARGON2ID.test(stored) ? stored : null);
}

/** HA contract: its storage wraps the hash in base64. */
function readBcrypt(stored: string): string | undefined {
  return [stored, Buffer.from(stored, 'base64').toString('latin1')].find((text) => BCRYPT.test(text));
}
