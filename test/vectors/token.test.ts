// Codes and refresh tokens: redeemed, refreshed, revoked.
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { expectAnswer, runArea, send } from '../support/clients/vector_driver.ts';
import type { Vector } from '../support/clients/vectors.ts';
import { addUser } from '../support/fixtures/login.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';

const CLIENT_ID = 'https://example.com/app';
const HOW = { client_id: CLIENT_ID, redirect_uri: `${CLIENT_ID}/callback`, handler: ['insecure_example', null] as [string, null] };

let server: TestServer;
let user_id: string;
beforeAll(async () => {
  const users = ['test-user', 'new-user'].map((username) => ({ username, password: 'test-pass', name: 'Test Name' }));
  server = await startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, { type: 'insecure_example', name: 'Example', users, new_users: 'activate' }],
      http: { ip_ban_enabled: false },
    },
  });
  ({ user_id } = await addUser(server.container.database, 'test-user'));
});
afterAll(() => server.close());
beforeEach(() => change({ is_active: true, local_only: false }));

const change = (flags: { is_active?: boolean; local_only?: boolean }) =>
  server.container.database.kysely.updateTable('users').set(flags).where('id', '=', user_id).execute();
const login = (username = 'test-user') => server.login({ username, password: 'test-pass' }, HOW);
const from = ({ given }: Vector) => (given.remote === undefined ? {} : { remote_address: given.remote });
const call = async (token: string) => (await server.inject({ url: '/api/', token })).statusCode;

async function redeem(vector: Vector): Promise<void> {
  const { given, request, expect: want } = vector;
  const code = await login();
  server.advance(given.code.age_seconds);
  if (given.user) await change(given.user);
  const how = { ...from(vector), words: { CODE: code } };
  if (given.then === 'same request again') expect((await send(server, request, how)).statusCode).toBe(200);
  expectAnswer(await send(server, request, how), want);
  if (!want.code_consumed) return;
  await change({ is_active: true });
  expect((await send(server, request, how)).json()).toEqual({ error: 'invalid_request', error_description: 'Invalid code' });
}

runArea('token-code', redeem, {
  'token-code-017': async () => {
    const { access_token: token } = await server.redeem(await login('new-user'), CLIENT_ID);
    expect((await server.inject({ url: '/api/me', token })).json()).toMatchObject({ name: 'Test Name', is_owner: false, is_admin: false });
    const { id } = (await server.inject({ url: '/api/me', token })).json();
    const user = await server.container.users.get(id);
    expect(user).toMatchObject({ is_active: true, local_only: false, group_ids: ['system-users'] });
  },
});

runArea('token-refresh', async (vector) => {
  const { given, request, expect: want } = vector;
  const { refresh_token } = await server.redeem(await login(), CLIENT_ID);
  if (given.user) await change(given.user);
  expectAnswer(await send(server, request, { ...from(vector), words: { RT: refresh_token } }), want);
});

// A connection that a revoked token opened is an access token here: it dies as the socket would.
runArea('revoke', async ({ request, expect: want }) => {
  const { access_token, refresh_token } = await server.redeem(await login(), CLIENT_ID);
  const words = { RT: refresh_token, '<an access token, as the iOS app sends>': access_token };
  expectAnswer(await send(server, request, { words }), want);
  const ended = request.form.token === 'RT';
  expect(await call(access_token)).toBe(ended ? 401 : 200);
  const refreshed = await server.inject({
    method: 'POST',
    url: '/auth/token',
    form: { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token },
  });
  if (ended) expect([refreshed.statusCode, refreshed.json()]).toEqual([400, { error: 'invalid_grant' }]);
  else expect(refreshed.statusCode).toBe(200);
});
