// Floods of requests that store a row before anybody has logged in, from one address and from
// thousands.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AuthError } from '../../src/domain/errors.ts';
import { LIMITED_TABLES, type LimitedTable } from '../../src/repository/row_limits.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestRequest, type TestServer } from '../support/fixtures/server.ts';

/** `npm run test:floods:long` sends 5,000. */
const REQUESTS = Number(process.env.LATCHKEY_TEST_FLOOD ?? 500);
/** Of each kind, and all kinds at once. */
const AT_ONCE = 25;
/**
 * One request in so many goes through HTTP; the others call what its route calls, at a fraction of
 * the time.
 */
const BY_HTTP = 50;
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const INITIAL = 'an-initial-access-token';
const MAX_MEMORY = 40 * 1024 * 1024;
const DAY = 86_400;

let server: TestServer;
beforeAll(async () => {
  const tv = { client_id: 'tv', token_endpoint_auth_method: 'none', grant_types: [GRANT], redirect_uris: [] };
  server = await startServer({ config: { clients: [tv], registration: { enabled: true, initial_access_token: INITIAL } } });
  await server.createOwner();
});
afterAll(() => server.close());

type Kind = LimitedTable | 'clients' | 'failed_logins';
/** What one address may have a hundred of. */
const BY_ADDRESS: readonly Kind[] = [...LIMITED_TABLES, 'clients'];
const KINDS: readonly Kind[] = [...BY_ADDRESS, 'failed_logins'];

interface Flood {
  /** Null where no single request makes the row. */
  request: Omit<TestRequest, 'remote_address'> | null;
  call(remote_address: string, n: number): Promise<unknown>;
}

const LOGIN = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] as [string, null] };
const PUSHED = {
  ...{ client_id: CLIENT_ID, response_type: 'code', redirect_uri: REDIRECT_URI, scope: 'openid' },
  ...{ code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
};
const METADATA = { redirect_uris: ['https://app.example.com/cb'], token_endpoint_auth_method: 'none' };

const FLOODS: Record<Kind, Flood> = {
  login_flows: {
    request: { method: 'POST', url: '/auth/login_flow', json: LOGIN },
    call: (remote_address) =>
      server.container.login.start({ ...LOGIN, flow_type: 'authorize', code_challenge: null, browser_hash: null, remote_address }),
  },
  pushed_authorization_requests: {
    request: { method: 'POST', url: '/auth/par', form: PUSHED },
    async call(remote_address) {
      const parameters = new Map(Object.entries(PUSHED));
      const from = { authorization: undefined, parameters, remote_address, endpoint: '/auth/par' };
      const client = await server.container.clientAuthentication.authenticate(from);
      return await server.container.par.push(client, parameters, { remote_address, asker: remote_address, dpop_jkt: null });
    },
  },
  device_codes: {
    request: { method: 'POST', url: '/auth/device_authorization', form: { client_id: 'tv' } },
    call: (remote_address) =>
      server.container.deviceAuthorization.start(new Map([['client_id', 'tv']]), { authorization: undefined, remote_address }),
  },
  clients: {
    request: { method: 'POST', url: '/auth/register', token: INITIAL, json: METADATA },
    call: (remote_address) => server.container.registration!.register(METADATA, INITIAL, remote_address),
  },
  failed_logins: { request: null, call: (remote_address, n) => server.container.throttle.failed(remote_address, `name ${n}`) },
};

/** One request; answers what came of it. */
async function ask({ request, call }: Flood, remote_address: string, n: number): Promise<string> {
  if (request !== null && n % BY_HTTP === 0) {
    const { statusCode } = await server.inject({ ...request, remote_address });
    return statusCode < 300 ? 'stored' : statusCode === 429 ? 'too_many_requests' : String(statusCode);
  }
  return await call(remote_address, n).then(
    () => 'stored',
    (error: AuthError) => error.code,
  );
}

/** Asks again and again, so many at a time; answers how often each came. */
async function flood(kind: Kind, from: (n: number) => string): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  let sent = 0;
  const one = async () => {
    while (sent < REQUESTS) {
      const n = sent++;
      const answer = await ask(FLOODS[kind], from(n), n);
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return answers;
}

async function byKind<T>(kinds: readonly Kind[], work: (kind: Kind) => Promise<T>): Promise<Record<string, T>> {
  return Object.fromEntries(await Promise.all(kinds.map(async (kind) => [kind, await work(kind)] as const)));
}

async function rows(kind: Kind): Promise<number> {
  const which = kind === 'clients' ? sql`managed_by = 'registration'` : sql`true`;
  const counted = await sql<{ count: number }>`select count(*)::int as count from ${sql.table(kind)} where ${which}`.execute(
    server.container.database.kysely,
  );
  return counted.rows[0]?.count ?? 0;
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

const OF_THREE = (value: unknown) => Object.fromEntries(LIMITED_TABLES.map((table) => [table, value]));

// S13, N12
it('a flood of each kind from one address leaves a hundred rows, and others are served', async () => {
  const before = heapUsed();
  const answers = await byKind(BY_ADDRESS, (kind) => flood(kind, () => '198.51.100.1'));
  // A registration makes room by deleting the oldest of its network that nobody has logged in to.
  expect(answers).toEqual({ ...OF_THREE({ stored: 100, too_many_requests: REQUESTS - 100 }), clients: { stored: REQUESTS } });
  expect(heapUsed() - before).toBeLessThan(MAX_MEMORY);
  expect(await byKind(BY_ADDRESS, rows)).toEqual({ ...OF_THREE(100), clients: 100 });
  // No ban for a flood.
  expect((await server.inject({ url: '/auth/providers', remote_address: '198.51.100.1' })).statusCode).toBe(200);
}, 600_000);

// S13, N12
it('a flood of each kind from as many addresses is answered whole, and leaves nothing once it has expired', async () => {
  const before = heapUsed();
  const answers = await byKind(KINDS, (kind) => flood(kind, (n) => `198.18.${n >> 8}.${n & 255}`));
  expect(answers).toEqual(Object.fromEntries(KINDS.map((kind) => [kind, { stored: REQUESTS }])));
  expect(heapUsed() - before).toBeLessThan(MAX_MEMORY);
  // Of clients that nobody has logged in to the newest thousand are kept.
  const clients = Math.min(1000, REQUESTS + 100);
  expect(await byKind(KINDS, rows)).toEqual({ ...OF_THREE(REQUESTS + 100), clients, failed_logins: REQUESTS });
  server.advance(DAY);
  await server.container.janitor.run();
  expect(await byKind(KINDS, rows)).toEqual({ ...OF_THREE(0), clients, failed_logins: 0 });
}, 600_000);
