// The embedded PostgreSQL after power loss, a restored backup and in odd folders: it starts, or
// says in one sentence what to do.
import { execFileSync, spawn } from 'node:child_process';
import { chmod, chown, cp, mkdir, mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openConnection } from '../../src/postgres/connection.ts';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/embedded_postgres.ts';
import { openDatabase } from '../../src/wiring/open_database.ts';
import { testConfig } from '../support/fixtures/server.ts';

const isRoot = process.getuid?.() === 0;
let root: string;
/** With a cluster in it that nobody runs. */
let data_dir: string;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'latchkey-recovery-')));
  await chmod(root, 0o711);
  data_dir = await freshFolder('data');
  await startOnce(data_dir);
});
afterAll(() => rm(root, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

async function freshFolder(name: string): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { mode: 0o711 });
  return folder;
}

const start = (folder: string) => startEmbeddedPostgres({ data_dir: folder, log: () => {}, settings: { fsync: 'off' } });

async function startOnce(folder: string): Promise<unknown> {
  const server = await start(folder);
  try {
    const client = await openConnection({ connection: server.connection });
    const { rows } = await client.query('select 1 as answer');
    await client.end();
    return rows[0].answer;
  } finally {
    await server.stop();
  }
}

/** Fails with one line that has all of this in it. */
async function expectSentence(attempt: Promise<unknown>, ...parts: string[]): Promise<void> {
  const message = await attempt.then(
    () => 'it started',
    (error: Error) => error.message,
  );
  expect(message).not.toContain('\n');
  for (const part of parts) expect(message).toContain(part);
}

// R5
it.each([
  ['empty', ''],
  ['half', '12'],
  ['garbage', '\0\0\0\0\n../..\n'],
])('a postmaster.pid that is %s is removed, because the lock proves that no server runs', async (_, text) => {
  const note = join(data_dir, 'postgres/cluster/data/postmaster.pid');
  await writeFile(note, text);
  expect(await startOnce(data_dir)).toBe(1);
});

// R6
describe('a secret_key without its database', () => {
  it('starts an empty database and warns', async () => {
    const folder = await freshFolder('lost');
    const config = await testConfig({ data_dir: folder });
    const config_of_embedded = { ...config, database_url: undefined, secret_key: undefined };
    const warnings: string[] = [];
    const log = { info: () => {}, warn: (message: string) => void warnings.push(message) };
    const open = async () => await (await openDatabase(config_of_embedded, { log, join: false, create: true, on_error: () => {} })).close();
    await open();
    expect(warnings).toEqual([]);
    await writeFile(join(folder, 'secret_key'), 'x'.repeat(40), { mode: 0o600 });
    await open();
    expect(warnings).toEqual([]);
    await rm(join(folder, 'postgres'), { recursive: true });
    await open();
    expect(warnings).toEqual([expect.stringContaining(`${join(folder, 'postgres')} has no database, so this server starts EMPTY`)]);
  });
});

// R7
describe('a data_dir', () => {
  it.each(["it's", 'sp ace', 'com,ma', 'back\\slash'])('named %s holds a database', async (name) => {
    expect(await startOnce(await freshFolder(name))).toBe(1);
  });

  it.each(['dou"ble', 'dol$HOME', 'back`tick'])('named %s holds a database, or the sentence says to choose another', async (name) => {
    const folder = await freshFolder(name);
    const outcome = await startOnce(folder).catch((error: Error) => error.message);
    expect([
      1,
      expect.stringMatching(/^the embedded PostgreSQL cannot be copied to [^\n]*: set data_dir to a path without/),
    ]).toContainEqual(outcome);
  });

  it('that is a file, or below one, is refused', async () => {
    const file = join(root, 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'data')])
      await expectSentence(start(path), `data_dir ${path} cannot hold the database: ${file} is a file`);
  });

  it.runIf(isRoot)('that root copied back with cp -r names the folder, the account and the chown', async () => {
    const copy = join(root, 'copy');
    await cp(data_dir, copy, { recursive: true });
    execFileSync('chown', ['-R', '0:0', copy]);
    const { uid } = await stat(join(data_dir, 'postgres'));
    const folder = join(copy, 'postgres');
    await expectSentence(start(copy), `${folder} belongs to user id 0`, `chown -R ${uid}:`, `'${folder}'`);
    await chown(folder, uid, uid);
    await expectSentence(start(copy), 'belongs to user id 0', `chown -R ${uid}:`, `'${folder}'`);
    execFileSync('chown', ['-R', String(uid), folder]);
    expect(await startOnce(copy)).toBe(1);
  });

  it.runIf(isRoot)('of a user id without a passwd entry names the id', async () => {
    const folder = await freshFolder('nameless');
    await mkdir(join(folder, 'postgres'), { mode: 0o700 });
    await chown(join(folder, 'postgres'), 54_321, 54_321);
    await expectSentence(start(folder), 'user id 54321 has no entry in /etc/passwd', 'set database_url');
  });

  it.each([
    ['PGSSLMODE', 'require'],
    ['PGOPTIONS', '-c no_such_setting=1'],
    ['PGSSLNEGOTIATION', 'direct'],
    ['PGCLIENT_ENCODING', 'LATIN1'],
    ['PGREPLICATION', 'database'],
    ['PGHOST', '192.0.2.1'],
    ['PGPASSWORD', 'wrong'],
  ])('is opened whatever %s says to programs of this machine', async (name, value) => {
    vi.stubEnv(name, value);
    expect(await startOnce(data_dir)).toBe(1);
  });

  it.runIf(isRoot)('on a machine whose /dev/null is a file of root says how to make it the device again', async () => {
    const file = join(root, 'null');
    await writeFile(file, '', { mode: 0o644 });
    const script = fileURLToPath(new URL('../support/fakes/embedded_postgres_process.ts', import.meta.url));
    const child = spawn(
      'unshare',
      ['--mount', 'sh', '-c', 'mount --bind "$0" /dev/null && exec "$@"', file, process.execPath, '--import', 'tsx', script, data_dir],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    let text = '';
    child.stderr.on('data', (chunk) => {
      text += chunk;
    });
    await new Promise((resolve) => child.once('close', resolve));
    if (/unshare failed/.test(text) && !process.env.CI) return console.log(`skipped: no mount namespace here: ${text}`);
    expect(text).toMatch(/user id \d+ cannot read and write \/dev\/null: make it the device again \(rm -f/);
  });
});
