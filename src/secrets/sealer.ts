// Seals secrets in the database with the secret_key (AES-256-GCM) and derives HMAC keys from it. A
// sealed value is bound to its row by the additional data.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** Minimum length of a secret_key. */
export const SECRET_KEY_LENGTH = 32;

/** The column of a sealed value: table, column and primary key. */
export interface SealedColumn {
  table: string;
  column: string;
  id: string;
}

export interface SealerOptions {
  secret_key: string;
  /** Earlier keys, used only to open. */
  previous_secret_keys?: string[] | undefined;
}

export interface Sealer {
  seal(plaintext: Buffer | string, place: SealedColumn): Buffer;
  /**
   * Throws if no configured key sealed it, if it was sealed for another column, or if it was
   * modified.
   */
  open(sealed: Buffer, place: SealedColumn): Buffer;
  /** Whether it was sealed with an earlier key. */
  needsReseal(sealed: Buffer): boolean;
  /** A 32-byte key for one purpose, derived from the secret_key. */
  subKey(purpose: string): Buffer;
  /** The sub-keys of the current and earlier keys, current first, for verification. */
  subKeys(purpose: string): Buffer[];
}

// version (1) | key id (8) | nonce (12) | tag (16) | ciphertext
const VERSION = Buffer.from([1]);
const HEADER_LENGTH = 9;
const NONCE_END = HEADER_LENGTH + 12;
const TAG_END = NONCE_END + 16;

export function createSealer({ secret_key, previous_secret_keys = [] }: SealerOptions): Sealer {
  const current = deriveKey(secret_key);
  const keys = [current, ...previous_secret_keys.map(deriveKey)];

  return {
    seal: (plaintext, place) => seal(current, plaintext, place),
    open(sealed, place) {
      const key = keys.find(({ header }) => bears(sealed, header));
      if (!key) throw new Error(`${nameOf(place)} was sealed with a secret_key that is not configured`);
      return open(key, sealed, place);
    },
    needsReseal: (sealed) => !bears(sealed, current.header),
    subKey: (purpose) => current.subKey(purpose),
    subKeys: (purpose) => keys.map((key) => key.subKey(purpose)),
  };
}

interface Key {
  header: Buffer;
  sealing_key: Buffer;
  subKey(purpose: string): Buffer;
}

function deriveKey(secret_key: string): Key {
  if (secret_key.length < SECRET_KEY_LENGTH) throw new Error(`A secret_key needs ${SECRET_KEY_LENGTH} characters or more`);
  // RFC 5869
  const derive = (info: string, length: number) => Buffer.from(hkdfSync('sha256', secret_key, '', `latchkey ${info}`, length));
  return {
    header: Buffer.concat([VERSION, derive('key id', 8)]),
    sealing_key: derive('seal', 32),
    subKey: (purpose) => derive(`sub-key ${purpose}`, 32),
  };
}

function seal({ header, sealing_key }: Key, plaintext: Buffer | string, place: SealedColumn): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealing_key, nonce).setAAD(additionalData(header, place));
  const ciphertext = Buffer.concat([
    typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext),
    cipher.final(),
  ]);
  return Buffer.concat([header, nonce, cipher.getAuthTag(), ciphertext]);
}

function open({ header, sealing_key }: Key, sealed: Buffer, place: SealedColumn): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealing_key, sealed.subarray(HEADER_LENGTH, NONCE_END), { authTagLength: 16 })
      .setAAD(additionalData(header, place))
      .setAuthTag(sealed.subarray(NONCE_END, TAG_END));
    return Buffer.concat([decipher.update(sealed.subarray(TAG_END)), decipher.final()]);
  } catch (cause) {
    throw new Error(`${nameOf(place)} was changed, or sealed for another place`, { cause });
  }
}

function bears(sealed: Buffer, header: Buffer): boolean {
  return sealed.subarray(0, HEADER_LENGTH).equals(header);
}

function additionalData(header: Buffer, { table, column, id }: SealedColumn): Buffer {
  return Buffer.concat([header, Buffer.from(JSON.stringify([table, column, id]))]);
}

function nameOf({ table, column, id }: SealedColumn): string {
  return `${table}.${column} of ${id}`;
}
