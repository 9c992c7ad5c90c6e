// How the built server ends. Asked to: not ready first, everybody under way is answered, nothing is
// left. Killed: what it started ends with it, and the next start serves.
import { chmod, mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Answer,
  apiStatus,
  type BuiltServer,
  CLIENT_ID,
  createOwner,
  OWNER,
  REDIRECT_URI,
  redeem,
  refresh,
  startBuiltServer,
  tokensOf,
} from '../support/fakes/built_server.ts';

const IN_FLIGHT = 200;
/** Of those, the ones that hash a password. */
const LOGINS = 40;

let data_dir: string;
let server: BuiltServer;
let tokens: ReturnType<typeof tokensOf>;

const start = () => startBuiltServer({ data_dir, env: { LATCHKEY_HTTP_SHUTDOWN_DELAY: '2s' } });

beforeAll(async () => {
  data_dir = await realpath(await mkdtemp(join(tmpdir(), 'latchkey-drain-')));
  await chmod(data_dir, 0o711);
  server = await start();
  tokens = tokensOf(await redeem(server, await createOwner(server)));
}, 120_000);
afterAll(async () => {
  await server?.kill();
  await untilNoDatabase();
  await rm(data_dir, { recursive: true, force: true });
});

/** The processes of PostgreSQL that run in this folder. */
async function databaseProcesses(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      return folder.startsWith(data_dir) && (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')) === 'postgres\n';
    }),
  );
  return pids.filter((_, index) => found[index]);
}

async function untilNoDatabase(): Promise<void> {
  while ((await databaseProcesses()).length > 0) await pause(20);
}

async function beginLogin(): Promise<string> {
  const handler = ['homeassistant', null];
  const { text } = await server.post('/auth/login_flow', { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler });
  return JSON.parse(text).flow_id;
}

/** Resolves when the server says that it is not ready. */
async function untilNotReady(): Promise<void> {
  for (let status = 200; status !== 503; ) ({ status } = await server.request('/readyz', { reset: true }));
}

/** Resolves when it takes no more connections. */
async function untilDeaf(): Promise<void> {
  for (let heard = true; heard; await pause(10)) {
    heard = await server.request('/healthz', { reset: true }).then(
      () => true,
      () => false,
    );
  }
}

/** A refresh whose body is not whole before the server listens no more. */
function slowRefresh(): Promise<Answer> {
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: tokens.refresh_token }).toString();
  async function* body() {
    yield form.slice(0, 20);
    await untilDeaf();
    yield form.slice(20);
  }
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return server.request('/auth/token', { method: 'POST', headers, body: Readable.from(body()) });
}

/**
 * Two hundred requests that the server has read: what is still on its way when a server ends is for
 * balancers to send again.
 */
async function inFlight(): Promise<{ answers: Promise<Answer[]> }> {
  const flows = await Promise.all(Array.from({ length: LOGINS }, beginLogin));
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => server.request('/healthz')));
  const { username, password } = OWNER;
  const logins = flows.map((flow_id) => server.post(`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, username, password }));
  const others = Array.from({ length: IN_FLIGHT - LOGINS }, () => refresh(server, tokens.refresh_token));
  const answers = Promise.all([slowRefresh(), ...logins, ...others]);
  await server.request('/healthz', { reset: true });
  return { answers };
}

// X21
test('SIGTERM: reports not ready, answers running requests, then exits with 0', async () => {
  const { answers } = await inFlight();
  const signalled = performance.now();
  const exit = server.stop();
  await untilNotReady();
  expect(await apiStatus(server, tokens.access_token)).toBe(200);
  const [slow, ...others] = await answers;
  expect(slow!.status).toBe(200);
  // A queue that is too long says so, as at any other time.
  for (const { status, headers } of others) expect([200, headers['retry-after'] && 503]).toContain(status);
  expect(await exit).toBe(0);
  expect(performance.now() - signalled).toBeLessThan(10_000);
  expect(await databaseProcesses()).toEqual([]);
}, 60_000);

test('after kill -9 an immediate start serves what was there, and the database ends with anyone who needs it', async () => {
  server = await start();
  await server.kill();
  server = await start();
  expect((await server.request('/readyz')).status).toBe(200);
  expect((await refresh(server, tokens.refresh_token)).status).toBe(200);
  await server.kill();
  await untilNoDatabase();
}, 60_000);
