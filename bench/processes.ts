// Runs servers as processes and reads their cost from /proc.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Server {
  name: string;
  url: string;
  pid: number;
  /** Milliseconds from the start of the process to its first answer. */
  cold_start: number;
  /** Both streams so far. */
  output(): string;
  stop(): Promise<void>;
}

export interface ServerPlan {
  name: string;
  argv: string[];
  port: number;
  /** A path that returns 200 when the server is ready. */
  probe: string;
  env: NodeJS.ProcessEnv;
  /** The file for both streams: a pipe would cost this process CPU per logged line. */
  log_file: string;
}

/** Clock ticks per second in /proc on Linux. */
const TICKS = 100;
const START_MS = 30_000;
const STOP_MS = 5_000;

/** The fields of /proc/<pid>/stat after the name; none if the process is gone. */
function statOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return [];
  }
}

/** CPU seconds of all threads of the process. */
export function cpuSeconds(pid: number): number {
  const [, , , , , , , , , , , user = 0, system = 0] = statOf(pid);
  return (Number(user) + Number(system)) / TICKS;
}

/**
 * CPU seconds of the process and its children, including ended ones: PostgreSQL and its backends.
 */
export function familyCpuSeconds(pid: number): number {
  const [, , , , , , , , , , , , , ended_user = 0, ended_system = 0] = statOf(pid);
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(statOf(Number(name))[1]) === pid);
  const living = children.reduce((sum, child) => sum + cpuSeconds(Number(child)), 0);
  return cpuSeconds(pid) + living + (Number(ended_user) + Number(ended_system)) / TICKS;
}

/** Resident memory in MiB. */
export function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Resolves when the server answers; throws with its output if it ends or is too slow. */
export async function startServer({ name, argv, port, probe, env, log_file }: ServerPlan): Promise<Server> {
  const started = performance.now();
  const log = openSync(log_file, 'w');
  const child = spawn(process.execPath, argv, { env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
  closeSync(log);
  const output = () => readFileSync(log_file, 'utf8').slice(0, 20_000);
  const url = `http://127.0.0.1:${port}`;
  await firstAnswer(url + probe, child, output);
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await Promise.race([ended, sleep(STOP_MS).then(() => child.kill('SIGKILL'))]);
  };
  return { name, url, pid: child.pid ?? 0, cold_start: performance.now() - started, output, stop };
}

async function firstAnswer(url: string, child: ChildProcess, output: () => string): Promise<void> {
  for (const deadline = performance.now() + START_MS; performance.now() < deadline; await sleep(5)) {
    if (child.exitCode !== null) break;
    const answer = await fetch(url).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
  }
  child.kill('SIGKILL');
  throw new Error(`${url} did not answer\n${output()}`);
}
