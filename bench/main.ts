// `npm run bench`: compares this version with other servers and with an older build, on one
// database server, in rounds of changing order. See `npm run bench -- --help`.

import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Contender, ROUTES, type Route } from './contender.ts';
import { contenders, OURS } from './contenders/index.ts';
import { openBenchDatabase } from './database.ts';
import { measureGrowth } from './growth.ts';
import { CLIENTS, type Figures, measure } from './load.ts';
import { rssMiB } from './processes.ts';
import { boundText, HEADER, reportRoute } from './report.ts';
import { median, medians } from './statistics.ts';
import { BOUNDS } from './targets.ts';

const HELP = `npm run bench -- [options]
  --older <folder>       another checkout of ours, built: measured in the same rounds
  --seconds <n>          of each measured run (5)
  --rounds <n>           of each route (3)
  --tokens <n>           distinct tokens of each route (5000)
  --codes <n>            codes of each exchange (1000 for each second)
  --only <text>          routes whose name contains one of these, separated by ";"; "tokens" stands for refresh, exchange, introspection,
                         userinfo, verify and client credentials
  --against <names>      contenders beside us, separated by "," (all that are there)
  --grants <n>           also measure refreshes among so many grants (left out)
  --database-url <url>   a PostgreSQL of your own; its CPU is not told
`;
const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    older: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '5000' },
    codes: { type: 'string' },
    only: { type: 'string', default: '' },
    against: { type: 'string' },
    grants: { type: 'string' },
    'database-url': { type: 'string' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}
const TOKEN_ROUTES = 'refresh;exchange;introspection;userinfo;verify;client credentials';
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const tokens = Number(values.tokens);
const codes = Number(values.codes ?? Math.max(100, Math.round(1000 * seconds)));
const wanted = (values.only === 'tokens' ? TOKEN_ROUTES : values.only).split(';');
const routes = ROUTES.filter((route) => wanted.some((text) => route.includes(text)));
/** Before measuring. */
const WARM_UP_SECONDS = Math.min(2, seconds);
const FIRST_PORT = 18_520;
const COLD_STARTS = 3;

const database = await openBenchDatabase(values['database-url']);
const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-data-'));
const running: Contender[] = [];

async function startAll(): Promise<void> {
  const beside = values.against?.split(',');
  for (const [index, { name, start }] of contenders(values.older).entries()) {
    if (name !== OURS && name !== 'older' && beside?.includes(name) === false) continue;
    const started = await start({ database, folder, port: FIRST_PORT + index, tokens, codes });
    if ('skipped' in started) console.log(`skipped: ${name}: ${started.skipped}`);
    else running.push(started);
  }
}

async function measureRound(contender: Contender, route: Route, run_seconds: number): Promise<Figures | undefined> {
  const load = await contender.loads[route]?.();
  if (load === undefined) return undefined;
  const other = await contender.meanwhile?.[route]?.();
  const [figures] = await Promise.all([
    measure(contender.server, load, run_seconds, database.cpuSeconds),
    other && measure(contender.server, other, run_seconds, database.cpuSeconds),
  ]);
  return figures;
}

/**
 * Rotates the order each round and reverses every other one, so that nobody always runs first or
 * after the same contender.
 */
function orderOf(round: number): Contender[] {
  const first = round % running.length;
  const turned = [...running.slice(first), ...running.slice(0, first)];
  return round % 2 === 0 ? turned : turned.reverse();
}

async function measureRoute(route: Route): Promise<Map<string, Figures[]>> {
  for (const contender of running) await measureRound(contender, route, WARM_UP_SECONDS);
  const results = new Map<string, Figures[]>();
  for (const { name, loads } of running) if (loads[route]) results.set(name, []);
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of orderOf(round)) {
      const figures = await measureRound(contender, route, seconds);
      if (figures) results.get(contender.name)?.push(figures);
    }
  }
  return results;
}

async function coldStart({ server, restart }: Contender): Promise<number> {
  await server.stop();
  const times: number[] = [];
  for (let count = 0; count < COLD_STARTS; count += 1) {
    const again = await restart();
    times.push(again.cold_start);
    await again.stop();
  }
  return median(times);
}

function reportBounds(route: Route, own: readonly Figures[], steps: number): string[] {
  const { requests_per_second, p99 } = medians(own);
  const { steps_to_login_page, logins_per_second, refresh_during_logins_p99 } = BOUNDS;
  if (route === 'way to the login page')
    return [boundText('  requests on the way', steps, steps <= steps_to_login_page, `${steps_to_login_page}`)];
  if (route === 'password login')
    return [boundText('  logins a second', requests_per_second, requests_per_second >= logins_per_second, `≥ ${logins_per_second}`)];
  if (route === 'refresh during logins')
    return [boundText('  p99', p99, p99 <= refresh_during_logins_p99, `≤ ${refresh_during_logins_p99} ms`)];
  return [];
}

try {
  await startAll();
  const memory = () => running.map(({ name, server }) => `${name} ${rssMiB(server.pid).toFixed(0)}`).join(', ');
  console.log(
    `Node ${process.version}, ${availableParallelism()} cores, ${CLIENTS} clients, ${rounds} rounds of ${seconds} s, ` +
      `${tokens} distinct tokens, ${codes} codes, log at its default level\n${HEADER}\n`,
  );
  const idle = memory();
  const ours = running.find(({ name }) => name === OURS);
  for (const route of routes) {
    const results = await measureRoute(route);
    const steps = (await ours?.loads[route]?.())?.steps ?? 1;
    console.log([...reportRoute(route, results, OURS), ...reportBounds(route, results.get(OURS) ?? [], steps)].join('\n'));
  }
  console.log(
    `\nmemory (MiB; target ≤ ${BOUNDS.rss_idle} idle, ≤ ${BOUNDS.rss_after_load} after load): idle ${idle}; after load ${memory()}`,
  );
  if (values.grants !== undefined && ours)
    console.log(
      await measureGrowth(ours, {
        database_url: ours.database_url ?? '',
        grants: Number(values.grants),
        seconds,
        rounds,
        databaseCpu: database.cpuSeconds,
      }),
    );
  const starts: string[] = [];
  for (const contender of running) starts.push(`${contender.name} ${(await coldStart(contender)).toFixed(0)}`);
  console.log(`cold start (ms, median of ${COLD_STARTS}; target ≤ ${BOUNDS.cold_start}): ${starts.join(', ')}`);
} finally {
  for (const { server } of running) await server.stop();
  await database.close();
  await rm(folder, { recursive: true, force: true });
}
