// Back-channel logout with real listeners: what clients receive, and that nobody waits for those
// that do not listen.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createBackchannelLogout } from '../../src/oauth/backchannel_logout.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createClientRepository } from '../../src/repository/clients.ts';
import { createLogoutDeliveryRepository } from '../../src/repository/logout_deliveries.ts';
import { createSessionEndRepository } from '../../src/repository/session_ends.ts';
import { registeredClient } from '../support/fixtures/clients.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { type LoggedIn, loggedInBrowser, startLogoutListener, tokensOf } from '../support/fixtures/logout.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

let db: TestDatabase;
let database: Database;
let server: TestServer;
let listener: Awaited<ReturnType<typeof startLogoutListener>>;
let status: number | 'never' = 200;
let browser: LoggedIn;

beforeAll(async () => {
  db = await createTestDatabase();
  database = db.database;
  server = await startServer({ database });
  listener = await startLogoutListener(() => status);
});
afterAll(async () => {
  await server.close();
  await listener.close();
  await db.close();
});
beforeEach(async () => {
  status = 200;
  browser = await loggedInBrowser(server);
});
afterEach(async () => {
  listener.requests.length = 0;
  await database.kysely.deleteFrom('logout_deliveries').execute();
  await database.kysely.deleteFrom('refresh_tokens').execute();
  await database.kysely.deleteFrom('clients').execute();
});

const register = (client_id: string, differs: Parameters<typeof registeredClient>[1] = {}) =>
  createClientRepository(database).insert(
    database.kysely,
    registeredClient(client_id, { backchannel_logout_uri: listener.uri, ...differs }),
  );
const deliveries = () => database.kysely.selectFrom('logout_deliveries').selectAll().orderBy('client_id').execute();
const endSession = (id_token: string) =>
  server.inject({ url: `/auth/end_session?id_token_hint=${id_token}`, headers: { cookie: browser.cookie } });
const claimsOf = (token: string) => token.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));

/** What reached this client; the server may still be sending to those of an earlier test. */
const requestsOf = (client_id: string) =>
  listener.requests.filter(({ body }) => claimsOf(body.get('logout_token') ?? '')[1].aud === client_id);

/** A worker of its own, impatient; the server's has the time that the standard gives. */
function worker(clock = server.clock) {
  const { keyring, clientDirectory, audit } = server.container;
  const rows = { logoutDeliveries: createLogoutDeliveryRepository(database), clients: createClientRepository(database) };
  const facts = { issuer: 'https://auth.example.com', allow_private_addresses: false, deadline_ms: 150 };
  return createBackchannelLogout({
    ...rows,
    ...facts,
    keyring,
    clientDirectory,
    audit,
    clock,
    on_error: (error) => expect(error).toBeNull(),
  });
}

/** Logs in to these clients and out again, with nobody delivering yet. */
async function logOut(client_ids: string[], scope?: string[]) {
  for (const client_id of client_ids) await tokensOf(server, browser, client_id, scope);
  return await createSessionEndRepository(database).end({ sid: browser.sid, now: server.clock() });
}

// M13
test.each(['RS256', 'ES256', 'EdDSA'] as const)('the client gets a logout token, and nothing else, signed with %s', async (alg) => {
  await register('wiki', { id_token_signed_response_alg: alg });
  const { id_token } = await tokensOf(server, browser, 'wiki');
  await endSession(id_token);
  await server.container.backchannelLogout.run();
  expect(listener.requests).toHaveLength(1);
  const [{ method, type, body }] = listener.requests as [(typeof listener.requests)[0]];
  expect([method, type, [...body.keys()]]).toEqual(['POST', 'application/x-www-form-urlencoded', ['logout_token']]);
  const logout_token = body.get('logout_token')!;
  const [header, claims] = claimsOf(logout_token);
  const [, { sub, sid, iss, aud }] = claimsOf(id_token);
  expect(header).toEqual({ alg, typ: 'logout+jwt', kid: expect.any(String) });
  const now = Math.floor(server.clock().getTime() / 1000);
  expect(claims).toEqual({ iss, aud, sub, sid, iat: now, exp: now + 120, jti: expect.any(String), events: { [EVENT]: {} } });
  expect(server.container.keyring.verify(logout_token)).toMatchObject({ claims });
  expect(await deliveries()).toEqual([]);
});

test('only clients of the session that want notifications get them, each once', async () => {
  await register('wiki');
  await register('silent', { backchannel_logout_uri: null });
  await register('stranger');
  await register('plain');
  await tokensOf(server, browser, 'plain', ['profile']);
  await tokensOf(server, await loggedInBrowser(server), 'stranger');
  const ended = await logOut(['wiki', 'wiki', 'silent']);
  expect(ended?.client_ids).toEqual(['wiki']);
  await worker().run();
  expect(listener.requests.map(({ body }) => claimsOf(body.get('logout_token')!)[1].aud)).toEqual(['wiki']);
});

test('a session ends once', async () => {
  await register('wiki');
  await tokensOf(server, browser, 'wiki');
  const ended = await Promise.all([logOut([]), logOut([]), logOut([])]);
  expect(ended.filter((one) => one !== undefined)).toHaveLength(1);
  expect(await deliveries()).toHaveLength(1);
});

test('two processes tell a client once', async () => {
  await register('wiki');
  await logOut(['wiki']);
  await Promise.all([worker().run(), worker().run(), worker().run()]);
  expect(listener.requests).toHaveLength(1);
});

// L12, X33
describe('a client that does not answer', () => {
  test('is asked again after 1, 5 and 30 minutes, under the same jti, and then given up', async () => {
    await register('wiki');
    await logOut(['wiki']);
    status = 500;
    const waits = [0, 59, 1, 299, 1, 1799, 1, 86_400];
    const sent = [1, 1, 2, 2, 3, 3, 4, 4];
    for (const [index, waited] of waits.entries()) {
      server.advance(waited);
      await worker().run();
      expect(listener.requests).toHaveLength(sent[index]!);
    }
    const tokens = listener.requests.map(({ body }) => claimsOf(body.get('logout_token')!)[1]);
    expect(new Set(tokens.map(({ jti }) => jti)).size).toBe(1);
    expect(new Set(tokens.map(({ exp }) => exp)).size).toBe(4);
    expect(await deliveries()).toEqual([]);
    await server.container.audit.flush();
    const { items } = await server.container.audit.list({ limit: 50, cursor: null });
    expect(items.find(({ type }) => type === 'logout.undelivered')).toMatchObject({
      client_id: 'wiki',
      detail: { attempts: 4, reason: 'status 500' },
    });
  });

  test('gets it at the next attempt', async () => {
    await register('wiki');
    await logOut(['wiki']);
    status = 503;
    await worker().run();
    status = 204;
    server.advance(60);
    await worker().run();
    expect([listener.requests.length, await deliveries()]).toEqual([2, []]);
  });

  test('keeps neither the person waiting nor the other clients', async () => {
    status = 'never';
    const dead = Array.from({ length: 100 }, (_, index) => `dead${index}`);
    for (const client_id of dead) await register(client_id);
    for (const client_id of dead.slice(1)) await tokensOf(server, browser, client_id);
    const { id_token } = await tokensOf(server, browser, 'dead0');
    const began = performance.now();
    expect((await endSession(id_token)).statusCode).toBe(200);
    expect(performance.now() - began).toBeLessThan(500);
    expect(await deliveries()).toHaveLength(100);
    // Those that the server took are taken; anyone who comes next continues with the rest.
    await worker().run();
    expect((await deliveries()).map(({ attempts }) => attempts)).toEqual(Array(100).fill(1));
  });

  test('gets the logout token from another process after the first one crashed', async () => {
    await register('wiki');
    await logOut(['wiki']);
    await createLogoutDeliveryRepository(database).take({ now: server.clock(), limit: 10, waits: [60] });
    await worker().run();
    expect(requestsOf('wiki')).toHaveLength(0);
    server.advance(60);
    await worker().run();
    expect(requestsOf('wiki')).toHaveLength(1);
  });

  test('and sends us on is not followed', async () => {
    await register('wiki');
    await logOut(['wiki']);
    status = 302;
    await worker().run();
    expect([requestsOf('wiki').length, (await deliveries()).length]).toEqual([1, 1]);
  });
});

// L12
test.each([
  ['one that registered itself lies on this machine', { managed_by: 'registration' } as const, 0],
  ['one that registered itself lies behind a name for it', { managed_by: 'registration', host: 'localhost' } as const, 0],
  ['the operator named the place', { managed_by: 'database' } as const, 1],
])('a client is notified only at an allowed address: %s', async (_story, { managed_by, ...place }, told) => {
  const uri = 'host' in place ? listener.uri.replace('127.0.0.1', place.host) : listener.uri;
  await register('wiki', { managed_by, backchannel_logout_uri: uri });
  await logOut(['wiki']);
  await worker().run();
  expect([listener.requests.length, (await deliveries()).length]).toEqual([told, 1 - told]);
});

test('a client that nobody registered is notified where its document says', async () => {
  const client_id = 'https://app.example/client.json';
  await tokensOf(server, browser, client_id);
  await createSessionEndRepository(database).end({ sid: browser.sid, now: server.clock() });
  const { keyring, clientDirectory, audit } = server.container;
  const rows = { logoutDeliveries: createLogoutDeliveryRepository(database), clients: createClientRepository(database) };
  const find = async (id: string) => ({
    ...(await clientDirectory.find('https://app.example/', id))!,
    client_id: id,
    backchannel_logout_uri: listener.uri,
  });
  const facts = { issuer: 'https://auth.example.com', clock: server.clock, on_error: () => {} };
  const deps = { ...rows, ...facts, keyring, audit, clientDirectory: { find } };
  await createBackchannelLogout({ ...deps, allow_private_addresses: false }).run();
  expect(listener.requests).toEqual([]); // L12
  server.advance(60);
  await createBackchannelLogout({ ...deps, allow_private_addresses: true }).run();
  expect(claimsOf(listener.requests[0]!.body.get('logout_token')!)[1]).toMatchObject({ aud: client_id, sid: browser.sid });
});

test.each([
  ['was switched off', { is_enabled: false }],
  ['wants it no more', { backchannel_logout_uri: null }],
])('a client that %s meanwhile is not told', async (_story, change) => {
  await register('wiki');
  await logOut(['wiki']);
  await database.kysely.updateTable('clients').set(change).execute();
  await worker().run();
  expect([listener.requests, await deliveries()]).toEqual([[], []]);
});

test('a deleted user is logged out everywhere', async () => {
  await register('wiki');
  await tokensOf(server, browser, 'wiki');
  await database.transaction(async (trx) => {
    await createSessionEndRepository(database).endAll(trx, { user_id: browser.user_id, now: server.clock() });
    await trx.deleteFrom('users').where('id', '=', browser.user_id).execute();
  });
  await worker().run();
  expect(claimsOf(listener.requests[0]!.body.get('logout_token')!)[1]).toMatchObject({ sub: browser.user_id, sid: browser.sid });
});
