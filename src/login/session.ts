// Browser sessions: a cookie of 256 random bits, stored as a hash. Every login starts a new one,
// which defeats session fixation.

import type { ProviderKey } from '../domain/auth_provider.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { blockReason } from '../domain/login_block.ts';
import { randomId, randomToken, sha256 } from '../domain/secret.ts';
import type { EndSession } from '../oauth/end_session.ts';
import type { NewDeviceCookie } from '../repository/device_cookies.ts';
import type { SessionRepository as SessionRows } from '../repository/sessions.ts';
import type { LoggedIn } from './finish.ts';

interface SessionDeps {
  sessions: SessionRows;
  endSession: Pick<EndSession, 'end'>;
  clock: Clock;
  /** Seconds without use after which a session ends. */
  idle: number;
  /** Maximum lifetime of a session in seconds. */
  lifetime: number;
}

/** A valid session of a user who may authenticate from the request's address. */
export interface Session extends ProviderKey {
  /** The session's name in ID and logout tokens; grants no access. */
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
  /** Maximum lifetime in seconds: the age of a persistent cookie. */
  lifetime: number;
  /**
   * Starts a session and returns its cookie; `replaces` is the browser's former cookie, whose
   * session ends, and `device` the cookie that marks it as known.
   */
  start(
    login: Omit<LoggedIn, 'redirect_uri'>,
    from: { remote_address: string; user_agent: string | null; replaces?: string | null; device?: NewDeviceCookie | null },
  ): Promise<string>;
  find(cookie: string, remote_address: string): Promise<Session | null>;
}

/** Characters of the User-Agent that are stored. */
const USER_AGENT_LENGTH = 512;
/** Minimum seconds between updates of a session's last use. */
const TOUCH_EVERY = 60;
/** The length of our cookies. */
const MAX_COOKIE_LENGTH = 100;

export function createSessions({ sessions, endSession, clock, idle, lifetime }: SessionDeps): Sessions {
  /** A login over another person's session logs that person out, apps included. */
  async function endOther(cookie: string, user_id: string, remote_address: string): Promise<void> {
    const [other] = await sessions.find({ id_hash: sha256(cookie), now: clock(), idle });
    if (other && other.user_id !== user_id) await endSession.end(other, remote_address);
  }

  return {
    lifetime,

    async start(login, { remote_address, user_agent, replaces, device = null }) {
      const cookie = randomToken('lk_se_');
      const now = clock();
      const { user_id, credential_id, auth_provider_type, auth_provider_id, auth_time, amr } = login;
      const who = { user_id, credential_id, auth_provider_type, auth_provider_id, auth_time, amr };
      if (replaces) await endOther(replaces, user_id, remote_address);
      const where = { remote_address, user_agent: user_agent?.slice(0, USER_AGENT_LENGTH) ?? null };
      const times = { created_at: now, last_used_at: now, expires_at: addSeconds(now, lifetime) };
      const session = { id_hash: sha256(cookie), sid: randomId(), ...who, ...where, ...times };
      await sessions.start(session, replaces ? sha256(replaces) : null, device);
      return cookie;
    },

    async find(cookie, remote_address) {
      if (cookie.length > MAX_COOKIE_LENGTH) return null;
      const id_hash = sha256(cookie);
      const now = clock();
      const [found] = await sessions.find({ id_hash, now, idle });
      if (!found || blockReason(found, remote_address) !== null) return null;
      if (addSeconds(found.last_used_at, TOUCH_EVERY) <= now) await sessions.touch({ id_hash, now });
      const { is_active, local_only, ...session } = found;
      return session;
    },
  };
}
