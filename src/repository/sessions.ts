// Browser sessions, one row each, found by the hash of their cookie. Expired and idle sessions are
// never found.
import { type Insertable, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import { type NewDeviceCookie, withDeviceCookie } from './device_cookies.ts';
import { hasActiveClient, isValid } from './refresh_tokens.ts';

export type SessionRepository = ReturnType<typeof createSessionRepository>;

type NewSession = Required<Insertable<Schema['sessions']>>;

/** A session in listings. */
export interface ListedSession {
  /** Its `sid`. */
  id: string;
  created_at: Date;
  last_used_at: Date;
  expires_at: Date;
  /** The browser's address at login. */
  remote_address: string;
  user_agent: string | null;
  auth_provider_type: string;
  auth_provider_id: string | null;
  /** Clients with a valid grant of the session. */
  clients: { client_id: string; client_name: string | null }[];
  is_current: boolean;
}

/** Whose sessions, which is current, and the page. `idle`: seconds. */
interface Listing {
  user_id: string;
  now: Date;
  idle: number;
  sid: string | null;
  /** A grant of the current session. */
  refresh_token_id: string | null;
  after: { created_at: Date; id: string } | null;
  limit: number;
}

/** Maximum clients listed per session. */
const MAX_CLIENTS = 100;

export function createSessionRepository(database: Database) {
  const { kysely } = database;
  return {
    /** Whether the client has a valid grant of the session. */
    async hasGrantOf({ sid, client_id, now }: { sid: string; client_id: string; now: Date }): Promise<boolean> {
      const found = await kysely
        .selectFrom('refresh_tokens as r')
        .select('r.id')
        .where('r.sid', '=', sid)
        .where('r.client_id', '=', client_id)
        .where(isValid(now))
        .limit(1)
        .executeTakeFirst();
      return found !== undefined;
    },

    /**
     * Stores a session. It keeps the `sid` of one of the same user that it replaces, since apps and
     * protected hosts know it. `device`: the browser's new device cookie.
     */
    async start(session: NewSession, replaced: Buffer | null, device: NewDeviceCookie | null = null): Promise<void> {
      const { sid: _, user_id, ...login } = session;
      const columns = Object.keys(session) as (keyof NewSession)[];
      await (device ? withDeviceCookie(kysely, device) : kysely)
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

    /** A valid session, and what decides whether its user may authenticate. `idle`: seconds. */
    find: database.prepareBatched('sessions_find', (db, p: { id_hash: Buffer; now: Date; idle: number }) =>
      db
        .selectFrom('sessions as s')
        .innerJoin('users as u', 'u.id', 's.user_id')
        .select(['s.sid', 's.user_id', 's.credential_id', 's.auth_provider_type', 's.auth_provider_id', 's.auth_time', 's.amr'])
        .select(['s.created_at', 's.last_used_at', 'u.name', 'u.is_owner', 'u.is_active', 'u.local_only'])
        .where('s.id_hash', '=', p.id_hash)
        .where('s.expires_at', '>', p.now)
        .where(isNotIdle(p.now, p.idle)),
    ),

    /** A user's valid sessions, oldest first. */
    async list({ user_id, now, idle, sid, refresh_token_id, after, limit }: Listing): Promise<ListedSession[]> {
      return await kysely
        .selectFrom('sessions as s')
        .select(['s.sid as id', 's.created_at', 's.last_used_at', 's.expires_at', 's.remote_address', 's.user_agent'])
        .select(['s.auth_provider_type', 's.auth_provider_id'])
        .select(({ selectFrom }) => [
          jsonArrayFrom(
            selectFrom('refresh_tokens as r')
              .leftJoin('clients as k', 'k.client_id', 'r.client_id')
              .select(sql<string>`r.client_id`.as('client_id'))
              .select('k.client_name')
              .distinct()
              .whereRef('r.sid', '=', 's.sid')
              .where(isValid(now))
              .where(hasActiveClient())
              .orderBy('client_id')
              .limit(MAX_CLIENTS),
          ).as('clients'),
          sql<boolean>`(s.sid is not distinct from ${sid} or exists (
            select from refresh_tokens g where g.id = ${refresh_token_id} and g.sid = s.sid))`.as('is_current'),
        ])
        .where('s.user_id', '=', user_id)
        .where('s.expires_at', '>', now)
        .where(isNotIdle(now, idle))
        .$if(after !== null, (query) => query.where(sql<boolean>`(s.created_at, s.sid) > (${after?.created_at}, ${after?.id})`))
        .orderBy('s.created_at')
        .orderBy('s.sid')
        .limit(limit)
        .execute();
    },

    /** Records a use; never replaces a newer one. */
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

/** Used recently enough. For the rows of a table named `s`. */
export function isNotIdle(now: Date, idle: number) {
  return sql<boolean>`s.last_used_at + ${idle} * interval '1 second' > ${now}`;
}
