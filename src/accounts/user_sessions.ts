// A person's browser sessions, as they and administrators list and end them. Sessions start in
// login/session.ts.
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { buildPage, type Page, type PageRequest, pageSize, readCursor } from '../domain/pagination.ts';
import type { Database } from '../postgres/database.ts';
import type { ListedSession, SessionRepository } from '../repository/sessions.ts';
import type { UserRepository } from '../repository/users.ts';
import { type Actor, protectOwner } from './actor.ts';
import type { SignOut } from './sign_out.ts';

export interface UserSessionsDeps {
  database: Pick<Database, 'transaction'>;
  sessions: Pick<SessionRepository, 'list'>;
  users: Pick<UserRepository, 'find' | 'lock'>;
  signOut: SignOut;
  clock: Clock;
  /** Seconds without use after which a session ends. */
  session_idle_lifetime: number;
}

/**
 * A session. Its `id`, known to apps as `sid`, grants no access. `expires_at`: when it ends if
 * unused.
 */
export type SessionItem = ListedSession;

/** The caller's session, by name or by a grant that belongs to it. */
export interface CurrentSession {
  sid?: string | null;
  refresh_token_id?: string | null;
}

export type UserSessions = ReturnType<typeof createUserSessions>;

export function createUserSessions({ database, sessions, users, signOut, clock, session_idle_lifetime: idle }: UserSessionsDeps) {
  return {
    /** Active sessions, oldest first. Throws `not_found` for an unknown user. */
    async list(user_id: string, request: PageRequest, current: CurrentSession = {}): Promise<Page<SessionItem>> {
      const { sid = null, refresh_token_id = null } = current;
      const after = readCursor(request.cursor);
      const wanted = { user_id, now: clock(), idle, sid, refresh_token_id, after, limit: pageSize(request) + 1 };
      const rows = await sessions.list(wanted);
      if (rows.length === 0 && !(await users.find(user_id))) throw new AuthError('not_found', 'User not found');
      const { items, next_cursor } = buildPage(rows, request);
      return { items: items.map((item) => ({ ...item, expires_at: endOf(item, idle) })), next_cursor };
    },

    /**
     * Ends one session and its grants; apps are notified. Throws `not_found`. Only the owner ends
     * the owner's.
     */
    async end(user_id: string, sid: string, actor: Actor): Promise<void> {
      await database.transaction(async (trx) => {
        const user = await users.lock(trx, user_id);
        if (user) protectOwner(actor, user);
        if (!user || !(await signOut.session(trx, { user_id, sid }, actor))) throw new AuthError('not_found', 'Session not found');
      });
    },
  };
}

function endOf({ last_used_at, expires_at }: ListedSession, idle: number): Date {
  return new Date(Math.min(addSeconds(last_used_at, idle).getTime(), expires_at.getTime()));
}
