// Client secrets: made here, or chosen by an operator, and then perhaps weak. Only a keyed hash is stored, so a copy of the database is no place to guess at them.
import { createHmac } from 'node:crypto';
import { randomToken, safeEqual } from '../domain/secret.ts';
import type { Sealer } from '../repository/seal.ts';

export type ClientSecretHash = ReturnType<typeof createClientSecretHash>;

export function newClientSecret(): string {
  return randomToken('lk_cs_');
}

export function createClientSecretHash(sealer: Pick<Sealer, 'subKey' | 'subKeys'>) {
  const key = sealer.subKey('client_secret');
  const keys = sealer.subKeys('client_secret');
  return {
    hash: (secret: string): Buffer => hashWith(key, secret),

    /** Whether the secret has one of these hashes; takes as long when it has none, and for a client without any. */
    find<Row extends { secret_hash: Buffer }>(secret: string, rows: readonly Row[]): Row | undefined {
      let found: Row | undefined;
      // Keys of earlier days count: the text of a secret is not there to be hashed again.
      for (const hash of keys.map((each) => hashWith(each, secret)))
        for (const row of rows) if (safeEqual(row.secret_hash, hash)) found = row;
      return found;
    },
  };
}

function hashWith(key: Buffer, secret: string): Buffer {
  return createHmac('sha256', key).update(secret).digest();
}
