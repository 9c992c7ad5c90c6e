// Signing keys, a succession per algorithm. The first is created on demand; a successor is
// published before it signs; a retired key stays while its tokens may be valid. Private keys are
// sealed by the caller.
import { type Kysely, sql } from 'kysely';
import type { SigningAlgorithm } from '../domain/client.ts';
import { addSeconds } from '../domain/clock.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

export type SigningKeyRepository = ReturnType<typeof createSigningKeyRepository>;

export interface SigningKeyRow {
  id: string;
  algorithm: SigningAlgorithm;
  public_jwk: JsonObject;
  created_at: Date;
  /** When it starts to sign, until a younger key does. */
  signs_from: Date;
  expires_at: Date | null;
}

export interface NewSigningKey {
  id: string;
  algorithm: SigningAlgorithm;
  public_jwk: JsonObject;
  /** Sealed. */
  private_key: Buffer;
}

/** When a successor signs, and how long its predecessor verifies, in seconds from now. */
export interface KeyRotationTimes {
  now: Date;
  signs_in: number;
  predecessor_expires_in: number;
  /**
   * Whether it may have signed long-lived access tokens; then it verifies until the last one
   * expires, plus `margin`.
   */
  signs_long_lived: boolean;
  margin: number;
}

const COLUMNS = ['id', 'algorithm', 'public_jwk', 'created_at', 'signs_from', 'expires_at'] as const satisfies (keyof SigningKeyRow)[];

export function createSigningKeyRepository(database: Database) {
  const { kysely } = database;
  return {
    /** Published keys, in order of signing. */
    list: database.prepare('signing_keys_list', (kysely, p: { now: Date }) =>
      kysely
        .selectFrom('signing_keys')
        .select(COLUMNS)
        .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', p.now)]))
        .orderBy('signs_from')
        .orderBy('id'),
    ),

    /** The sealed private key. */
    async findPrivateKey(id: string): Promise<Buffer | undefined> {
      const found = await kysely.selectFrom('signing_keys').select('private_key').where('id', '=', id).executeTakeFirst();
      return found?.private_key;
    },

    /**
     * Adds a key that signs at once, unless its algorithm has one; of parallel processes one
     * succeeds.
     */
    async addFirst(key: NewSigningKey, now: Date): Promise<boolean> {
      return await alone(database, async (trx) => {
        const others = trx.selectFrom('signing_keys').select('id').where('algorithm', '=', key.algorithm);
        if (await others.where('expires_at', 'is', null).executeTakeFirst()) return false;
        await insert(trx, key, now, now);
        return true;
      });
    },

    /**
     * Publishes a successor and sets its predecessor's end. If one is waiting already, returns
     * that.
     */
    async addSuccessor(key: NewSigningKey, succession: KeyRotationTimes): Promise<{ id: string; added: boolean }> {
      return await alone(database, async (trx) => {
        const { algorithm } = key;
        const { now, signs_in } = succession;
        const others = trx.selectFrom('signing_keys').select('id').where('algorithm', '=', algorithm);
        const waiting = await others.where('signs_from', '>', now).executeTakeFirst();
        if (waiting) return { id: waiting.id, added: false };
        const predecessors = trx.updateTable('signing_keys').where('algorithm', '=', algorithm).where('expires_at', 'is', null);
        await predecessors.set({ expires_at: await endOfPredecessor(trx, succession) }).execute();
        await insert(trx, key, now, addSeconds(now, signs_in));
        return { id: key.id, added: true };
      });
    },

    /** Extends a superseded key's verification; a current key needs no extension yet. */
    async prolong({ id, expires_at }: { id: string; expires_at: Date }): Promise<void> {
      const succeeded = kysely.updateTable('signing_keys').where('id', '=', id).where('expires_at', '<', expires_at);
      await succeeded.set({ expires_at }).execute();
    },
  };
}

/**
 * Grants created meanwhile are not missed: their issuer calls `prolong`, which waits for this
 * transaction.
 */
async function endOfPredecessor(
  trx: Kysely<Schema>,
  { now, predecessor_expires_in, signs_long_lived, margin }: KeyRotationTimes,
): Promise<Date> {
  const end = addSeconds(now, predecessor_expires_in);
  if (!signs_long_lived) return end;
  const grants = trx.selectFrom('refresh_tokens').where('token_type', '=', sql.lit('long_lived_access_token'));
  const { last } = await grants.select((eb) => eb.fn.max('expires_at').as('last')).executeTakeFirstOrThrow();
  return last === null || addSeconds(last, margin) <= end ? end : addSeconds(last, margin);
}

/** Blocks other changes but not readers. */
async function alone<T>(database: Database, work: (trx: Kysely<Schema>) => Promise<T>): Promise<T> {
  return await database.transaction(async (trx) => {
    await sql`lock table signing_keys in share row exclusive mode`.execute(trx);
    return await work(trx);
  });
}

async function insert(trx: Kysely<Schema>, { public_jwk, ...key }: NewSigningKey, created_at: Date, signs_from: Date) {
  const row = { ...key, public_jwk: JSON.stringify(public_jwk), created_at, signs_from };
  await trx.insertInto('signing_keys').values(row).execute();
}
