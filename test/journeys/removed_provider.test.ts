// A provider leaves the configuration and comes back: two servers with two configurations on one
// database, as before and after a restart.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { link, linkCode } from '../support/fixtures/linking.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestServer } from '../support/fixtures/server.ts';
import { addSomeone, example, PASSWORD } from '../support/fixtures/someone.ts';

const LOCAL = { type: 'homeassistant' };
const FIRST = { ...example('ann', 'ben'), name: 'First' };
const SECOND = { ...example('ann', 'cid'), id: 'second', name: 'Second', new_users: 'activate' };
const AT_SECOND = { handler: ['insecure_example', 'second'] as [string, string] };

let db: TestDatabase;
let before: TestServer;
let after: TestServer;
beforeAll(async () => {
  db = await createTestDatabase();
  const start = (...auth_providers: object[]) => startServer({ database: db.database, config: { auth_providers } });
  before = await start(LOCAL, FIRST, SECOND);
  after = await start(LOCAL, FIRST);
});
afterAll(async () => {
  await before.close();
  await after.close();
  await db.close();
});

async function refresh(server: TestServer, refresh_token: string) {
  const form = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token };
  const answer = await server.inject({ method: 'POST', url: '/auth/token', form });
  return [answer.statusCode, answer.json().error];
}
const call = async (server: TestServer, token: string) => (await server.inject({ url: '/api/me', token })).statusCode;
const login = async (server: TestServer, username: string) => await server.login({ username, password: PASSWORD }, AT_SECOND);

// K8
test('a removed provider’s refresh tokens get 403, nobody logs in there, others are not affected, and it works again when it is back', async () => {
  const owner = await before.ownerTokens();
  const ben = await addSomeone(before, 'ben');
  const cid = await before.redeem(await login(before, 'cid'));
  expect(await refresh(before, cid.refresh_token)).toEqual([200, undefined]);

  expect(await refresh(after, cid.refresh_token)).toEqual([403, 'access_denied']);
  // Until it is over in half an hour: a provider speaks when a token is made, not when it is used.
  expect(await call(after, cid.access_token)).toBe(200);
  for (const { refresh_token, access_token } of [owner, ben])
    expect([await refresh(after, refresh_token), await call(after, access_token)]).toEqual([[200, undefined], 200]);
  await expect(login(after, 'cid')).rejects.toThrow();
  const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, ...AT_SECOND };
  const refused = await after.inject({ method: 'POST', url: '/auth/login_flow', json: start });
  expect([refused.statusCode, refused.json()]).toEqual([404, { message: 'Invalid handler specified' }]);

  expect(await refresh(before, cid.refresh_token)).toEqual([200, undefined]);
});

// K8
test('unfinished logins of the provider end', async () => {
  const { access_token } = await addSomeone(before, 'ann');
  const [code, linking] = [await login(before, 'cid'), await linkCode(before, 'ann', { id: 'second' })];
  const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, ...AT_SECOND };
  const { flow_id } = (await before.inject({ method: 'POST', url: '/auth/login_flow', json: start })).json();
  const json = { client_id: CLIENT_ID, username: 'cid', password: PASSWORD };
  expect((await after.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json })).statusCode).toBe(404);
  expect((await link(after, access_token, linking)).json()).toEqual({ message: 'Invalid code' });
  const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code };
  const redeemed = await after.inject({ method: 'POST', url: '/auth/token', form });
  expect([redeemed.statusCode, redeemed.json().error]).toEqual([403, 'access_denied']);
});

// K8
test('the only login method of a person is kept, though its provider is gone', async () => {
  const dora = (await before.redeem(await login(before, 'cid'))).access_token;
  const { id: user_id } = (await before.inject({ url: '/api/me', token: dora })).json();
  const [credential] = await before.container.repositories.credentials.ofUser(user_id);
  // The only one, if a dead one: it may be back.
  const refused = await after.inject({ method: 'DELETE', url: `/api/me/credentials/${credential!.id}`, token: dora });
  expect([refused.statusCode, refused.json().code]).toEqual([409, 'last_credential']);
});
