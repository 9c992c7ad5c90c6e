// Client secrets: made here, or chosen by an operator, and then perhaps weak. Only a keyed hash is stored, so a copy of the database is no place to guess at them.
import { createHmac } from 'node:crypto';
import { randomToken, safeEqual } from '../domain/secret.ts';
import type { Sealer } from '../secrets/sealer.ts';

export type ClientSecretHash = ReturnType<typeof createClientSecretHash>;

export function newClientSecret(): string {
  return randomToken('lk_cs_');
}

export function createClientSecretHash(sealer: Pick<Sealer, 'subKey' | 'subKeys'>) {
  const key = sealer.subKey('client_secret');
  const keys = sealer.subKeys('client_secret');
  return {
    hash: (secret: string): Buffer => hashWith(key, secret),

    /**
     * The row whose hash is the secret's; takes as long when there is none, and for a client without any.
     * `new_hash` where that was made with an earlier key: it counts, as the text of a secret is not there to be hashed again.
     */
    find<Row extends { secret_hash: Buffer }>(secret: string, rows: readonly Row[]): { row: Row; new_hash: Buffer | null } | undefined {
      const hashes = keys.map((each) => hashWith(each, secret));
      const [current] = hashes;
      let found: { row: Row; new_hash: Buffer | null } | undefined;
      for (const hash of hashes)
        for (const row of rows)
          if (safeEqual(row.secret_hash, hash)) found = { row, new_hash: hash === current ? null : (current ?? null) };
      return found;
    },
  };
}

function hashWith(key: Buffer, secret: string): Buffer {
  return createHmac('sha256', key).update(secret).digest();
}
