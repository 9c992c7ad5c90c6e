// The table `client_secrets`: keyed hashes of client secrets. A client may have several during a
// change.
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

/** A secret in listings. */
export interface ClientSecret {
  id: string;
  created_at: Date;
  /** Null: no expiry. */
  expires_at: Date | null;
}

export interface NewClientSecret extends ClientSecret {
  client_id: string;
  secret_hash: Buffer;
}

export type ClientSecretRepository = ReturnType<typeof createClientSecretRepository>;

/** Maximum per client, which bounds the cost of a check. */
export const MAX_SECRETS = 10;

export function createClientSecretRepository({ kysely, prepareBatched }: Pick<Database, 'kysely' | 'prepareBatched'>) {
  return {
    /** The hashes that a secret may currently have. */
    live: prepareBatched<{ client_id: string; now: Date }, { id: string; secret_hash: Buffer }>('client_secrets_live', (db, p) =>
      db
        .selectFrom('client_secrets as s')
        .select(['id', 'secret_hash'])
        .where('client_id', '=', p.client_id)
        .where(isUnexpiredSecret(p.now))
        .orderBy('created_at', 'desc')
        .orderBy('id')
        .limit(MAX_SECRETS),
    ),

    /** Newest first, including expired ones that the janitor has not deleted. */
    list: (client_id: string, trx: Kysely<Schema> = kysely): Promise<ClientSecret[]> =>
      trx
        .selectFrom('client_secrets')
        .select(['id', 'created_at', 'expires_at'])
        .where('client_id', '=', client_id)
        .orderBy('created_at', 'desc')
        .orderBy('id')
        .execute(),

    async insert(trx: Kysely<Schema>, secret: NewClientSecret): Promise<void> {
      await trx.insertInto('client_secrets').values(secret).execute();
    },

    /** Sets the expiry of the client's other secrets, unless they expire sooner. */
    async expireOthers(
      trx: Kysely<Schema>,
      { client_id, id, expires_at }: { client_id: string; id: string; expires_at: Date },
    ): Promise<void> {
      await trx
        .updateTable('client_secrets')
        .set({ expires_at: sql<Date>`least(expires_at, ${expires_at})` })
        .where('client_id', '=', client_id)
        .where('id', '<>', id)
        .execute();
    },

    async remove(trx: Kysely<Schema>, { client_id, id }: { client_id: string; id: string }): Promise<boolean> {
      const { numDeletedRows } = await trx
        .deleteFrom('client_secrets')
        .where('client_id', '=', client_id)
        .where('id', '=', id)
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },

    /** Replaces a hash made with an earlier key, if it has not changed. */
    async rehash({ id, old_hash, new_hash }: { id: string; old_hash: Buffer; new_hash: Buffer }): Promise<void> {
      await kysely
        .updateTable('client_secrets')
        .set({ secret_hash: new_hash })
        .where('id', '=', id)
        .where('secret_hash', '=', old_hash)
        .execute();
    },

    /** Replaces the secrets of these clients; returns the clients that changed. */
    async replace(trx: Kysely<Schema>, client_ids: readonly string[], secrets: readonly NewClientSecret[]): Promise<string[]> {
      const ids = secrets.map(({ id }) => id);
      const removed = await trx
        .deleteFrom('client_secrets')
        .where(sql<SqlBool>`client_id = any(${client_ids}) and id <> all(${ids})`)
        .returning('client_id')
        .execute();
      const added =
        secrets.length === 0
          ? []
          : await trx
              .insertInto('client_secrets')
              .values([...secrets])
              .onConflict((conflict) => conflict.doNothing())
              .returning('client_id')
              .execute();
      return [...new Set([...removed, ...added].map(({ client_id }) => client_id))];
    },
  };
}

/** For the rows of a table named `s`. */
export function isUnexpiredSecret(now: Date): RawBuilder<SqlBool> {
  return sql<SqlBool>`(s.expires_at is null or s.expires_at > ${now})`;
}
