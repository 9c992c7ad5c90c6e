// What a login asks of the database, counted on the wire.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type Database } from '../../src/postgres/database.ts';
import { visitor } from '../support/clients/page_visitor.ts';
import { countRoundTrips, type RoundTrips } from '../support/fakes/round_trips.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer, type TestServer } from '../support/fixtures/server.ts';

let db: TestDatabase;
let relay: RoundTrips;
let database: Database;
let server: TestServer;
beforeAll(async () => {
  db = await createTestDatabase();
  relay = await countRoundTrips(db.connection);
  database = createDatabase({ connection: relay.connection, on_error: () => {} });
  server = await startServer({ database });
  await server.createOwner();
  // Prepared statements are parsed, and the caches filled.
  await server.login();
});
afterAll(async () => {
  await server.close();
  await database.close();
  await relay.close();
  await db.close();
});

test('a password login by JSON takes at most five round trips', async () => {
  const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
  const post = async (url: string, body: object) => (await server.request(url, { method: 'POST', body: JSON.stringify(body) })).json();
  const { flow_id } = (await post('/auth/login_flow', json)) as { flow_id: string };
  relay.take();
  const answer = await post(`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, username: OWNER.username, password: OWNER.password });
  expect(answer).toMatchObject({ type: 'create_entry' });
  const trips = relay.take().filter(([statement]) => !statement?.startsWith('insert into "audit_events"'));
  expect(trips.length).toBeLessThanOrEqual(5);
});

test('a password login on a page takes at most five round trips', async () => {
  const url = `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, response_type: 'code' })}`;
  const browser = visitor(server);
  const page = await (await browser.get(url)).text();
  relay.take();
  const answer = await browser.submit(url, page, { username: OWNER.username, password: OWNER.password });
  // The audit log is written in the background.
  const trips = relay.take().filter(([statement]) => !statement?.startsWith('insert into "audit_events"'));
  expect(answer.headers.get('location')).toMatch(/code=/);
  expect(trips.length).toBeLessThanOrEqual(5);
});
