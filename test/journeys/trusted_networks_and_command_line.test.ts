// A home: anyone who is at the tablet in the hall is logged in there, and a program of the
// operator's lets further people in.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLIENT_ID, REDIRECT_URI, REMOTE_ADDRESS, startServer, type TestServer } from '../support/fixtures/server.ts';

const TABLET = '192.168.0.10';
const TRUSTED = { type: 'trusted_networks', trusted_networks: ['192.168.0.0/24'], allow_bypass_login: true };
const PROGRAM =
  '#!/bin/sh\n[ "$password" = sesame ] || exit 1\necho "name = Ali Baba"\necho "local_only = true"\necho "group = system-admin"\n';

let server: TestServer;
let owner: Awaited<ReturnType<TestServer['ownerTokens']>>;

beforeAll(async () => {
  const command = join(mkdtempSync(join(tmpdir(), 'latchkey-program-')), 'check');
  writeFileSync(command, PROGRAM, { mode: 0o755 });
  const auth_providers = [{ type: 'homeassistant' }, TRUSTED, { type: 'command_line', command, meta: true }];
  server = await startServer({ config: { auth_providers } });
  owner = await server.ownerTokens();
});
afterAll(() => server.close());

async function begin(type: string, remote_address: string) {
  const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: [type, null] };
  return (await server.inject({ method: 'POST', url: '/auth/login_flow', json, remote_address })).json();
}
const answer = (flow_id: string, input: object, remote_address: string) =>
  server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: { client_id: CLIENT_ID, ...input }, remote_address });
const token = (form: Record<string, string>, remote_address: string) =>
  server.inject({ method: 'POST', url: '/auth/token', form: { client_id: CLIENT_ID, ...form }, remote_address });

test('the tablet in the hall logs in, and what it got is refreshed at home only', async () => {
  // J7: nobody is the owner unasked.
  const asked = await begin('trusted_networks', TABLET);
  expect(asked).toMatchObject({ type: 'form', errors: null, data_schema: [{ name: 'user', options: [[expect.any(String), 'Ada']] }] });
  // J8
  expect((await answer(asked.flow_id, { user: '0'.repeat(32) }, TABLET)).statusCode).toBe(400);
  const [[ada]] = asked.data_schema[0].options;
  const entered = (await answer(asked.flow_id, { user: ada }, TABLET)).json();
  expect(entered).toMatchObject({ type: 'create_entry', result: expect.any(String) });

  const { refresh_token, ...tokens } = (await token({ grant_type: 'authorization_code', code: entered.result }, TABLET)).json();
  const linked = { auth_provider_type: 'trusted_networks', auth_provider_id: null };
  const me = await server.inject({ url: '/api/me', token: tokens.access_token, remote_address: REMOTE_ADDRESS });
  expect(me.json()).toMatchObject({ id: ada, credentials: expect.arrayContaining([linked]) });
  // D15
  const refused = await token({ grant_type: 'refresh_token', refresh_token }, REMOTE_ADDRESS);
  expect([refused.statusCode, refused.json()]).toEqual([403, { error: 'access_denied', error_description: 'Not in trusted_networks' }]);
  expect((await token({ grant_type: 'refresh_token', refresh_token }, TABLET)).statusCode).toBe(200);
  expect((await token({ grant_type: 'refresh_token', refresh_token: owner.refresh_token }, REMOTE_ADDRESS)).statusCode).toBe(200);
});

test('from elsewhere the network is no login method', async () => {
  expect(await begin('trusted_networks', REMOTE_ADDRESS)).toEqual({ message: 'Invalid handler specified' });
});

test('whom the program lets in waits for the owner, as no administrator', async () => {
  const { flow_id } = await begin('command_line', REMOTE_ADDRESS);
  const wrong = await answer(flow_id, { username: 'ali', password: 'barley' }, REMOTE_ADDRESS);
  expect(wrong.json()).toMatchObject({ type: 'form', errors: { base: 'invalid_auth' } });
  const right = await answer(flow_id, { username: ' ali ', password: 'sesame' }, REMOTE_ADDRESS);
  expect([right.statusCode, right.json()]).toEqual([403, { message: 'Login blocked: User is not active' }]);

  const ali = { name: 'Ali Baba', is_active: false, is_pending: true, is_owner: false, local_only: true };
  const users = (await server.inject({ url: '/api/users', token: owner.access_token })).json().items;
  expect(users).toContainEqual(
    expect.objectContaining({ ...ali, group_ids: ['system-users'], credentials: [{ type: 'command_line', id: null }] }),
  );
});
