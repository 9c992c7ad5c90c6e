// PostgreSQL stopped, frozen, locked, or out of room: what needs no database is served at once,
// everything else gets a page that says so in time, and all is well soon after.
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/embedded_postgres.ts';
import {
  type Answer,
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
import { mountSmallDisk, type SmallDisk, smallDiskMissing } from '../support/fakes/small_disk.ts';

const handler = ['homeassistant', null];
const beginLogin = (server: BuiltServer) => server.post('/auth/login_flow', { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler });

async function timed(ask: () => Promise<Answer>): Promise<{ status: number; retry_after: unknown; ms: number }> {
  const asked = performance.now();
  const { status, headers } = await ask();
  return { status, retry_after: headers['retry-after'], ms: performance.now() - asked };
}

describe('the server of a database that goes away', () => {
  let data_dir: string;
  let postgres: Awaited<ReturnType<typeof startEmbeddedPostgres>>;
  let server: BuiltServer;
  let tokens: ReturnType<typeof tokensOf>;

  const startPostgres = () => startEmbeddedPostgres({ data_dir, log: () => {}, settings: { fsync: 'off' } });
  /** The postmaster and its children. */
  function signalAll(signal: NodeJS.Signals): void {
    const [pid = ''] = readFileSync(join(data_dir, 'postgres/cluster/data/postmaster.pid'), 'utf8').split('\n');
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    for (const one of [pid, ...children]) if (one !== '') process.kill(Number(one), signal);
  }

  beforeAll(async () => {
    data_dir = await mkdtemp(join(tmpdir(), 'latchkey-faults-'));
    await chmod(data_dir, 0o711);
    postgres = await startPostgres();
    server = await startBuiltServer({ database: postgres.connection });
    tokens = tokensOf(await redeem(server, await createOwner(server)));
  }, 120_000);
  afterAll(async () => {
    await server?.kill();
    await postgres?.stop();
    await rm(data_dir, { recursive: true, force: true });
  });

  /** Everything that needs the database, at once. */
  const needy = () =>
    [
      () => refresh(server, tokens.refresh_token),
      () => beginLogin(server),
      () => server.request('/readyz'),
      () => server.request('/api/me', { headers: { authorization: `Bearer ${tokens.access_token}` } }),
      () => redeem(server, `lk_ac_${'A'.repeat(43)}`),
    ].map(timed);

  /**
   * The median: the fault is to wait at every request, and the machine of the tests has other
   * things to do.
   */
  async function isServedWithoutDatabase(): Promise<void> {
    for (const path of ['/healthz', '/.well-known/jwks.json', '/.well-known/openid-configuration']) {
      const times: number[] = [];
      for (let round = 0; round < 9; round += 1) {
        const { status, ms } = await timed(() => server.request(path));
        expect([path, status]).toEqual([path, 200]);
        times.push(ms);
      }
      expect(times.sort((a, b) => a - b)[4], `${path} ${times.map(Math.round)}`).toBeLessThan(100);
    }
  }

  async function isAway(): Promise<void> {
    const answers = needy();
    await isServedWithoutDatabase();
    for (const [index, { status, retry_after, ms }] of (await Promise.all(answers)).entries()) {
      expect([index, status, retry_after]).toEqual([index, 503, expect.stringMatching(/^\d+$/)]);
      expect(ms, `request ${index}`).toBeLessThan(5_000);
    }
    // Again, when the ban list is old.
    await isServedWithoutDatabase();
  }

  async function isWell(): Promise<void> {
    const back = performance.now();
    await expect.poll(async () => (await server.request('/readyz')).status, { timeout: 10_000 }).toBe(200);
    expect((await refresh(server, tokens.refresh_token)).status).toBe(200);
    expect((await beginLogin(server)).status).toBe(200);
    expect(performance.now() - back).toBeLessThan(2_000);
  }

  // R2, R4
  test('frozen', { timeout: 60_000 }, async () => {
    // The pool is full of connections, so that requests wait for an answer on one as well as for
    // one.
    for (const answer of await Promise.all(Array.from({ length: 20 }, () => beginLogin(server)))) expect(answer.status).toBe(200);
    signalAll('SIGSTOP');
    try {
      await isAway();
    } finally {
      signalAll('SIGCONT');
    }
    await isWell();
  });

  // R2, R4
  test('stopped', { timeout: 60_000 }, async () => {
    await postgres.stop();
    await isAway();
    postgres = await startPostgres();
    await isWell();
  });
});

const disk_missing = smallDiskMissing();
if (disk_missing !== null) console.log(`The full disk of the database is skipped: ${disk_missing}`);

describe.skipIf(disk_missing !== null)('the server of a database whose disk is full', () => {
  let disk: SmallDisk;
  let server: BuiltServer;
  beforeAll(async () => {
    disk = mountSmallDisk(400);
    server = await startBuiltServer({ data_dir: disk.folder });
    await createOwner(server);
  }, 120_000);
  afterAll(async () => {
    await server?.kill();
    disk?.close();
  });

  const ready = async () => (await server.request('/readyz')).status;

  // R10
  test('is not ready until there is room', { timeout: 60_000 }, async () => {
    expect(await ready()).toBe(200);
    disk.fill();
    // What writes fails sooner or later, once the pages that are there are full.
    await expect
      .poll(
        async () => {
          const answers = await Promise.all(Array.from({ length: 20 }, () => beginLogin(server)));
          return new Set(answers.map(({ status }) => status)).has(503) || (await ready()) === 503;
        },
        { timeout: 30_000 },
      )
      .toBe(true);
    await expect.poll(ready, { timeout: 15_000 }).toBe(503);
    expect((await server.request('/healthz')).status).toBe(200);
    disk.free();
    await expect.poll(ready, { timeout: 15_000 }).toBe(200);
    const { text } = await beginLogin(server);
    const { username, password } = OWNER;
    const answer = await server.post(`/auth/login_flow/${JSON.parse(text).flow_id}`, { client_id: CLIENT_ID, username, password });
    expect(answer.status).toBe(200);
  });
});
