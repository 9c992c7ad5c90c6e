// Floods of requests that store a row before anybody has logged in, from one address and from thousands.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuthError } from '../../src/domain/errors.ts';
import { LIMITED_TABLES, type LimitedTable } from '../../src/repository/row_limits.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestServer } from '../support/server.ts';

const ADDRESSES = 5000;
/** Of one address: beyond the first hundred each is answered alike. */
const OF_ONE_ADDRESS = 1000;
const AT_ONCE = 50;
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

let server: TestServer;
beforeAll(async () => {
  const tv = { client_id: 'tv', token_endpoint_auth_method: 'none', grant_types: [GRANT], redirect_uris: [] };
  server = await startServer({ config: { clients: [tv] } });
  await server.createOwner();
});
afterAll(() => server.close());

/** What each endpoint does for one request, below HTTP: 30,000 requests through it would take minutes. */
const FLOODS: Record<LimitedTable, (remote_address: string) => Promise<unknown>> = {
  login_flows: (remote_address) =>
    server.parts.login.begin({
      ...{ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, flow_type: 'authorize', handler: ['homeassistant', null] },
      ...{ code_challenge: null, browser_hash: null, remote_address },
    }),
  async pushed_authorization_requests(remote_address) {
    const parameters = new Map(Object.entries(PUSHED));
    const client = await server.parts.clientAuthentication.authenticate({
      authorization: undefined,
      parameters,
      remote_address,
      endpoint: '/auth/token',
    });
    return await server.parts.par.push(client, parameters, { remote_address, asker: remote_address, dpop_jkt: null });
  },
  device_codes: (remote_address) =>
    server.parts.deviceAuthorization.start(new Map([['client_id', 'tv']]), { authorization: undefined, remote_address }),
};
const PUSHED = {
  ...{ client_id: CLIENT_ID, response_type: 'code', redirect_uri: REDIRECT_URI, scope: 'openid' },
  ...{ code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
};

/** Asks again and again, so many at a time; answers how often each came. */
async function flood(table: LimitedTable, requests: number, from: (n: number) => string): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  const ask = (n: number) =>
    FLOODS[table](from(n)).then(
      () => 'stored',
      (error: AuthError) => error.code,
    );
  for (let sent = 0; sent < requests; sent += AT_ONCE) {
    for (const answer of await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => ask(sent + n))))
      answers[answer] = (answers[answer] ?? 0) + 1;
  }
  return answers;
}

async function rows(table: LimitedTable): Promise<number> {
  const counted = await sql<{ count: number }>`select count(*)::int as count from ${sql.table(table)}`.execute(
    server.parts.database.kysely,
  );
  return counted.rows[0]?.count ?? 0;
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

// S13, N12
describe.each(LIMITED_TABLES)('a flood of requests for rows of %s', (table) => {
  it('of one address leave a hundred, and it is not banned', async () => {
    expect(await flood(table, OF_ONE_ADDRESS, () => '198.51.100.1')).toEqual({ stored: 100, too_many_requests: OF_ONE_ADDRESS - 100 });
    expect(await rows(table)).toBe(100);
    expect((await server.inject({ url: '/auth/providers', remote_address: '198.51.100.1' })).statusCode).toBe(200);
  }, 120_000);

  it('of 5,000 addresses are all answered, keep no memory, and leave nothing once they have expired', async () => {
    const before = heapUsed();
    expect(await flood(table, ADDRESSES, (n) => `198.18.${n >> 8}.${n & 255}`)).toEqual({ stored: ADDRESSES });
    expect(heapUsed() - before).toBeLessThan(30 * 1024 * 1024);
    expect(await rows(table)).toBe(ADDRESSES + 100);
    // A device that asks late is told so for an hour.
    server.advance(600 + 3600);
    await server.parts.janitor.run();
    expect(await rows(table)).toBe(0);
  }, 120_000);
});
