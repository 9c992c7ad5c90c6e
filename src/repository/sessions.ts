// Browser sessions, one row each, found by the hash of their cookie. A session past its idle or its absolute end is found by nobody.
import { type Insertable, sql } from 'kysely';
import type { Database } from './database.ts';
import type { Schema } from './schema.ts';

export type Sessions = ReturnType<typeof createSessions>;

type NewSession = Required<Insertable<Schema['sessions']>>;

export function createSessions(database: Database) {
  const { kysely } = database;
  return {
    /** Stores a session. One of the same user that it takes the place of goes on in it: apps and other hosts know that by its `sid`. */
    async start(session: NewSession, replaced: Buffer | null): Promise<void> {
      const { sid: _, user_id, ...login } = session;
      const columns = Object.keys(session) as (keyof NewSession)[];
      await kysely
        .with('renewed', (db) =>
          db
            .updateTable('sessions')
            .set(login)
            .where('id_hash', '=', replaced ?? Buffer.alloc(0))
            .where('user_id', '=', user_id)
            .returning('sid'),
        )
        .insertInto('sessions')
        .columns(columns)
        .expression((db) =>
          db
            .selectFrom('users')
            .select(columns.map((column) => sql.val(session[column]).as(column)))
            .where('users.id', '=', user_id)
            .where(({ not, exists, selectFrom }) => not(exists(selectFrom('renewed').select('sid')))),
        )
        .execute();
    },

    /** A living session and what decides whether its user may authenticate. `idle`: seconds. */
    find: database.prepare('sessions_find', (db, p: { id_hash: Buffer; now: Date; idle: number }) =>
      db
        .selectFrom('sessions as s')
        .innerJoin('users as u', 'u.id', 's.user_id')
        .select(['s.sid', 's.user_id', 's.credential_id', 's.auth_provider_type', 's.auth_provider_id', 's.auth_time', 's.amr'])
        .select(['s.created_at', 's.last_used_at', 'u.name', 'u.is_owner', 'u.is_active', 'u.local_only'])
        .where('s.id_hash', '=', p.id_hash)
        .where('s.expires_at', '>', p.now)
        .where(sql<boolean>`s.last_used_at + ${p.idle} * interval '1 second' > ${p.now}`),
    ),

    /** Notes a use; an older one never replaces a newer one. */
    async touch({ id_hash, now }: { id_hash: Buffer; now: Date }): Promise<void> {
      await kysely
        .updateTable('sessions')
        .set({ last_used_at: now })
        .where('id_hash', '=', id_hash)
        .where('last_used_at', '<', now)
        .execute();
    },
  };
}
