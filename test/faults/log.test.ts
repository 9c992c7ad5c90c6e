// A log that cannot be written: everybody is served nevertheless, and the server ends when it is
// asked to.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../cli/process.ts';
import { type BuiltServer, createOwner, redeem, startBuiltServer, tokensOf } from '../support/fakes/built_server.ts';
import { mountSmallDisk, type SmallDisk, smallDiskMissing } from '../support/fakes/small_disk.ts';
import { openTerminal } from '../support/fakes/terminal.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';

/** Where a log goes, and how it comes to be unwritable. */
interface Place {
  fd: number;
  breaks(): unknown;
  /** What `breaks` leaves to be done. */
  close(): unknown;
}

let db: TestDatabase;
let folder: string;
let server: BuiltServer | undefined;
let place: Place | undefined;

beforeAll(async () => {
  db = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'latchkey-log-'));
});
afterEach(async () => {
  await server?.kill();
  await place?.close();
  server = place = undefined;
});
afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true, force: true });
});

function fifo(): { read: number; write: number } {
  const path = join(folder, 'fifo');
  rmSync(path, { force: true });
  execFileSync('mkfifo', [path]);
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { read, write: openSync(path, constants.O_WRONLY) };
}

async function terminalThat(breaks: 'stop' | 'close'): Promise<Place> {
  const terminal = await openTerminal();
  let open = true;
  const close = async () => {
    if (open) await terminal.close();
    open = false;
  };
  return { fd: terminal.fd, breaks: breaks === 'stop' ? terminal.stop : close, close };
}

const PLACES: readonly [string, () => Place | Promise<Place>][] = [
  ['on a disk that has no room from the start', () => ({ fd: openSync('/dev/full', 'w'), breaks() {}, close() {} })],
  [
    'to a pipe that nobody reads',
    () => {
      const { read, write } = fifo();
      return { fd: write, breaks() {}, close: () => [read, write].forEach(closeSync) };
    },
  ],
  [
    'to a pipe whose reader has ended',
    () => {
      const { read, write } = fifo();
      return { fd: write, breaks: () => closeSync(read), close: () => closeSync(write) };
    },
  ],
  ['to a terminal that is gone', () => terminalThat('close')],
  ['to a terminal whose output is stopped', () => terminalThat('stop')],
];

const METRICS = { LATCHKEY_METRICS_ENABLED: 'true', LATCHKEY_METRICS_TOKEN: 'a-long-scrape-token' };

const start = async (log_to: number) =>
  startBuiltServer({ database: db.connection, log_to, port: await freePort(), env: { LATCHKEY_LOG_REQUESTS: 'true', ...METRICS } });

/** Long lines in the log: each is refused and answered. */
async function writeLines(target: BuiltServer, requests: number): Promise<void> {
  const path = `/${'x'.repeat(180)}`;
  for (let sent = 0; sent < requests; sent += 50) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => target.request(path)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
  }
}

async function isWellServed(target: BuiltServer): Promise<void> {
  for (const path of ['/healthz', '/readyz', '/.well-known/jwks.json']) {
    const asked = performance.now();
    expect([path, (await target.request(path)).status]).toEqual([path, 200]);
    expect(performance.now() - asked).toBeLessThan(1_000);
  }
}

// R1
describe('a log', () => {
  test.each(PLACES)('%s holds up no request and no end', { timeout: 60_000 }, async (_story, open) => {
    place = await open();
    server = await start(place.fd);
    await place.breaks();
    await writeLines(server, 200);
    await isWellServed(server);
    const signalled = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - signalled).toBeLessThan(10_000);
  });
});

const disk_missing = smallDiskMissing();
if (disk_missing !== null) console.log(`The disk that fills up is skipped: ${disk_missing}`);

describe.skipIf(disk_missing !== null)('a disk that fills up under the log', () => {
  let disk: SmallDisk;
  beforeAll(() => {
    disk = mountSmallDisk(8);
  });
  afterAll(() => disk?.close());

  // R1
  test('loses lines, counts them, and reports the number once there is room', { timeout: 60_000 }, async () => {
    const file = join(disk.folder, 'log');
    const fd = openSync(file, 'w');
    place = { fd, breaks() {}, close: () => closeSync(fd) };
    const running = await start(fd);
    server = running;
    disk.fill();
    const tokens = tokensOf(await redeem(running, await createOwner(running)));
    await writeLines(running, 2_000);
    await isWellServed(running);
    expect((await running.request('/api/me', { headers: { authorization: `Bearer ${tokens.access_token}` } })).status).toBe(200);
    const lost = async () => {
      const headers = { authorization: `Bearer ${METRICS.LATCHKEY_METRICS_TOKEN}` };
      return Number(/^latchkey_log_lines_lost_total (\d+)$/m.exec((await running.request('/metrics', { headers })).text)?.[1]);
    };
    expect(await lost()).toBeGreaterThan(0);
    disk.free();
    const told = () =>
      Array.from(readFileSync(file, 'utf8').matchAll(/"lost_lines":(\d+)/g), ([, count]) => Number(count)).reduce(
        (sum, count) => sum + count,
        0,
      );
    // The count may come in parts, each with the next line that is written.
    const untold = async () => {
      await writeLines(running, 1);
      return (await lost()) - told();
    };
    await expect.poll(untold, { timeout: 10_000 }).toBe(0);
    const counted = await lost();
    // No line is half there.
    for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) expect(() => JSON.parse(line), line).not.toThrow();
    await writeLines(running, 50);
    expect(await running.stop()).toBe(0);
    expect(told()).toBe(counted);
  });
});
