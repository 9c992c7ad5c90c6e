// Whom a flood of rows refuses: pages of other sites only each other, nobody behind an address that
// many share, and no client for its logins.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { LIMITED_TABLES, type LimitedTable } from '../../src/repository/row_limits.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestRequest, type TestServer } from '../support/fixtures/server.ts';

const VISITOR = '198.51.100.1';
const PROXY = '10.0.0.2';
const EVIL = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
const SECRET = 'a long secret of the web app';
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

let server: TestServer;
beforeAll(async () => {
  const tv = { client_id: 'tv', token_endpoint_auth_method: 'none', grant_types: [DEVICE_GRANT], redirect_uris: [] };
  const web = { client_id: 'web', client_secret: SECRET, redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', DEVICE_GRANT] };
  server = await startServer({ config: { clients: [tv, web], http: { trusted_proxies: [PROXY] } } });
  await server.createOwner();
});
afterAll(() => server.close());
beforeEach(async () => {
  for (const table of LIMITED_TABLES) await server.container.database.kysely.deleteFrom(table).execute();
});

const PUSHED = {
  ...{ client_id: CLIENT_ID, response_type: 'code', redirect_uri: REDIRECT_URI, scope: 'openid' },
  ...{ code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
};
const LOGIN = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
const REQUESTS: Record<LimitedTable, TestRequest> = {
  login_flows: { method: 'POST', url: '/auth/login_flow', json: LOGIN },
  pushed_authorization_requests: { method: 'POST', url: '/auth/par', form: PUSHED },
  device_codes: { method: 'POST', url: '/auth/device_authorization', form: { client_id: 'tv' } },
};

/** Sends a request so many times; answers how often each status came. */
async function flood(request: TestRequest, times: number): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  for (let n = 0; n < times; n += 1) {
    const { statusCode } = await server.inject(request);
    statuses[statusCode] = (statuses[statusCode] ?? 0) + 1;
  }
  return statuses;
}

async function count(table: LimitedTable): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::int n from ${sql.table(table)}`.execute(server.container.database.kysely);
  return rows[0]!.n;
}

const OK: Record<LimitedTable, number> = { login_flows: 200, pushed_authorization_requests: 201, device_codes: 200 };

// S13
it.each(['pushed_authorization_requests', 'device_codes'] as const)(
  'a page of another site refuses only its own kind (%s)',
  async (table) => {
    const request = { ...REQUESTS[table], remote_address: VISITOR };
    expect(await flood({ ...request, headers: EVIL }, 101)).toEqual({ [OK[table]]: 10, 429: 91 });
    expect(await flood(request, 101)).toEqual({ [OK[table]]: 100, 429: 1 });
  },
);

// S13
it.each(LIMITED_TABLES.flatMap((table) => ['127.0.0.1', PROXY].map((address) => [table, address] as const)))(
  'an address that many share is never refused: the oldest row makes room (%s from %s)',
  async (table, remote_address) => {
    expect(await flood({ ...REQUESTS[table], remote_address }, 120)).toEqual({ [OK[table]]: 120 });
    expect(await count(table)).toBe(100);
  },
);

// S13
it('a login that somebody has typed into stays, whatever comes from the same shared address', async () => {
  const remote_address = '127.0.0.1';
  const request = { ...REQUESTS.login_flows, remote_address };
  const { flow_id } = (await server.inject(request)).json();
  const answer = (password: string) =>
    server.inject({
      method: 'POST',
      url: `/auth/login_flow/${flow_id}`,
      json: { client_id: CLIENT_ID, username: 'ada', password },
      remote_address,
    });
  expect((await answer('wrong')).json().type).toBe('form');
  await flood(request, 120);
  expect((await answer('a good long password')).json().type).toBe('create_entry');
});

// S13
it('used requests do not count', async () => {
  const request = { ...REQUESTS.pushed_authorization_requests, remote_address: VISITOR };
  await flood(request, 100);
  await server.container.database.kysely.updateTable('pushed_authorization_requests').set({ used_at: server.clock() }).execute();
  expect(await flood(request, 1)).toEqual({ 201: 1 });
});

// S13
it.each(['pushed_authorization_requests', 'device_codes'] as const)(
  'a client that proved itself has rows of its own, not those of its address, and no visitor of it can have it refused (%s)',
  async (table) => {
    const request = REQUESTS[table];
    const form = { ...request.form, client_id: 'web', client_secret: SECRET };
    expect(await flood({ ...request, remote_address: VISITOR }, 101)).toMatchObject({ 429: 1 });
    expect(await flood({ ...request, form, remote_address: VISITOR }, 101)).toEqual({ [OK[table]]: 101 });
    expect(await count(table)).toBe(201);
    await sql`update ${sql.table(table)} set created_at = created_at - interval '1 s'`.execute(server.container.database.kysely);
    expect(await flood({ ...request, form, remote_address: '198.51.100.2' }, 920)).toEqual({ [OK[table]]: 920 });
    expect(await count(table)).toBe(1100);
  },
  60_000,
);
