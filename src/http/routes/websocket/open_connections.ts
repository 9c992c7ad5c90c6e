// The open WebSockets of this process: their limits, and their end when the grant ends. Checked
// every second, and at once after a request here that may have ended one.
import type { FastifyBaseLogger } from 'fastify';
import { addSeconds, type Clock } from '../../../domain/clock.ts';
import { AuthError } from '../../../domain/errors.ts';
import { blockReason } from '../../../domain/login_block.ts';
import { failureKey, isLoopback } from '../../../domain/network.ts';

/** A connection as the limits and checks see it. */
export interface OpenConnection {
  remote_address: string;
  /** Opened by a page of another site, which must not use up the visitor's own connections. */
  is_cross_site: boolean;
  opened_at: Date;
  /** The grant of its access token; null before authentication. */
  refresh_token_id: string | null;
  /** When something last arrived. */
  heard_at: Date;
  /** When an unanswered ping was sent. */
  pinged_at: Date | null;
  ping(): void;
  /** Closes it after the command that is running. */
  end(reason: EndReason): void;
  /** Without waiting for the peer. */
  terminate(): void;
}

/** Why the server closes a connection. */
export type EndReason = 'authentication_timeout' | 'grant_ended' | 'shutdown';

interface Grants {
  findValid(request: { ids: readonly string[]; now: Date }): Promise<{ id: string; is_active: boolean; local_only: boolean }[]>;
}

export interface OpenConnectionsDeps {
  grants: Grants;
  clock: Clock;
  log: FastifyBaseLogger;
}

export type OpenConnections = ReturnType<typeof createOpenConnections>;

/** Per process, and per address: a house has a few dozen tablets and apps behind one. */
const LIMITS = { total: 2_000, of_address: 128, unauthenticated_of_address: 16 } as const;
/** Seconds for the authentication message (HA contract 11.1). */
const AUTHENTICATION_SECONDS = 10;
/** Seconds of silence before a ping, and for its answer. */
const HEARTBEAT_SECONDS = 30;
const CHECK_MS = 1_000;
/** Milliseconds for peers to answer the close frame. */
const CLOSE_MS = 1_000;
const RETRY_AFTER = 5;

export function createOpenConnections({ grants, clock, log }: OpenConnectionsDeps) {
  const open = new Set<OpenConnection>();
  let timer: NodeJS.Timeout | undefined;
  let is_closing = false;
  let checking: Promise<void> | null = null;
  let is_stale = false;
  let has_failed = false;

  const among = ({ remote_address, is_cross_site }: Pick<OpenConnection, 'remote_address' | 'is_cross_site'>) => {
    const key = failureKey(remote_address);
    return [...open].filter((other) => failureKey(other.remote_address) === key && other.is_cross_site === is_cross_site);
  };

  /** In one statement. Without the database nothing is known, and the connections stay. */
  async function endInvalid(): Promise<void> {
    const known = [...open].filter(({ refresh_token_id }) => refresh_token_id !== null);
    if (known.length === 0) return;
    const ids = [...new Set(known.map(({ refresh_token_id }) => refresh_token_id ?? ''))];
    const valid = new Map((await grants.findValid({ ids, now: clock() })).map((grant) => [grant.id, grant]));
    for (const connection of known) {
      const grant = valid.get(connection.refresh_token_id ?? '');
      if (!grant || blockReason(grant, connection.remote_address) !== null) connection.end('grant_ended');
    }
  }

  async function checkUntilFresh(): Promise<void> {
    try {
      do {
        is_stale = false;
        await endInvalid();
      } while (is_stale);
      has_failed = false;
    } catch (err) {
      if (!has_failed) log.error({ err }, 'open WebSockets cannot be checked');
      has_failed = true;
    } finally {
      checking = null;
    }
  }

  /** One statement at a time; a call during it leads to one more. */
  async function check(): Promise<void> {
    is_stale = true;
    checking ??= checkUntilFresh();
    await checking;
  }

  function watchPeers(): void {
    const now = clock();
    for (const connection of open) {
      const { refresh_token_id, opened_at, heard_at, pinged_at } = connection;
      if (refresh_token_id === null && addSeconds(opened_at, AUTHENTICATION_SECONDS) <= now) connection.end('authentication_timeout');
      else if (pinged_at !== null && addSeconds(pinged_at, HEARTBEAT_SECONDS) <= now) connection.terminate();
      else if (pinged_at === null && addSeconds(heard_at, HEARTBEAT_SECONDS) <= now) {
        connection.pinged_at = now;
        connection.ping();
      }
    }
  }

  function look(): void {
    watchPeers();
    void check();
  }

  return {
    /** Throws `unavailable` or `too_many_requests` if there is no room for one more. */
    admit(peer: Pick<OpenConnection, 'remote_address' | 'is_cross_site'>): void {
      if (is_closing || open.size >= LIMITS.total) throw new AuthError('unavailable', 'Too many connections', { retry_after: RETRY_AFTER });
      // An undeclared proxy on this machine may stand for everybody.
      if (isLoopback(peer.remote_address)) return;
      const own = among(peer);
      const waiting = own.filter(({ refresh_token_id }) => refresh_token_id === null);
      if (own.length < LIMITS.of_address && waiting.length < LIMITS.unauthenticated_of_address) return;
      throw new AuthError('too_many_requests', 'Too many connections', { retry_after: RETRY_AFTER });
    },

    add(connection: OpenConnection): void {
      open.add(connection);
      timer ??= setInterval(look, CHECK_MS).unref();
    },

    remove(connection: OpenConnection): void {
      open.delete(connection);
      if (open.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },

    /** Ends the connections whose grants have ended or whose users may no longer authenticate. */
    check,

    count: () => open.size,

    /** Ends all; further ones are refused. Resolves when they are closed. */
    async close(): Promise<void> {
      is_closing = true;
      for (const connection of open) connection.end('shutdown');
      if (open.size === 0) return;
      await new Promise<void>((resolve) => {
        const until = setTimeout(() => {
          for (const connection of open) connection.terminate();
        }, CLOSE_MS);
        const waiting = setInterval(() => {
          if (open.size > 0) return;
          clearTimeout(until);
          clearInterval(waiting);
          resolve();
        }, 10);
      });
    },
  };
}
