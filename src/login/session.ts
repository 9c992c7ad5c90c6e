// A browser's session: a cookie of 256 random bits of which only the hash is stored. Every login gets a new one, so a planted cookie stays worthless.
import type { ProviderKey } from '../domain/auth_provider.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { randomId, randomToken, sha256 } from '../domain/secret.ts';
import { refusalToAuthenticate } from '../domain/user.ts';
import type { EndSession } from '../oauth/end_session.ts';
import type { SessionRepository as SessionRows } from '../repository/sessions.ts';
import type { LoggedIn } from './finish.ts';

interface SessionDeps {
  sessions: SessionRows;
  endSession: Pick<EndSession, 'end'>;
  clock: Clock;
  /** Seconds without use after which a session ends. */
  idle: number;
  /** Seconds after which a session ends, used or not. */
  lifetime: number;
}

/** A living session of a user who may authenticate from where the request comes. */
export interface Session extends ProviderKey {
  /** Names the session in ID tokens and logout tokens; knowing it opens nothing. */
  sid: string;
  user_id: string;
  credential_id: string | null;
  auth_time: Date;
  amr: string[];
  created_at: Date;
  last_used_at: Date;
  name: string | null;
  is_owner: boolean;
}

export interface Sessions {
  /** Seconds a session lasts at most: the age of a cookie that outlives the browser. */
  lifetime: number;
  /** Starts a session and answers its cookie; `replaces` is the cookie that the browser had, which opens nothing any more. */
  start(
    login: Omit<LoggedIn, 'redirect_uri'>,
    from: { remote_address: string; user_agent: string | null; replaces?: string | null },
  ): Promise<string>;
  find(cookie: string, remote_address: string): Promise<Session | null>;
}

/** The part of a User-Agent that is kept. */
const USER_AGENT_LENGTH = 512;
/** Seconds between two notes of a session's last use: reading pages must not write at each. */
const TOUCH_EVERY = 60;
/** No cookie of ours is longer. */
const MAX_COOKIE_LENGTH = 100;

export function createSessions({ sessions, endSession, clock, idle, lifetime }: SessionDeps): Sessions {
  /** Whoever logs in where somebody else was logged in logs them out, apps included. */
  async function endOther(cookie: string, user_id: string, remote_address: string): Promise<void> {
    const [other] = await sessions.find({ id_hash: sha256(cookie), now: clock(), idle });
    if (other && other.user_id !== user_id) await endSession.end(other, remote_address);
  }

  return {
    lifetime,

    async start(login, { remote_address, user_agent, replaces }) {
      const cookie = randomToken('lk_se_');
      const now = clock();
      const { user_id, credential_id, auth_provider_type, auth_provider_id, auth_time, amr } = login;
      const who = { user_id, credential_id, auth_provider_type, auth_provider_id, auth_time, amr };
      if (replaces) await endOther(replaces, user_id, remote_address);
      const where = { remote_address, user_agent: user_agent?.slice(0, USER_AGENT_LENGTH) ?? null };
      const times = { created_at: now, last_used_at: now, expires_at: addSeconds(now, lifetime) };
      await sessions.start({ id_hash: sha256(cookie), sid: randomId(), ...who, ...where, ...times }, replaces ? sha256(replaces) : null);
      return cookie;
    },

    async find(cookie, remote_address) {
      if (cookie.length > MAX_COOKIE_LENGTH) return null;
      const id_hash = sha256(cookie);
      const now = clock();
      const [found] = await sessions.find({ id_hash, now, idle });
      if (!found || refusalToAuthenticate(found, remote_address) !== null) return null;
      if (addSeconds(found.last_used_at, TOUCH_EVERY) <= now) await sessions.touch({ id_hash, now });
      const { is_active, local_only, ...session } = found;
      return session;
    },
  };
}
