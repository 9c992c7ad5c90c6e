// What a login asks of the database, counted on the wire.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type Database } from '../../src/postgres/database.ts';
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
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json })).json();
  relay.take();
  const answer = await server.inject({
    method: 'POST',
    url: `/auth/login_flow/${flow_id}`,
    json: { client_id: CLIENT_ID, username: OWNER.username, password: OWNER.password },
  });
  expect(answer.json().type).toBe('create_entry');
  const trips = relay.take().filter(([statement]) => !statement?.startsWith('insert into "audit_events"'));
  expect(trips.length).toBeLessThanOrEqual(5);
});

test('a password login on a page takes at most five round trips', async () => {
  const url = `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, response_type: 'code' })}`;
  const page = await server.inject({ url });
  const cookie = String(page.headers['set-cookie']).split(';', 1)[0] ?? '';
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
  relay.take();
  const form = { csrf_token, username: OWNER.username, password: OWNER.password };
  const answer = await server.inject({ method: 'POST', url, headers: { cookie }, form });
  // The audit log is written in the background.
  const trips = relay.take().filter(([statement]) => !statement?.startsWith('insert into "audit_events"'));
  expect(answer.headers.location).toMatch(/code=/);
  expect(trips.length).toBeLessThanOrEqual(5);
});
