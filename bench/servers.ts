// Starts the two servers as processes of their own on one database server, and reads what they cost from /proc.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Server {
  name: string;
  url: string;
  pid: number;
  /** Milliseconds from the start of the process to its first answer. */
  cold_start: number;
  output(): string;
  stop(): Promise<void>;
}

/** Clock ticks a second, as /proc counts CPU time on Linux. */
const TICKS = 100;

/** CPU seconds the process has used, all its threads together. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Resident memory in MiB. */
export function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

async function firstAnswer(url: string, child: ChildProcess, output: () => string): Promise<void> {
  for (const deadline = performance.now() + 30_000; performance.now() < deadline; await sleep(5)) {
    if (child.exitCode !== null) break;
    const answer = await fetch(url).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
  }
  throw new Error(`${url} did not answer\n${output()}`);
}

async function start(name: string, argv: string[], port: number, probe: string, env: NodeJS.ProcessEnv): Promise<Server> {
  const started = performance.now();
  const child = spawn(process.execPath, argv, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output = (output + chunk).slice(-20_000)));
  const url = `http://127.0.0.1:${port}`;
  await firstAnswer(url + probe, child, () => output);
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await Promise.race([ended, sleep(5000).then(() => child.kill('SIGKILL'))]);
  };
  return { name, url, pid: child.pid ?? 0, cold_start: performance.now() - started, output: () => output, stop };
}

/** The built program. */
export const LATCHKEY = join(import.meta.dirname, '..', 'dist', 'main.js');

/** What server and command line must agree on. */
export function latchkeyEnvironment(database_url: string, data_dir: string): NodeJS.ProcessEnv {
  return {
    NODE_ENV: 'production',
    LATCHKEY_DATABASE_URL: database_url,
    LATCHKEY_SECRET_KEY: 'a key for the benchmark, which guards nothing at all',
    LATCHKEY_DATA_DIR: data_dir,
    LATCHKEY_LOG_LEVEL: 'warn',
  };
}

/** The server, as an operator runs it. */
export function startLatchkey(port: number, database_url: string, data_dir: string): Promise<Server> {
  return start('latchkey', [LATCHKEY, 'serve'], port, '/readyz', {
    ...latchkeyEnvironment(database_url, data_dir),
    LATCHKEY_LISTEN_HOST: '127.0.0.1',
    LATCHKEY_LISTEN_PORT: String(port),
    LATCHKEY_HTTP_SHUTDOWN_DELAY: '0s',
    // As `npm start` and the image have it.
    MALLOC_ARENA_MAX: '2',
  });
}

/** npm's oidc-provider; see peer.mjs. */
export function startPeer(port: number, database_url: string): Promise<Server> {
  return start('oidc-provider', [join(import.meta.dirname, 'peer.mjs')], port, '/.well-known/openid-configuration', {
    NODE_ENV: 'production',
    BENCH_DATABASE_URL: database_url,
    BENCH_PORT: String(port),
  });
}
