// The handshake, the envelope of commands, and when the server ends a connection.
import { connect } from 'node:net';
import { afterEach, beforeAll, describe, expect, it, test } from 'vitest';
import { OPERATOR } from '../../../../src/accounts/actor.ts';
import { byId, runArea } from '../../../support/clients/vector_driver.ts';
import { authenticatedSocket, openSocket, type Socket } from '../../../support/clients/websocket.ts';
import { type Call, callerWith } from '../../../support/fixtures/api.ts';
import { perFile } from '../../../support/fixtures/per_file.ts';
import { startServer } from '../../../support/fixtures/server.ts';
import { addSomeone, example, logInAs } from '../../../support/fixtures/someone.ts';

const THRESHOLD = 3;
/** A client behind the proxy, since loopback is never counted. */
const FROM = { 'x-forwarded-for': '203.0.113.9' };

const server = perFile(() =>
  startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, example('someone', 'leaver')],
      http: { trusted_proxies: ['127.0.0.1'], login_attempts_threshold: THRESHOLD },
    },
  }),
);
let owner: Call;
let token: string;
beforeAll(async () => {
  owner = callerWith(server, (await server.ownerTokens()).access_token);
  ({ access_token: token } = await addSomeone(server, 'someone'));
});
const kysely = () => server.container.database.kysely;
const failures = async () => (await kysely().selectFrom('failed_logins').selectAll().execute()).length;
afterEach(async () => {
  await kysely().deleteFrom('failed_logins').execute();
});

async function firstMessage(data: unknown, headers = FROM): Promise<Socket> {
  const socket = await openSocket(server, headers);
  expect(await socket.next()).toEqual({ type: 'auth_required', ha_version: '2026.11.0' });
  if (typeof data === 'string' || data instanceof Uint8Array) socket.sendRaw(data);
  else if (data !== null) socket.send(data);
  return socket;
}

async function expectSilentEnd(socket: Socket): Promise<void> {
  await expect(socket.next()).rejects.toThrow('closed');
}

runArea(
  'ws-auth',
  byId({
    // A success forgives no failure of an address: an attacker's own account would.
    'ws-auth-002': async ({ request, expect: want }) => {
      const socket = await firstMessage({ ...request.ws_first_message, access_token: token });
      expect(await socket.next()).toEqual({ ...want.message, ha_version: '2026.11.0' });
      socket.close();
    },
    'ws-auth-003': async ({ request, expect: want }) => {
      const socket = await firstMessage(request.ws_first_message);
      expect(await socket.next()).toEqual(want.message);
      await socket.closed;
      expect(await failures()).toBe(1);
    },
    'ws-auth-004': async ({ request, expect: want }) => {
      expect(await (await firstMessage(request.ws_first_message)).next()).toEqual(want.message);
    },
    'ws-auth-005': async ({ request, expect: want }) => {
      const socket = await firstMessage(request.ws_first_message);
      const { type, message } = await socket.next();
      expect([type, message.startsWith(want.message_prefix)]).toEqual([want.message_type, true]);
      await socket.closed;
      expect(await failures()).toBe(0);
    },
    'ws-auth-008': async ({ request }) => await expectSilentEnd(await firstMessage(request.ws_first_frame)),
    'ws-auth-009': async () => await expectSilentEnd(await firstMessage(new Uint8Array([1, 2]))),
    'ws-auth-010': async () => {
      const { access_token } = await logInAs(server, 'someone');
      const socket = await authenticatedSocket(server, access_token);
      const me = callerWith(server, access_token);
      const { items } = (await me('GET', '/api/me/refresh_tokens')).json();
      const { id } = items.find(({ is_current }: { is_current: boolean }) => is_current);
      expect((await me('DELETE', `/api/me/refresh_tokens/${id}`)).statusCode).toBe(204);
      expect(await socket.closed).toBe(1000);
    },
    'ws-auth-011': async ({ given }) => {
      const socket = await firstMessage(null);
      server.advance(given.silent_seconds);
      await expectSilentEnd(socket);
    },
  }),
);

describe('authentication', () => {
  it.each<[string, object]>([
    ['both credentials', { type: 'auth', access_token: 'x', api_password: 'x' }],
    ['another key', { type: 'auth', access_token: 'x', scope: 'x' }],
    ['no object', ['auth']],
  ])('refuses %s as malformed', async (_case, message) => {
    const answer = await (await firstMessage(message)).next();
    expect(answer).toEqual({ type: 'auth_invalid', message: expect.stringMatching(/^Auth message incorrectly formatted: ./) });
  });

  it('refuses a token of the standard profile without counting it', async () => {
    const client_id = 'machine';
    const made = await owner('POST', '/api/clients', {
      client_id,
      client_name: 'Machine',
      grant_types: ['client_credentials'],
      redirect_uris: [],
    });
    expect(made.statusCode).toBe(201);
    const form = { grant_type: 'client_credentials', client_id: made.json().client_id, client_secret: made.json().client_secret };
    const { access_token } = (await server.inject({ method: 'POST', url: '/auth/token', form })).json();
    const socket = await firstMessage({ type: 'auth', access_token });
    expect(await socket.next()).toEqual({ type: 'auth_invalid', message: 'Invalid access token or password' });
    expect(await failures()).toBe(0);
  });

  it('tells a person who may log in at home only, and counts nothing', async () => {
    await kysely().updateTable('users').set({ local_only: true }).where('name', '=', 'someone').execute();
    const socket = await firstMessage({ type: 'auth', access_token: token });
    expect(await socket.next()).toEqual({ type: 'auth_invalid', message: 'User cannot authenticate remotely' });
    expect(await failures()).toBe(0);
    const at_home = await authenticatedSocket(server, token, { 'x-forwarded-for': '192.168.1.7' });
    at_home.close();
    await kysely().updateTable('users').set({ local_only: false }).where('name', '=', 'someone').execute();
  });

  it('bans an address after forged tokens, and closes its next handshake', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.10' };
    for (let n = 0; n < THRESHOLD; n++) await (await firstMessage({ type: 'auth', access_token: `forged${n}` }, headers)).closed;
    await expect(openSocket(server, headers)).rejects.toThrow('no handshake');
    await kysely().deleteFrom('ip_bans').execute();
  });

  it('lets a page of another site neither ban its visitor nor try on', async () => {
    const visitor = { 'x-forwarded-for': '203.0.113.11' };
    const page = { ...visitor, origin: 'https://evil.example' };
    for (let n = 0; n < 5; n++) await (await firstMessage({ type: 'auth', access_token: `forged${n}` }, page)).closed;
    await expect(openSocket(server, page)).rejects.toThrow('no handshake');
    (await authenticatedSocket(server, token, visitor)).close();
  });

  it('lets an app of another origin in with a token', async () => {
    const app = { 'x-forwarded-for': '203.0.113.12', origin: 'https://app.example.com' };
    const socket = await authenticatedSocket(server, token, app);
    expect(await socket.command('ping')).toEqual({ id: 1, type: 'pong' });
    socket.close();
  });

  it('never writes a token to the log or the audit log', async () => {
    await (await firstMessage({ type: 'auth', access_token: 'a-secret-that-is-wrong' })).closed;
    await server.container.audit.flush();
    const events = await kysely().selectFrom('audit_events').selectAll().where('type', '=', 'request.refused').execute();
    expect(JSON.stringify(events)).toContain('a token that we never signed');
    expect(JSON.stringify(events) + server.lines.join()).not.toContain('a-secret-that-is-wrong');
  });
});

describe('commands', () => {
  it.each<[unknown, object]>([
    [{ type: 'ping' }, { id: 0, error: { code: 'invalid_format', message: 'Message incorrectly formatted.' } }],
    [
      { id: '1', type: 'ping' },
      { id: 0, error: { code: 'invalid_format' } },
    ],
    [
      { id: -1, type: 'ping' },
      { id: -1, error: { code: 'invalid_format' } },
    ],
    [{ id: 1 }, { id: 1, error: { code: 'invalid_format' } }],
    [
      { id: 1, type: 'get_states' },
      { id: 1, error: { code: 'unknown_command', message: 'Unknown command.' } },
    ],
    [
      { id: 1, type: 'auth/delete_refresh_token' },
      { id: 1, error: { code: 'invalid_format', message: expect.stringContaining('refresh_token_id') } },
    ],
    [
      { id: 1, type: 'auth/current_user', more: 1 },
      { id: 1, error: { code: 'invalid_format', message: "extra keys not allowed @ data['more']" } },
    ],
    [
      { id: 1, type: 'supported_features', features: 1 },
      { id: 1, error: { code: 'invalid_format' } },
    ],
  ])('%j is refused', async (message, answer) => {
    const socket = await authenticatedSocket(server, token);
    socket.send(message);
    expect(await socket.next()).toMatchObject({ type: 'result', success: false, ...answer });
    socket.close();
  });

  it('need increasing ids', async () => {
    const socket = await authenticatedSocket(server, token);
    for (const id of [5, 5, 4]) socket.send({ id, type: 'ping' });
    expect(await socket.next()).toEqual({ id: 5, type: 'pong' });
    for (const id of [5, 4]) {
      const error = { code: 'id_reuse', message: 'Identifier values have to increase.' };
      expect(await socket.next()).toEqual({ id, type: 'result', success: false, error });
    }
    socket.close();
  });

  it('may come in a batch, and are answered in order', async () => {
    const socket = await authenticatedSocket(server, token);
    socket.send([
      { id: 1, type: 'supported_features', features: { coalesce_messages: 1 } },
      { id: 2, type: 'auth/current_user' },
      { id: 3, type: 'ping' },
    ]);
    expect(await socket.next()).toEqual({ id: 1, type: 'result', success: true, result: null });
    expect(await socket.next()).toMatchObject({ id: 2, success: true, result: { name: 'someone' } });
    expect(await socket.next()).toEqual({ id: 3, type: 'pong' });
    socket.close();
  });

  it('keep working after the access token has expired', async () => {
    const { access_token } = await logInAs(server, 'someone');
    const socket = await authenticatedSocket(server, access_token);
    server.advance(3600);
    expect((await server.inject({ url: '/api/me', token: access_token })).statusCode).toBe(401);
    expect(await socket.command('auth/current_user')).toMatchObject({ success: true });
    ({ access_token: token } = await logInAs(server, 'someone'));
    owner = callerWith(server, (await server.redeem(await server.login())).access_token);
    socket.close();
  });

  it('end with the connection for anything but JSON', async () => {
    for (const junk of ['{', new Uint8Array([0]), '{"id":1,"id":2}']) {
      const socket = await authenticatedSocket(server, token);
      socket.sendRaw(junk);
      await expectSilentEnd(socket);
    }
  });

  it('are refused to somebody whose rights have changed since', async () => {
    const { user_id, access_token } = await addSomeone(server, 'leaver', { group_ids: ['system-admin'] });
    const socket = await authenticatedSocket(server, access_token);
    expect(await socket.command('config/auth/list')).toMatchObject({ success: true });
    await kysely().deleteFrom('user_groups').where('user_id', '=', user_id).execute();
    expect(await socket.command('config/auth/list')).toMatchObject({
      success: false,
      error: { code: 'unauthorized', message: 'Unauthorized' },
    });
    expect((await owner('PATCH', `/api/users/${user_id}`, { is_active: false })).statusCode).toBe(200);
    expect(await socket.closed).toBe(1000);
  });
});

describe('limits', () => {
  it('close a connection with a message that is too large', async () => {
    const socket = await authenticatedSocket(server, token);
    socket.send({ id: 1, type: 'ping', filler: 'x'.repeat(64 * 1024) });
    expect(await socket.closed).toBe(1009);
  });

  it.each<[string, (socket: Socket) => void]>([
    [
      '10,000 messages',
      (socket) => {
        for (let id = 1; id <= 10_000; id++) socket.send({ id, type: 'ping' });
      },
    ],
    ['a batch of 10,000', (socket) => socket.sendRaw(`[${'1,'.repeat(9_999)}1]`)],
    [
      'more than waits for its turn',
      (socket) => {
        for (let id = 1; id < 9; id++) socket.sendRaw(`${' '.repeat(60_000)}{"id":${id},"type":"auth/refresh_tokens"}`);
      },
    ],
  ])('close a connection with %s at once', async (_case, flood) => {
    const socket = await authenticatedSocket(server, token);
    flood(socket);
    expect(await socket.closed).toBe(1008);
    const other = await authenticatedSocket(server, token);
    expect(await other.command('ping')).toEqual({ id: 1, type: 'pong' });
    other.close();
  });

  it('admit 16 unauthenticated connections of an address, and those of pages of other sites apart', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.20' };
    const page = { ...headers, origin: 'https://evil.example' };
    const open: Socket[] = [];
    for (let n = 0; n < 16; n++) open.push(await openSocket(server, page));
    await expect(openSocket(server, page)).rejects.toThrow('no handshake');
    for (let n = 0; n < 16; n++) open.push(await openSocket(server, headers));
    await expect(openSocket(server, headers)).rejects.toThrow('no handshake');
    (await openSocket(server, { 'x-forwarded-for': '203.0.113.21' })).close();
    for (const socket of open) socket.close();
    await Promise.all(open.map(({ closed }) => closed));
    (await authenticatedSocket(server, token, headers)).close();
  });

  it('end a connection whose peer answers no ping', async () => {
    const { port } = new URL(await server.origin());
    const peer = connect(Number(port), '127.0.0.1');
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
    peer.write(`GET /api/websocket HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n\r\n`);
    const frame = Buffer.from(JSON.stringify({ type: 'auth', access_token: token }));
    const header = Buffer.from([0x81, 0xfe, frame.length >> 8, frame.length & 255, 0, 0, 0, 0]);
    peer.write(Buffer.concat([header, frame]));
    const received = await new Promise<string>((resolve) => {
      let text = '';
      peer.on('data', (bytes) => {
        text += bytes;
        if (text.includes('auth_ok')) resolve(text);
      });
    });
    expect(received).toContain('101 Switching Protocols');
    const gone = new Promise((resolve) => peer.once('close', resolve));
    const ping = new Promise((resolve) => peer.once('data', resolve));
    server.advance(31);
    await ping;
    server.advance(31);
    await gone;
    expect(server.container.clock().getTime()).toBeGreaterThan(0);
  });
});

test('a plain request is refused, and an upgrade to HTTP/2 is answered without', async () => {
  expect((await server.inject({ url: '/api/websocket' })).statusCode).toBe(400);
  const { port } = new URL(await server.origin());
  const socket = connect(Number(port), '127.0.0.1');
  const body = 'grant_type=nothing';
  const type = 'Content-Type: application/x-www-form-urlencoded';
  socket.write(
    `POST /auth/token HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n`,
  );
  socket.write(`${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const answer = await new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
  expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*unsupported_grant_type/);
  // The connection serves further requests.
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  expect(await new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))))).toMatch(/^HTTP\/1.1 200 /);
  socket.destroy();
});

test('a grant that ends elsewhere ends the connection within two seconds', async () => {
  const { user_id, access_token } = await (async () => {
    const tokens = await logInAs(server, 'someone');
    return { user_id: (await server.inject({ url: '/api/me', token: tokens.access_token })).json().id, ...tokens };
  })();
  const socket = await authenticatedSocket(server, access_token);
  // As another process does it.
  const started = performance.now();
  await server.container.refreshTokens.revokeAll(user_id, { current_id: null }, OPERATOR);
  expect(await socket.closed).toBe(1000);
  expect(performance.now() - started).toBeLessThan(2_000);
  ({ access_token: token } = await logInAs(server, 'someone'));
});
