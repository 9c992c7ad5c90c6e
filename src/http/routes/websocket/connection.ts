// One connection: authentication, then commands one after the other (HA contract 11.1 and 11.2).
import type { WebSocket } from '@fastify/websocket';
import type { FastifyBaseLogger } from 'fastify';
import { z } from 'zod';
import { actorOf } from '../../../accounts/actor.ts';
import type { Audit } from '../../../domain/audit_event.ts';
import type { Clock } from '../../../domain/clock.ts';
import { AuthError } from '../../../domain/errors.ts';
import { BLOCK_TEXTS } from '../../../domain/home_assistant_texts.ts';
import { loginBlocked } from '../../../domain/login_block.ts';
import { parseStrictJson } from '../../../domain/strict_json.ts';
import type { Bearer, Caller } from '../../../tokens/bearer.ts';
import { hasRole } from '../../server/bearer_guard.ts';
import { errorRef } from '../../server/error_ref.ts';
import { type ForgedTokenDeps, isForged } from '../../server/forged_token.ts';
import { complaintOf } from '../../server/validate.ts';
import type { Command, CommandError } from './command.ts';
import { createMessageBudget } from './message_budget.ts';
import type { EndReason, OpenConnection, OpenConnections } from './open_connections.ts';

/** The release of Home Assistant that this server follows; clients choose features by it. */
const HA_VERSION = '2026.11.0';

/** RFC 6455 section 7.4.1, and 1012 and 1013 of its registry. */
const CLOSE = {
  normal: 1000,
  going_away: 1001,
  unsupported_data: 1003,
  invalid_payload: 1007,
  policy_violation: 1008,
  try_again_later: 1013,
} as const;

const END_CODES: Record<EndReason, number> = {
  authentication_timeout: CLOSE.policy_violation,
  grant_ended: CLOSE.normal,
  shutdown: CLOSE.going_away,
};

export interface ConnectionDeps {
  commands: ReadonlyMap<string, Command>;
  connections: OpenConnections;
  bearer: Pick<Bearer, 'examine' | 'again'>;
  keyring: ForgedTokenDeps['keyring'];
  importedTokens: ForgedTokenDeps['importedTokens'];
  audit: Audit;
  clock: Clock;
}

/** Where a connection came from. */
export interface Peer {
  remote_address: string;
  is_cross_site: boolean;
  /** The reference of the request that opened it. */
  error_ref: string;
  log: FastifyBaseLogger;
  /** Counts a forged token as a failure of the address. */
  countFailure(): Promise<void>;
}

const authMessage = z
  .strictObject({ type: z.literal('auth'), access_token: z.string().optional(), api_password: z.string().optional() })
  .refine(({ access_token, api_password }) => access_token === undefined || api_password === undefined, { path: ['api_password'] });

const envelope = z.looseObject({ id: z.int().positive(), type: z.string().min(1) });
const features = z.strictObject({ features: z.record(z.string(), z.int()) });

/** Serves the connection until it is closed. */
export function serveConnection(socket: WebSocket, peer: Peer, deps: ConnectionDeps): void {
  const { commands, connections, bearer, audit, clock } = deps;
  const { remote_address, is_cross_site, log } = peer;
  const budget = createMessageBudget();
  const waiting: Buffer[] = [];
  let caller: Caller | null = null;
  let last_id = 0;
  let is_working = false;
  let is_ending = false;
  let ending_code: number | undefined;

  const connection: OpenConnection = {
    remote_address,
    is_cross_site,
    opened_at: clock(),
    refresh_token_id: null,
    heard_at: clock(),
    pinged_at: null,
    ping: () => socket.ping(),
    end: (reason) => close(END_CODES[reason]),
    terminate: () => socket.terminate(),
  };

  /** Resolves when the system has taken the text, so a slow reader gets no further answers. */
  function send(message: object): Promise<void> {
    return new Promise((resolve) => socket.send(JSON.stringify(message), () => resolve()));
  }

  /** Nothing more is read; the running command is answered first. */
  function close(code: number): void {
    is_ending = true;
    waiting.length = 0;
    ending_code ??= code;
    if (!is_working) socket.close(ending_code);
  }

  function noteRefusal(error: AuthError, error_ref: string, type: string): void {
    const { code, description, detail = null } = error;
    const particulars = { code, description, detail, method: 'WebSocket', path: '/api/websocket', command: type };
    log.info({ error_ref, remote_address, ...particulars }, 'request refused');
    audit.record({
      type: 'request.refused',
      outcome: 'refused',
      error_ref,
      actor_user_id: caller?.user.id ?? null,
      client_id: caller?.client_id ?? null,
      remote_address,
      detail: particulars,
    });
  }

  async function refuseAuthentication(message: string, detail: string): Promise<void> {
    noteRefusal(new AuthError('unauthenticated', message, { detail }), peer.error_ref, 'auth');
    await send({ type: 'auth_invalid', message });
    close(CLOSE.policy_violation);
  }

  async function authenticate(message: unknown): Promise<void> {
    const parsed = authMessage.safeParse(message);
    if (!parsed.success) {
      const complaint = complaintOf(parsed.error, message);
      return await refuseAuthentication(`Auth message incorrectly formatted: ${complaint}`, 'malformed');
    }
    const token = parsed.data.access_token ?? '';
    const examined = await bearer.examine(token, remote_address);
    if (examined?.blocked === null && examined.caller.profile === 'home_assistant') {
      caller = examined.caller;
      connection.refresh_token_id = caller.refresh_token_id;
      return await send({ type: 'auth_ok', ha_version: HA_VERSION });
    }
    if (examined && examined.blocked !== null && examined.blocked !== 'inactive')
      return await refuseAuthentication(BLOCK_TEXTS[examined.blocked], examined.blocked);
    const is_forged = token !== '' && examined === null && (await isForged(token, deps));
    if (is_forged) await peer.countFailure();
    await refuseAuthentication('Invalid access token or password', is_forged ? 'a token that we never signed' : 'no valid token');
  }

  const fail = (id: unknown, error: CommandError & { error_ref?: string }) => send({ id, type: 'result', success: false, error });
  const succeed = (id: number, result: unknown) => send({ id, type: 'result', success: true, result });

  async function obey(message: unknown): Promise<void> {
    const parsed = envelope.safeParse(message);
    if (!parsed.success) return await fail(idOf(message), { code: 'invalid_format', message: 'Message incorrectly formatted.' });
    const { id, type, ...fields } = parsed.data;
    if (id <= last_id) return await fail(id, { code: 'id_reuse', message: 'Identifier values have to increase.' });
    last_id = id;
    if (type === 'ping') return await send({ id, type: 'pong' });
    if (type === 'supported_features') {
      const { error } = features.safeParse(fields);
      return error ? await fail(id, { code: 'invalid_format', message: complaintOf(error, fields) }) : await succeed(id, null);
    }
    const command = commands.get(type);
    if (!command) return await fail(id, { code: 'unknown_command', message: 'Unknown command.' });
    const { data, error } = command.fields.safeParse(fields);
    if (error) return await fail(id, { code: 'invalid_format', message: complaintOf(error, fields) });
    await run(id, command, data);
  }

  async function run(id: number, command: Command, fields: unknown): Promise<void> {
    try {
      await succeed(id, await command.handle(await callOf(command, fields)));
    } catch (error) {
      const error_ref = errorRef();
      if (!(error instanceof AuthError)) {
        log.error({ err: error, error_ref, command: command.type }, 'request failed');
        return await fail(id, { code: 'unknown_error', message: 'Unknown error', error_ref });
      }
      noteRefusal(error, error_ref, command.type);
      await fail(id, { ...command.errorOf(error, fields), error_ref });
    }
    // A command may have ended this connection's grant or another's.
    await connections.check();
  }

  /** Rights may have changed since the connection was opened. */
  async function callOf({ who }: Command, fields: unknown) {
    const examined = caller && (await bearer.again(caller, remote_address));
    if (examined?.blocked !== null) {
      close(CLOSE.normal);
      throw examined ? loginBlocked(examined.blocked) : new AuthError('unauthorized', { detail: 'the grant has ended' });
    }
    if (!hasRole(examined.caller, who)) throw new AuthError('unauthorized', { detail: `only ${who}` });
    return { caller: examined.caller, actor: actorOf(examined.caller, remote_address), fields };
  }

  /** Anything but JSON ends the connection without an answer, as in Home Assistant. */
  async function read(bytes: Buffer): Promise<void> {
    const message = parsedMessage(bytes);
    if (message === undefined) return close(CLOSE.invalid_payload);
    if (caller === null) return await authenticate(message);
    const batch = Array.isArray(message) ? message : [message];
    if (!budget.spend(batch.length - 1)) return close(CLOSE.policy_violation);
    for (const one of batch) {
      if (is_ending) return;
      await obey(one);
    }
  }

  async function work(): Promise<void> {
    if (is_working) return;
    is_working = true;
    try {
      for (let next = waiting.shift(); next && !is_ending; next = waiting.shift()) {
        budget.free(next.length);
        await read(next);
      }
    } catch (err) {
      // Not `auth_invalid`: clients would forget their tokens.
      log.error({ err }, 'WebSocket failed');
      close(CLOSE.try_again_later);
    } finally {
      is_working = false;
      if (is_ending) socket.close(ending_code);
    }
  }

  socket.on('message', (bytes: Buffer, is_binary: boolean) => {
    if (is_ending) return;
    connection.heard_at = clock();
    connection.pinged_at = null;
    if (is_binary) return close(CLOSE.unsupported_data);
    if (!budget.spend(1) || !budget.hold(bytes.length)) return close(CLOSE.policy_violation);
    waiting.push(bytes);
    void work();
  });
  // Each is answered by the library.
  socket.on('ping', () => {
    if (!budget.spend(1)) close(CLOSE.policy_violation);
  });
  socket.on('pong', () => {
    connection.heard_at = clock();
    connection.pinged_at = null;
  });
  socket.on('close', () => {
    is_ending = true;
    connections.remove(connection);
  });
  connections.add(connection);
  void send({ type: 'auth_required', ha_version: HA_VERSION });
}

/** Undefined for anything but JSON. */
function parsedMessage(bytes: Buffer): unknown {
  try {
    return parseStrictJson(bytes);
  } catch {
    return undefined;
  }
}

/** The id of a malformed command, for its answer. */
function idOf(message: unknown): unknown {
  const { success, data } = z.looseObject({ id: z.int() }).safeParse(message);
  return success ? data.id : 0;
}
