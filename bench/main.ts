// `npm run bench`: refreshes, code exchange, userinfo, login, discovery, authorize page and cold start beside npm's oidc-provider, on one database server,
// in alternating runs, and the ratios between the two. Options by environment: BENCH_ROUNDS, BENCH_SECONDS, BENCH_CODES, BENCH_DATABASE_URL.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/repository/embedded_postgres.ts';
import { CLIENTS, type Figures, type Load, measure, median } from './load.ts';
import {
  CLIENT_ID,
  LOGIN,
  REDIRECT_URI,
  redeem,
  STANDARD_CLIENT_ID,
  seedCodes,
  seedOwner,
  seedPeerCodes,
  seedStandardClient,
  type Tokens,
} from './seed.ts';
import { rssMiB, type Server, startLatchkey, startPeer } from './servers.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const seconds = Number(process.env.BENCH_SECONDS ?? 5);
const codes = Number(process.env.BENCH_CODES ?? 2000);
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const TOKENS = 200;
/** Seconds of load before anything is measured. */
const WARM_UP = 2;
const PORTS = { latchkey: 18_520, peer: 18_521 };

const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
const exchange = (code: string) => form({ grant_type: 'authorization_code', client_id: CLIENT_ID, code });
const peerExchange = (code: string) => form({ grant_type: 'authorization_code', client_id: 'bench', code, redirect_uri: REDIRECT_URI });

function inTurn(bodies: readonly string[]): () => string | undefined {
  let next = 0;
  return () => bodies[next++ % bodies.length];
}

async function databases(): Promise<{ ours: string; peers: string; close(): Promise<void> }> {
  const given = process.env.BENCH_DATABASE_URL;
  const data_dir = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
  await chmod(data_dir, 0o711);
  const server = given === undefined ? await startEmbeddedPostgres({ data_dir, log: () => {} }) : undefined;
  const admin = server?.superuser;
  const base =
    given ?? `postgres://${admin?.user}:${admin?.password}@localhost:${admin?.port}/postgres?host=${encodeURIComponent(admin?.host ?? '')}`;
  const client = new pg.Client({ connectionString: base });
  await client.connect();
  const named = (name: string) => base.replace(/\/[^/?]*(\?|$)/, `/${name}$1`);
  for (const name of ['bench_latchkey', 'bench_peer']) {
    await client.query(`drop database if exists ${name}`);
    await client.query(`create database ${name}`);
  }
  await client.end();
  return {
    ours: named('bench_latchkey'),
    peers: named('bench_peer'),
    async close() {
      await server?.stop();
      await rm(data_dir, { recursive: true, force: true });
    },
  };
}

/** A scenario: what is sent to us and to the peer in each round; the peer's may be missing. */
interface Scenario {
  name: string;
  ours: () => Promise<Load>;
  peers?: () => Promise<Load>;
}

async function scenarios(ours: Server, peer: Server, database_url: string): Promise<Scenario[]> {
  const post = (path: string, body: () => string | undefined, more: Partial<Load> = {}): Load => ({
    path,
    method: 'POST',
    headers: FORM,
    body,
    status: 200,
    ...more,
  });
  const ourTokens = await redeem(ours, '/auth/token', (await seedCodes(database_url, TOKENS)).map(exchange));
  const peerTokens = await redeem(peer, '/token', (await seedPeerCodes(peer, TOKENS)).map(peerExchange));
  const ourStandard = await redeem(ours, '/auth/token', (await seedCodes(database_url, TOKENS, true)).map(peerExchange));
  const peerStandard = await redeem(peer, '/token', (await seedPeerCodes(peer, TOKENS, true)).map(peerExchange));
  const refreshing =
    (client_id: string) =>
    ({ refresh_token }: Tokens) =>
      form({ grant_type: 'refresh_token', client_id, refresh_token });
  const userinfo = (path: string, [tokens]: Tokens[]): Load => ({
    path,
    headers: { authorization: `Bearer ${tokens?.access_token}` },
    status: 200,
  });
  const authorize = new URLSearchParams({ response_type: 'code', client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, state: 'x' });
  const peerAuthorize = new URLSearchParams({
    response_type: 'code',
    client_id: 'bench',
    redirect_uri: REDIRECT_URI,
    state: 'x',
    scope: 'api',
  });
  return [
    {
      name: 'refresh',
      ours: async () => post('/auth/token', inTurn(ourTokens.map(refreshing(CLIENT_ID)))),
      peers: async () => post('/token', inTurn(peerTokens.map(refreshing('bench')))),
    },
    {
      name: 'refresh, rotating',
      ours: async () => post('/auth/token', ...rotating(ourStandard)),
      peers: async () => post('/token', ...rotating(peerStandard)),
    },
    {
      name: 'code exchange',
      ours: async () => post('/auth/token', inTurn((await seedCodes(database_url, codes)).map(exchange)), { amount: codes }),
      peers: async () => post('/token', inTurn((await seedPeerCodes(peer, codes)).map(peerExchange)), { amount: codes }),
    },
    {
      name: 'userinfo',
      ours: async () => userinfo('/auth/userinfo', ourStandard),
      peers: async () => userinfo('/me', peerStandard),
    },
    {
      name: 'discovery',
      ours: async () => ({ path: '/.well-known/oauth-authorization-server', status: 200 }),
      peers: async () => ({ path: '/.well-known/openid-configuration', status: 200 }),
    },
    {
      name: 'authorize page',
      ours: async () => ({ path: `/auth/authorize?${authorize}`, status: 200 }),
      peers: async () => ({ path: `/auth?${peerAuthorize}`, status: 303 }),
    },
    { name: 'login (password)', ours: () => passwordLogin(ours, `/auth/authorize?${authorize}`) },
  ];
}

/** Refreshes with ID tokens, each with the token that the one before got: the last answer's token goes back into the queue. */
function rotating(tokens: Tokens[]): [() => string | undefined, Partial<Load>] {
  const body = () => {
    const next = tokens.shift();
    return next && form({ grant_type: 'refresh_token', client_id: STANDARD_CLIENT_ID, refresh_token: next.refresh_token });
  };
  return [body, { onBody: (answer) => void tokens.push(JSON.parse(answer) as Tokens) }];
}

/** The login page's own form, sent again and again by one browser: cookie, form token, password. */
async function passwordLogin(server: Server, path: string): Promise<Load> {
  const page = await fetch(server.url + path);
  const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(await page.text())?.[1] ?? '';
  return { path, method: 'POST', headers: { ...FORM, cookie }, body: () => form({ csrf_token, ...LOGIN }), status: 303 };
}

function row(name: string, ours: Figures, peers: Figures | undefined): string {
  const figures = (f: Figures | undefined) =>
    f === undefined ? ['-', '-', '-', '-'] : [f.requests_per_second.toFixed(0), f.p50.toFixed(0), f.p99.toFixed(0), f.cpu.toFixed(3)];
  const ratio =
    peers === undefined
      ? ['-', '-']
      : [`${(ours.requests_per_second / peers.requests_per_second).toFixed(1)}x`, `1/${(peers.cpu / ours.cpu).toFixed(1)}`];
  return [name.padEnd(18), ...[...figures(ours), ...figures(peers), ...ratio].map((text) => text.padStart(9))].join(' ');
}

async function coldStarts(start: () => Promise<Server>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const server = await start();
    times.push(server.cold_start);
    await server.stop();
  }
  return times.toSorted((a, b) => a - b)[1] ?? Number.NaN;
}

const urls = await databases();
const data_dir = await mkdtemp(join(tmpdir(), 'latchkey-bench-data-'));
const startOurs = () => startLatchkey(PORTS.latchkey, urls.ours, data_dir);
const startTheirs = () => startPeer(PORTS.peer, urls.peers);
try {
  const [ours, peer] = [await startOurs(), await startTheirs()];
  await seedOwner(ours);
  await seedStandardClient(urls.ours);
  const idle = [ours, peer].map(({ pid }) => rssMiB(pid));
  console.log(
    `Node ${process.version}, ${CLIENTS} clients, ${rounds} alternating rounds of ${seconds} s; middle round; ms; CPU seconds per 1,000 requests`,
  );
  console.log(
    [
      'route'.padEnd(18),
      ...['req/s', 'p50', 'p99', 'CPU', 'peer', 'p50', 'p99', 'CPU', 'req/s', 'CPU'].map((text) => text.padStart(9)),
    ].join(' '),
  );
  for (const scenario of await scenarios(ours, peer, urls.ours)) {
    const runs: { ours: Figures[]; peers: Figures[] } = { ours: [], peers: [] };
    // Neither is measured before its code is warm.
    await measure(ours, await scenario.ours(), WARM_UP);
    if (scenario.peers) await measure(peer, await scenario.peers(), WARM_UP);
    for (let round = 0; round < rounds; round += 1) {
      runs.ours.push(await measure(ours, await scenario.ours(), seconds));
      if (scenario.peers) runs.peers.push(await measure(peer, await scenario.peers(), seconds));
    }
    console.log(row(scenario.name, median(runs.ours), scenario.peers ? median(runs.peers) : undefined));
  }
  const loaded = [ours, peer].map(({ pid }) => rssMiB(pid));
  console.log(
    `memory (MiB): latchkey ${idle[0]?.toFixed(0)} idle, ${loaded[0]?.toFixed(0)} after load; oidc-provider ${idle[1]?.toFixed(0)}, ${loaded[1]?.toFixed(0)}`,
  );
  await Promise.all([ours.stop(), peer.stop()]);
  console.log(
    `cold start (ms): latchkey ${(await coldStarts(startOurs)).toFixed(0)}, oidc-provider ${(await coldStarts(startTheirs)).toFixed(0)}`,
  );
} finally {
  await urls.close();
  await rm(data_dir, { recursive: true, force: true });
}
