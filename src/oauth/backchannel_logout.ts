// Notifies clients that a session has ended (OpenID Connect Back-Channel Logout 1.0). Deliveries
// are queued in the database and sent in the background by any process, a few at a time, so that
// slow clients delay nobody.
import type { Audit } from '../domain/audit_event.ts';
import type { Client } from '../domain/client.ts';
import { isUrlClientId } from '../domain/client_id.ts';
import { addSeconds, type Clock, epochSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { createUpstreamFetch } from '../outbound/upstream_fetch.ts';
import type { ClientRepository } from '../repository/clients.ts';
import type { LogoutDelivery, LogoutDeliveryRepository } from '../repository/logout_deliveries.ts';
import type { Keyring } from '../tokens/keyring.ts';
import type { ClientDirectory } from './client_directory.ts';

export interface BackchannelLogoutDeps {
  logoutDeliveries: LogoutDeliveryRepository;
  clients: Pick<ClientRepository, 'get'>;
  clientDirectory: Pick<ClientDirectory, 'find'>;
  keyring: Pick<Keyring, 'sign' | 'ready'>;
  audit: Audit;
  clock: Clock;
  issuer: string;
  /** Whether clients not registered by the operator may have internal addresses. */
  allow_private_addresses: boolean;
  on_error: (error: unknown) => void;
  /** For tests. */
  deadline_ms?: number;
}

export interface BackchannelLogout {
  /** Makes every due delivery; resolves when none is left. */
  run(): Promise<void>;
  /** Starts deliveries in the background, after something was queued. */
  wake(): void;
  /** Starts checking every few seconds. */
  start(): void;
  /** Waits for deliveries in progress; the rest stays queued. */
  close(): Promise<void>;
}

/**
 * Seconds until the next attempt; the last one covers a process that crashed during the final
 * attempt.
 */
const WAITS = [60, 300, 1800, 60];
const MAX_ATTEMPTS = 4;
const AT_A_TIME = 20;
const EVERY_MS = 5_000;
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Section 2.4: two minutes at most. */
const TOKEN_LIFETIME = 120;

/** A client's logout endpoint. */
interface Target {
  client: Pick<Client, 'client_id' | 'id_token_signed_response_alg'>;
  uri: string;
  /** Named by an operator, so it may have any address. */
  is_operators: boolean;
}

export function createBackchannelLogout(deps: BackchannelLogoutDeps): BackchannelLogout {
  const { logoutDeliveries, clients, clientDirectory, keyring, audit, clock, issuer, on_error } = deps;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let is_wanted = false;
  let is_closed = false;

  async function targetOf(client_id: string): Promise<Target | null> {
    if (isUrlClientId(client_id)) {
      // Not requested by an address: each client has its own fetch budget.
      const client = await clientDirectory.find(client_id, client_id);
      return client?.backchannel_logout_uri ? { client, uri: client.backchannel_logout_uri, is_operators: false } : null;
    }
    const client = await clients.get(client_id);
    if (!client?.is_enabled || client.backchannel_logout_uri === null) return null;
    return { client, uri: client.backchannel_logout_uri, is_operators: client.managed_by !== 'registration' };
  }

  /**
   * Section 2.4. Distinguishable from other tokens and without a nonce, so that it cannot pass as
   * an ID token.
   */
  async function logoutToken({ client }: Target, { jti, user_id, sid }: LogoutDelivery): Promise<string> {
    const algorithm = client.id_token_signed_response_alg;
    await keyring.ready(algorithm);
    const now = clock();
    const times = { iat: epochSeconds(now), exp: epochSeconds(addSeconds(now, TOKEN_LIFETIME)) };
    const claims = { iss: issuer, aud: client.client_id, ...times, jti, sub: user_id, sid, events: { [LOGOUT_EVENT]: {} } };
    return keyring.sign(claims, 'logout+jwt', algorithm);
  }

  async function post(target: Target, delivery: LogoutDelivery): Promise<void> {
    const logout_token = await logoutToken(target, delivery);
    const { allow_private_addresses, deadline_ms } = deps;
    const hosts = target.is_operators ? [new URL(target.uri).hostname] : [];
    const fetch = createUpstreamFetch({ hosts, allow_private_addresses, ...(deadline_ms !== undefined && { deadline_ms }) });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ logout_token }).toString();
    const { ok, status } = await fetch(target.uri, { method: 'POST', headers, body, signal: undefined });
    if (!ok) throw new Error(`status ${status}`);
  }

  /** Schedules another attempt, unless this was the last. */
  async function fail({ jti, client_id, user_id, sid, attempts }: LogoutDelivery, error: unknown): Promise<void> {
    if (attempts < MAX_ATTEMPTS) return;
    await logoutDeliveries.settle(jti);
    const detail = { sid, attempts, reason: reasonOf(error) };
    audit.record({ type: 'logout.undelivered', outcome: 'refused', target_user_id: user_id, client_id, detail });
  }

  async function deliver(delivery: LogoutDelivery): Promise<void> {
    try {
      const target = await targetOf(delivery.client_id);
      if (target) await post(target, delivery);
    } catch (error) {
      return await fail(delivery, error);
    }
    await logoutDeliveries.settle(delivery.jti);
  }

  async function drain(): Promise<void> {
    for (let taken = AT_A_TIME; taken === AT_A_TIME && !is_closed; ) {
      const deliveries = await logoutDeliveries.take({ now: clock(), limit: AT_A_TIME, waits: WAITS });
      await Promise.all(deliveries.map(deliver));
      taken = deliveries.length;
    }
  }

  /** The next round finds what was queued during this one. */
  async function rounds(): Promise<void> {
    while (is_wanted && !is_closed) {
      is_wanted = false;
      await drain();
    }
  }

  function run(): Promise<void> {
    is_wanted = true;
    running ??= rounds().finally(() => {
      running = undefined;
    });
    return running;
  }

  const wake = () => void run().catch(on_error);
  return {
    run,
    wake,
    start() {
      timer ??= setInterval(wake, EVERY_MS).unref();
    },
    async close() {
      clearInterval(timer);
      is_closed = true;
      await running?.catch(() => {});
    },
  };
}

/** For the audit event; never includes the client's response. */
function reasonOf(error: unknown): string {
  if (error instanceof AuthError) return error.code;
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message : 'unknown';
}
