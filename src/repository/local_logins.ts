// The table `local_logins`: usernames (normalized) and password hashes of the local provider.
import type { Kysely } from 'kysely';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

export type LocalLoginRepository = ReturnType<typeof createLocalLoginRepository>;

export function createLocalLoginRepository({ kysely, prepare }: Pick<Database, 'kysely' | 'prepare'>) {
  const find = prepare<{ username: string }, { username: string; password_hash: string }>('local_logins_find', (kysely, { username }) =>
    kysely.selectFrom('local_logins').select(['username', 'password_hash']).where('username', '=', username),
  );

  return {
    find: async (username: string) => (await find({ username }))[0],

    /** Replaces a hash if it has not changed since it was read. */
    async rehash(change: { username: string; old_hash: string; new_hash: string; now: Date }): Promise<void> {
      await kysely
        .updateTable('local_logins')
        .set({ password_hash: change.new_hash })
        .where('username', '=', change.username)
        .where('password_hash', '=', change.old_hash)
        .execute();
    },

    /** False if the name is taken. */
    async insert(trx: Kysely<Schema>, login: { username: string; password_hash: string; now: Date }): Promise<boolean> {
      const { now, ...row } = login;
      const inserted = await trx
        .insertInto('local_logins')
        .values({ ...row, created_at: now, changed_at: now })
        .onConflict((conflict) => conflict.doNothing())
        .returning('username')
        .executeTakeFirst();
      return inserted !== undefined;
    },

    /** `old_hash`: only if the password has not changed since it was checked. */
    async setPassword(
      trx: Kysely<Schema>,
      { username, password_hash, now, old_hash }: { username: string; password_hash: string; now: Date; old_hash?: string },
    ): Promise<boolean> {
      const changed = await trx
        .updateTable('local_logins')
        .set({ password_hash, changed_at: now })
        .where('username', '=', username)
        .$if(old_hash !== undefined, (query) => query.where('password_hash', '=', old_hash ?? ''))
        .returning('username')
        .executeTakeFirst();
      return changed !== undefined;
    },

    async remove(trx: Kysely<Schema>, username: string): Promise<boolean> {
      return (await trx.deleteFrom('local_logins').where('username', '=', username).returning('username').executeTakeFirst()) !== undefined;
    },
  };
}
