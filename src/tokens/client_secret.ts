// Client secrets, generated or chosen by an operator. Stored as keyed hashes, so that a database
// dump does not allow guessing.
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
     * Finds the row that matches a secret, in a time that does not depend on the result. `new_hash`
     * if its hash was made with an earlier key.
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
