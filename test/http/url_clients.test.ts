// Whom the policy about URL clients keeps out of Home Assistant's dialect, by JSON and on the page.
import { expect, it, test } from 'vitest';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer, type TestServer } from '../support/server.ts';

async function tryLogin(server: TestServer, password = OWNER.password) {
  const handler = ['homeassistant', null];
  const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler };
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json })).json();
  const answer = await server.inject({
    method: 'POST',
    url: `/auth/login_flow/${flow_id}`,
    json: { client_id: CLIENT_ID, username: OWNER.username, password },
  });
  return [answer.statusCode, answer.json().message ?? answer.json().type];
}

it.each<[unknown, unknown[]]>([
  ['refuse', [403, 'Login blocked: App is not allowed']],
  [['other.example.com'], [403, 'Login blocked: App is not allowed']],
  [['app.example.com'], [200, 'create_entry']],
  ['allow', [200, 'create_entry']],
])('under the policy %j a login ends with %j', async (policy, want) => {
  const server = await startServer({ config: { url_clients: { policy } } });
  await server.createOwner();
  expect(await tryLogin(server)).toEqual(want);
  await server.close();
});

test('an app waits until it is approved, and is put on the list only by those who may log in', async () => {
  const server = await startServer({ config: { url_clients: { policy: 'approve' } } });
  const { parts } = server;
  await server.createOwner();
  const waiting = async () => (await parts.approvals.pending()).url_clients.map(({ client_id }) => client_id);
  await tryLogin(server, 'wrong');
  expect(await waiting()).toEqual([]);
  expect(await tryLogin(server)).toEqual([403, 'Login blocked: App is waiting for approval']);
  expect(await waiting()).toEqual([CLIENT_ID]);
  const operator = { user_id: null, is_owner: true, is_admin: true, remote_address: null };
  await parts.approvals.decide({ client_id: CLIENT_ID, status: 'approved', metadata_hash: null }, operator);
  expect(await tryLogin(server)).toEqual([200, 'create_entry']);
  await server.close();
});
