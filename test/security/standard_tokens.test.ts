// Tokens of the standard profile: what is not a token of this server, and what
// revokes them.
import { CompactEncrypt } from 'jose';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { OPERATOR } from '../../src/accounts/actor.ts';
import { openConnection } from '../../src/postgres/connection.ts';
import { authorizeUrl, standardBrowser } from '../support/clients/standard_browser.ts';
import { addApiPerson, callerWith } from '../support/fixtures/api.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../support/fixtures/standard_grants.ts';

const SECRET = 'the secret of the app';
const APP = { client_id: 'app', client_secret: SECRET };

let db: TestDatabase;
let server: TestServer;
let owner: ReturnType<typeof callerWith>;

beforeAll(async () => {
  db = await createTestDatabase();
  const clients = [{ ...APP, redirect_uris: [CALLBACK], token_endpoint_auth_method: 'client_secret_post', trusted: true }];
  server = await startServer({ database: db.database, config: { clients, http: { ip_ban_enabled: false } } });
  owner = callerWith(server, (await server.ownerTokens()).access_token);
});
afterAll(async () => {
  await server.close();
  await db.close();
});

type Login = { username: string; password: string };
const post = (url: string, form: Record<string, string>) => server.inject({ method: 'POST', url, form: { ...APP, ...form } });
const isActive = async (token: string) => (await post('/auth/introspect', { token })).json().active as boolean;
const userinfo = async (token: string) => (await server.inject({ url: '/auth/userinfo', token })).statusCode;

async function tokensOf(person?: Login) {
  const code = (await standardBrowser(server).authorize(authorizeUrl(), person)).searchParams.get('code')!;
  const answer = await post('/auth/token', { grant_type: 'authorization_code', code, code_verifier: VERIFIER });
  expect(answer.statusCode).toBe(200);
  return answer.json() as { access_token: string; refresh_token: string };
}

// E13
describe('a token that is encrypted or compressed', () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const key = Buffer.alloc(32, 1);
  const encrypt = (header: object) =>
    new CompactEncrypt(Buffer.alloc(4_000)).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', ...header }).encrypt(key);

  it.each<[string, () => Promise<string>]>([
    ['of five parts', () => encrypt({})],
    ['of five parts, compressed', async () => [part({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' }), '', 'x', 'x', 'x'].join('.')],
    [
      'of three parts, compressed',
      async () => (await tokensOf()).access_token.replace(/^[^.]*/, part({ alg: 'ES256', typ: 'at+jwt', zip: 'DEF' })),
    ],
    ['of six parts', async () => `${(await tokensOf()).access_token}.a.b.c`],
  ])('%s is unknown everywhere, and nothing of it is read', async (_story, make) => {
    const token = await make();
    expect([await userinfo(token), (await server.inject({ url: '/api/', token })).statusCode]).toEqual([401, 401]);
    expect((await post('/auth/introspect', { token })).json()).toEqual({ active: false });
  });
});

test('what was ended all at once is inactive, and stays so', async () => {
  const { id, username, password } = await addApiPerson(server, owner, 'edith');
  const tokens = [await tokensOf({ username, password }), await tokensOf({ username, password })];
  for (const { access_token } of tokens) expect(await isActive(access_token)).toBe(true);
  await server.container.refreshTokens.revokeAll(id, { current_id: null }, OPERATOR);
  for (const { access_token, refresh_token } of tokens) {
    expect([await isActive(access_token), await isActive(refresh_token)]).toEqual([false, false]);
  }
  expect(await isActive((await tokensOf({ username, password })).access_token)).toBe(true);
});

// F6
test('without its database the server never says that a token is revoked', async () => {
  const { refresh_token } = await tokensOf();
  const { database } = db.connection;
  const admin = await openConnection({ connection: { ...db.connection, database: 'postgres' } });
  await admin.query(`alter database ${database} with allow_connections false`);
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database]);
  const refused = await post('/auth/revoke', { token: refresh_token });
  expect([refused.statusCode, refused.json()]).toEqual([503, expect.objectContaining({ error: 'temporarily_unavailable' })]);
  await admin.query(`alter database ${database} with allow_connections true`);
  await admin.end();
  expect(await isActive(refresh_token)).toBe(true);
  expect((await post('/auth/revoke', { token: refresh_token })).statusCode).toBe(200);
  expect(await isActive(refresh_token)).toBe(false);
});
