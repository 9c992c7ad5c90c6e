// Sessions at protected hosts: one-time codes that start them, and the user behind a cookie or
// bearer token. They end with the browser's session.
import { type Insertable, sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import { hasActiveClient, isValid } from './refresh_tokens.ts';
import { isNotRevoked } from './revoked_access_tokens.ts';
import { isNotIdle } from './sessions.ts';
import { groupIdsColumn } from './user_facts.ts';
import { usernameColumn } from './usernames.ts';

export type HostSessionRepository = ReturnType<typeof createHostSessionRepository>;

/** A visitor's identity for the host, and what decides access. */
export interface HostSessionUser {
  user_id: string;
  name: string | null;
  /** Unique. */
  username: string | null;
  /** A verified address. */
  email: string | null;
  group_ids: string[];
  is_active: boolean;
  local_only: boolean;
  auth_time: Date;
  amr: string[];
}

/** A host's cookie. `idle`: seconds without use after which the browser's session ends. */
interface Shown {
  id_hash: Buffer;
  host: string;
  now: Date;
  idle: number;
}

export function createHostSessionRepository(database: Database) {
  const { kysely } = database;
  return {
    async insertCode(code: Insertable<Schema['host_codes']>): Promise<void> {
      await kysely.insertInto('host_codes').values(code).execute();
    },

    /**
     * Redeems a code for a session; undefined if it is unknown, used, expired, or for another host
     * or browser.
     */
    async redeem(request: { code_hash: Buffer; host: string; browser_hash: Buffer; id_hash: Buffer; now: Date }) {
      const { code_hash, host, browser_hash, id_hash, now } = request;
      const { rows } = await sql<{ user_id: string }>`
        with spent as (
          delete from host_codes where code_hash = ${code_hash} and host = ${host} and browser_hash = ${browser_hash} and expires_at > ${now}
          returning sid
        ),
        made as (
          insert into host_sessions (id_hash, host, sid, created_at, expires_at)
          select ${id_hash}, ${host}, s.sid, ${now}, s.expires_at from spent join sessions s using (sid) where s.expires_at > ${now}
          returning sid
        )
        select s.user_id from made join sessions s using (sid)`.execute(kysely);
      return rows[0];
    },

    /** The user of a cookie whose session is valid. */
    findVisitor: database.prepareBatched('host_sessions_find_visitor', (db, p: Shown) =>
      db
        .selectFrom('host_sessions as h')
        .innerJoin('sessions as s', 's.sid', 'h.sid')
        .innerJoin('users as u', 'u.id', 's.user_id')
        .select(['s.sid', 's.last_used_at', 's.auth_time', 's.amr', 'u.id as user_id', 'u.name', 'u.is_active', 'u.local_only'])
        .select([usernameColumn('u').as('username'), verifiedEmail().as('email'), groupIdsColumn().as('group_ids')])
        .where('h.id_hash', '=', p.id_hash)
        .where('h.host', '=', p.host)
        .where('h.expires_at', '>', p.now)
        .where('s.expires_at', '>', p.now)
        .where(isNotIdle(p.now, p.idle)),
    ),

    /** The user of an access token whose grant is valid. */
    findBearer: database.prepareBatched('host_sessions_find_bearer', (db, p: { id: string; jti: string; now: Date }) =>
      db
        .selectFrom('refresh_tokens as r')
        .innerJoin('users as u', 'u.id', 'r.user_id')
        .select(['r.profile', 'r.token_type', 'r.auth_time', 'r.amr', 'u.id as user_id', 'u.name', 'u.is_active', 'u.local_only'])
        .select([usernameColumn('u').as('username'), verifiedEmail().as('email'), groupIdsColumn().as('group_ids')])
        .where('r.id', '=', p.id)
        .where(isValid(p.now))
        .where(isNotRevoked(p.jti))
        .where(hasActiveClient()),
    ),

    /** Use at a host keeps the browser's session from expiring. */
    async touch({ sid, now }: { sid: string; now: Date }): Promise<void> {
      await kysely.updateTable('sessions').set({ last_used_at: now }).where('sid', '=', sid).where('last_used_at', '<', now).execute();
    },
  };
}

/**
 * Verified addresses only, since apps match accounts by them. For the rows of a table named `u`.
 */
function verifiedEmail() {
  return sql<string | null>`case when u.email_verified then u.email end`;
}
