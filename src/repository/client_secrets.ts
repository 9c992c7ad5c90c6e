// The table `client_secrets`: keyed hashes of what confidential clients send. Several of one client live side by side while it changes over.
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

/** A secret as lists show it. */
export interface ClientSecret {
  id: string;
  created_at: Date;
  /** Null: until it is removed. */
  expires_at: Date | null;
}

export interface NewClientSecret extends ClientSecret {
  client_id: string;
  secret_hash: Buffer;
}

export type ClientSecretRepository = ReturnType<typeof createClientSecretRepository>;

/** Of one client; more would make every check slow. */
export const MAX_SECRETS = 10;

export function createClientSecretRepository({ kysely, prepareBatched }: Pick<Database, 'kysely' | 'prepareBatched'>) {
  return {
    /** The hashes that a secret may have now. */
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

    /** Newest first, those that are over included until the janitor comes. */
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

    /** Ends the client's other secrets by then; one that ends sooner still does. */
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

    /** Replaces a hash under an earlier key, if it is still the one that was read. */
    async rehash({ id, old_hash, new_hash }: { id: string; old_hash: Buffer; new_hash: Buffer }): Promise<void> {
      await kysely
        .updateTable('client_secrets')
        .set({ secret_hash: new_hash })
        .where('id', '=', id)
        .where('secret_hash', '=', old_hash)
        .execute();
    },

    /** Makes these the secrets of these clients, and no others; answers the clients whose secrets changed. */
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

/** For the rows of a table called `s`. */
export function isUnexpiredSecret(now: Date): RawBuilder<SqlBool> {
  return sql<SqlBool>`(s.expires_at is null or s.expires_at > ${now})`;
}
