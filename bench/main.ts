// `npm run bench`: what the server does most, beside npm's oidc-provider, on one database server, in alternating runs, and the ratios between the
// two. Options by environment: BENCH_ROUNDS, BENCH_SECONDS, BENCH_CODES, BENCH_GRANTS,
// BENCH_ONLY (part of a name), BENCH_DATABASE_URL.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/repository/embedded_postgres.ts';
import { CLIENTS, type Figures, measure, median } from './load.ts';
import { refreshOfAny, type Scenario, scenarios } from './scenarios.ts';
import { seedClients, seedGrants, seedOwner } from './seed.ts';
import { rssMiB, type Server, startLatchkey, startPeer } from './servers.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const seconds = Number(process.env.BENCH_SECONDS ?? 5);
const codes = Number(process.env.BENCH_CODES ?? 5000);
/** Among how many a grant is found in the end. */
const grants = Number(process.env.BENCH_GRANTS ?? 1_000_000);
const only = process.env.BENCH_ONLY ?? '';
const TOKENS = 200;
const FEW_GRANTS = 100_000;
/** Seconds of load before anything is measured. */
const WARM_UP = 2;
const PORTS = { latchkey: 18_520, peer: 18_521 };

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

function row(name: string, ours: Figures, peers: Figures | undefined): string {
  const figures = (f: Figures | undefined) =>
    f === undefined ? ['-', '-', '-', '-'] : [f.requests_per_second.toFixed(0), f.p50.toFixed(0), f.p99.toFixed(0), f.cpu.toFixed(3)];
  const ratio =
    peers === undefined
      ? ['-', '-']
      : [`${(ours.requests_per_second / peers.requests_per_second).toFixed(1)}x`, `1/${(peers.cpu / ours.cpu).toFixed(1)}`];
  return [name.padEnd(18), ...[...figures(ours), ...figures(peers), ...ratio].map((text) => text.padStart(9))].join(' ');
}

async function run(scenario: Scenario, ours: Server, peer: Server): Promise<string> {
  const runs: { ours: Figures[]; peers: Figures[] } = { ours: [], peers: [] };
  // Neither is measured before its code is warm.
  await measure(ours, await scenario.ours(), WARM_UP);
  if (scenario.peers) await measure(peer, await scenario.peers(), WARM_UP);
  for (let round = 0; round < rounds; round += 1) {
    const load = await scenario.ours();
    const [figures] = await Promise.all([measure(ours, load, seconds), scenario.meanwhile?.(seconds)]);
    runs.ours.push(figures);
    if (scenario.peers) runs.peers.push(await measure(peer, await scenario.peers(), seconds));
  }
  return row(scenario.name, median(runs.ours), scenario.peers ? median(runs.peers) : undefined);
}

/** Refreshes of any of so many grants, few and many: what they take must not grow with their number. */
async function growth(server: Server, database_url: string): Promise<string> {
  const measured: string[] = [];
  const rates: number[] = [];
  let seeded = 0;
  for (const count of [FEW_GRANTS, grants]) {
    await seedGrants(database_url, seeded + 1, count);
    seeded = count;
    await measure(server, refreshOfAny(count), WARM_UP);
    const runs: Figures[] = [];
    for (let round = 0; round < rounds; round += 1) runs.push(await measure(server, refreshOfAny(count), seconds));
    const { requests_per_second, p50, p99 } = median(runs);
    rates.push(requests_per_second);
    measured.push(`among ${count} grants ${requests_per_second.toFixed(0)} req/s, p50 ${p50}, p99 ${p99}`);
  }
  const [few = Number.NaN, many = Number.NaN] = rates;
  return `refresh ${measured.join('; ')}: ${(few / many).toFixed(2)}x the time`;
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
  const client_secret = await seedClients(urls.ours, data_dir);
  const memory = () => [ours, peer].map(({ pid }) => rssMiB(pid).toFixed(0));
  console.log(
    `Node ${process.version}, ${CLIENTS} clients, ${rounds} alternating rounds of ${seconds} s; middle round; ms; CPU seconds per 1,000 requests`,
  );
  const heads = ['req/s', 'p50', 'p99', 'CPU', 'peer', 'p50', 'p99', 'CPU', 'req/s', 'CPU'];
  console.log(['route'.padEnd(18), ...heads.map((text) => text.padStart(9))].join(' '));
  const memories = [memory()];
  const chosen = scenarios({ ours, peer, database_url: urls.ours, client_secret, tokens: TOKENS, codes });
  for (const scenario of chosen.filter(({ name }) => name.includes(only))) {
    // Hashing a password takes memory that nothing else does.
    if (scenario.name === 'login') memories.push(memory());
    console.log(await run(scenario, ours, peer));
  }
  memories.push(memory());
  console.log(`memory (MiB), latchkey and oidc-provider: ${memories.map((both) => both.join(' and ')).join('; under load ')}`);
  if (grants > FEW_GRANTS && 'refresh'.includes(only)) console.log(await growth(ours, urls.ours));
  await Promise.all([ours.stop(), peer.stop()]);
  console.log(
    `cold start (ms): latchkey ${(await coldStarts(startOurs)).toFixed(0)}, oidc-provider ${(await coldStarts(startTheirs)).toFixed(0)}`,
  );
} finally {
  await urls.close();
  await rm(data_dir, { recursive: true, force: true });
}
