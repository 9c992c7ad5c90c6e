// Home Assistant's own client library over the WebSocket: connect, ask, reconnect, and the end by a
// revocation, also at another process.
import { Auth, type Connection, createConnection, ERR_INVALID_AUTH, getUser } from 'home-assistant-js-websocket';
import { WebSocket } from 'undici';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { authenticatedSocket } from '../support/clients/websocket.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { CLIENT_ID, OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

let shared: Awaited<ReturnType<typeof createTestDatabase>>;
let server: TestServer;
let other: TestServer;
beforeAll(async () => {
  vi.stubGlobal('WebSocket', WebSocket);
  shared = await createTestDatabase();
  server = await startServer({ database: shared.database });
  other = await startServer({ database: shared.database });
  await server.createOwner();
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await server.close();
  await other.close();
  await shared.close();
});
let connection: Connection | undefined;
afterEach(() => connection?.close());

async function newAuth(hassUrl: string): Promise<Auth> {
  const { access_token, refresh_token, expires_in } = await server.redeem(await server.login(OWNER));
  return new Auth({ hassUrl, clientId: CLIENT_ID, access_token, refresh_token, expires_in, expires: Date.now() + expires_in * 1000 });
}
const happens = (event: 'ready' | 'disconnected' | 'reconnect-error') =>
  new Promise<unknown>((resolve) => connection!.addEventListener(event, (_, data) => resolve(data)));

test('connects, reads the person and their tokens, and deletes one', async () => {
  connection = await createConnection({ auth: await newAuth(await server.origin()) });
  expect(connection.haVersion).toBe('2026.11.0');
  expect(await getUser(connection)).toMatchObject({ name: OWNER.name, is_owner: true });
  await connection.ping();
  await newAuth(await server.origin());
  const tokens = () => connection!.sendMessagePromise<{ id: string; is_current: boolean }[]>({ type: 'auth/refresh_tokens' });
  const { id: refresh_token_id } = (await tokens()).find(({ is_current }) => !is_current)!;
  const before = (await tokens()).length;
  expect(await connection.sendMessagePromise({ type: 'auth/delete_refresh_token', refresh_token_id })).toEqual({});
  expect(await tokens()).toHaveLength(before - 1);
  await expect(connection.sendMessagePromise({ type: 'get_states' })).rejects.toEqual({
    code: 'unknown_command',
    message: 'Unknown command.',
  });
});

test('connects again after the server has been restarted', async () => {
  const origin = await server.origin();
  connection = await createConnection({ auth: await newAuth(origin) });
  const [disconnected, ready] = [happens('disconnected'), happens('ready')];
  await server.close();
  await disconnected;
  server = await startServer({ database: shared.database });
  await server.server.listen({ host: '127.0.0.1', port: Number(new URL(origin).port) });
  await ready;
  expect(await getUser(connection)).toMatchObject({ name: OWNER.name });
});

test('is closed when its token is revoked, and gives up', async () => {
  const auth = await newAuth(await other.origin());
  connection = await createConnection({ auth });
  const [disconnected, failed] = [happens('disconnected'), happens('reconnect-error')];
  await auth.revoke();
  await disconnected;
  expect(await failed).toBe(ERR_INVALID_AUTH);
});

test('is closed within two seconds of a revocation at another process', async () => {
  const { access_token } = await server.redeem(await server.login(OWNER));
  const socket = await authenticatedSocket(other, access_token);
  const started = performance.now();
  const json = { token_type: 'normal' };
  await server.inject({ method: 'POST', url: '/api/me/refresh_tokens/delete_all', json, token: access_token });
  expect(await socket.closed).toBe(1000);
  expect(performance.now() - started).toBeLessThan(2_000);
});

test('is closed as "going away" by a server that stops', async () => {
  const { access_token } = await server.redeem(await server.login(OWNER));
  const socket = await authenticatedSocket(other, access_token);
  await other.close();
  expect(await socket.closed).toBe(1001);
});
