// The launcher of the embedded PostgreSQL, with the real server and real kills.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { access, chmod, chown, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedConnection, joinEmbeddedPostgres, startEmbeddedPostgres } from '../../../src/postgres/embedded/embedded_postgres.ts';
import { makeSocketParent } from '../../../src/postgres/embedded/location.ts';
import { findPrograms } from '../../../src/postgres/embedded/programs.ts';

const isRoot = process.getuid?.() === 0;
const folders: string[] = [];

async function freshFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'latchkey-embedded-')));
  await chmod(folder, 0o711);
  folders.push(folder);
  return folder;
}

function start(data_dir: string, more: { join?: boolean; log?: (message: string) => void } = {}) {
  return startEmbeddedPostgres({ data_dir, log: () => {}, settings: { fsync: 'off' }, ...more });
}

async function ask(connection: EmbeddedConnection, text: string): Promise<unknown> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    const { rows } = await client.query({ text, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

/** The living processes that work in the cluster of `data_dir`. */
function processesOf(data_dir: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readlinkSync(`/proc/${pid}/cwd`).startsWith(join(data_dir, 'postgres'));
      } catch {
        return false;
      }
    });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function spawnOwner(data_dir: string): Promise<{ child: ChildProcess; nextLine: () => Promise<string> }> {
  const script = fileURLToPath(new URL('../../support/fakes/embedded_postgres_process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, data_dir], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const lines = createInterface(child.stdout!)[Symbol.asyncIterator]();
  const nextLine = async () => String((await lines.next()).value);
  expect(await nextLine()).toBe('ready');
  return { child, nextLine };
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

describe('one data folder', () => {
  let data_dir: string;

  beforeAll(async () => {
    data_dir = await freshFolder();
  });

  test('nothing is found where nothing was started', async () => {
    expect(await joinEmbeddedPostgres(data_dir)).toBeUndefined();
    expect(await readdir(data_dir)).toEqual([]);
  });

  test('a first start makes the cluster and a later one finds its rows', async () => {
    const first = await start(data_dir);
    await ask(first.connection, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    await first.stop();
    await until(() => processesOf(data_dir).length === 0);

    const second = await start(data_dir);
    expect(second.started).toBe(true);
    expect(await ask(second.connection, 'SELECT answer FROM kept')).toBe(42);
    await second.stop();
  });

  test('the cluster has checksums, syncs to disk, and sorts alike under every C library', async () => {
    const server = await startEmbeddedPostgres({ data_dir, log: () => {} });
    for (const [question, answer] of [
      ["SELECT current_setting('data_checksums')", 'on'],
      ["SELECT current_setting('fsync')", 'on'],
      ["SELECT current_setting('listen_addresses')", ''],
      ['SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = current_database()', 'bC.UTF-8'],
      ["SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = 'latchkey'", false],
      ['SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()', 'latchkey'],
      ["SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'latchkey'", true],
    ] as const) {
      const as = question.includes('pg_authid') ? server.superuser : server.connection;
      expect.soft(await ask(as, question), question).toBe(answer);
    }
    await server.stop();
  });

  test('nobody else can read its files or enter the folder of its socket', async () => {
    const server = await start(data_dir);
    for (const [path, mode] of [
      [join(data_dir, 'postgres'), 0o700],
      [join(data_dir, 'postgres/cluster'), 0o700],
      [join(data_dir, 'postgres/cluster/password'), 0o600],
      [join(data_dir, 'postgres/cluster/superuser_password'), 0o600],
      [server.connection.host, 0o700],
      [join(server.connection.host, '..'), 0o700],
    ] as const) {
      expect.soft((await stat(path)).mode & 0o777, path).toBe(mode);
    }
    await server.stop();
    await expect(access(server.connection.host)).rejects.toThrow();
  });

  test.runIf(isRoot)('root gets a server that runs as an unprivileged account', async () => {
    const server = await start(data_dir);
    for (const pid of processesOf(data_dir)) {
      expect(readFileSync(`/proc/${pid}/status`, 'utf8')).not.toMatch(/^(Uid|Gid):.*\b0\b/m);
    }
    await server.stop();
  });

  test('a connection without the password is refused', async () => {
    const server = await start(data_dir);
    for (const user of ['latchkey', 'postgres', 'nobody']) {
      await expect
        .soft(ask({ ...server.connection, user, password: 'latchkey' }, 'SELECT 1'), user)
        .rejects.toThrow('password authentication failed');
    }
    await server.stop();
  });

  test('a second start is refused while one runs, and a joining one uses it', async () => {
    const server = await start(data_dir);
    await expect(start(data_dir)).rejects.toThrow(`another server already runs in ${join(data_dir, 'postgres')}`);

    const joined = await start(data_dir, { join: true });
    expect(joined).toMatchObject({ started: false, connection: server.connection });
    await joined.stop();
    expect(await ask((await joinEmbeddedPostgres(data_dir))!.connection, 'SELECT 1')).toBe(1);
    await server.stop();
  });

  test('a server that is killed says so', async () => {
    const server = await start(data_dir);
    const [pid] = (await readFile(join(data_dir, 'postgres/cluster/data/postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    expect(await server.exited).toBeUndefined();
    await server.stop();
  });

  test('the notes of a dead server are no obstacle, even when its process id belongs to another process now', async () => {
    const { uid, gid } = await stat(join(data_dir, 'postgres'));
    const stranger = spawn('sleep', ['60'], { uid, gid });
    const note = join(data_dir, 'postgres/cluster/data/postmaster.pid');
    const [, ...rest] = (await readFile(note, 'utf8')).split('\n');
    const text = [stranger.pid, ...rest].join('\n');
    await writeFile(note, text);
    const sockets = rest[3]!;
    await mkdir(sockets, { recursive: true });
    await chown(sockets, uid, gid);
    await writeFile(join(sockets, '.s.PGSQL.5432.lock'), text);
    expect(await joinEmbeddedPostgres(data_dir)).toBeUndefined();

    const server = await start(data_dir, { join: true });
    expect(server.started).toBe(true);
    expect(await ask(server.connection, 'SELECT answer FROM kept')).toBe(42);
    await server.stop();
    stranger.kill();
  });

  test('kill -9 of the owner leaves no server behind, and the next start does not wait', async () => {
    const { child } = await spawnOwner(data_dir);
    expect(processesOf(data_dir).length).toBeGreaterThan(3);
    child.kill('SIGKILL');
    await once(child, 'exit');

    const server = await start(data_dir);
    expect(await ask(server.connection, 'SELECT answer FROM kept')).toBe(42);
    await server.stop();
    await until(() => processesOf(data_dir).length === 0);
  });

  test('Ctrl-C reaches the owner only: it can still use the database, then stops it', async () => {
    const { child, nextLine } = await spawnOwner(data_dir);
    process.kill(-child.pid!, 'SIGINT');
    expect(await nextLine()).toBe('stopped by latchkey');
    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(0);
    await until(() => processesOf(data_dir).length === 0);
  });

  test('a cluster of another PostgreSQL is refused and left alone', async () => {
    const version = join(data_dir, 'postgres/cluster/data/PG_VERSION');
    const own = await readFile(version, 'utf8');
    await writeFile(version, '15\n');
    await expect(start(data_dir)).rejects.toThrow(/made by PostgreSQL 15 .* brings PostgreSQL 18/);
    await writeFile(version, own);
    await (await start(data_dir)).stop();
  });
});

test('of three starts on an empty folder one wins, the others get an error, and nothing else is left', async () => {
  const data_dir = await freshFolder();
  const starts = await Promise.allSettled([start(data_dir), start(data_dir), start(data_dir)]);
  const winners = starts.filter((one) => one.status === 'fulfilled').map((one) => one.value);
  const refusals = starts.filter((one) => one.status === 'rejected').map((one) => String(one.reason));
  expect(winners).toHaveLength(1);
  expect(refusals).toEqual(Array(2).fill(`Error: another server already runs in ${join(data_dir, 'postgres')}`));
  expect(await ask(winners[0]!.connection, 'SELECT 1')).toBe(1);
  await winners[0]!.stop();
  expect((await readdir(join(data_dir, 'postgres'))).sort()).toEqual(['cluster', 'lock']);
  expect((await readdir(data_dir)).filter((name) => name !== 'postgres' && !/^postgres_programs-[\w.-]+$/.test(name))).toEqual([]);
});

test.for([
  ['linux-riscv64', 'is not made for linux-riscv64'],
  ['darwin-arm64', 'is not made for darwin-arm64'],
  [process.arch === 'x64' ? 'linux-arm64' : 'linux-x64', 'is not installed'],
])('a platform without a server (%s) is asked to set database_url', async ([platform, reason]) => {
  const refused = findPrograms({ home: tmpdir(), account: undefined }, () => {}, platform);
  await expect(refused).rejects.toThrow(reason);
  await expect(refused).rejects.toThrow('set database_url');
});

describe.runIf(isRoot)('started by root', () => {
  test('a data folder that the account cannot enter gets its database under /var/lib/latchkey, and the log says so', async () => {
    const data_dir = join(await freshFolder(), 'data');
    await mkdir(data_dir, { mode: 0o700 });
    const lines: string[] = [];
    const server = await start(data_dir, { log: (line) => lines.push(line) });
    const [, folder = ''] = /lives in (\S+),/.exec(lines.join('\n')) ?? [];
    folders.push(join(folder, '..'));
    expect(folder).toMatch(/^\/var\/lib\/latchkey\/latchkey-embedded-\w+-data-[0-9a-f]{8}\/postgres$/);
    expect(await readdir(data_dir)).toEqual([]);
    expect((await joinEmbeddedPostgres(data_dir))?.connection).toEqual(server.connection);
    await server.stop();

    await chmod(data_dir, 0o711);
    const again = await start(data_dir, { log: (line) => lines.push(line) });
    expect(await readdir(data_dir)).toEqual([]);
    await again.stop();
  });

  test("a socket's folder that someone else made is refused", async () => {
    const account = { name: 'somebody', ids: { uid: 54_321, gid: 54_321 } };
    const squatted = '/run/latchkey-54321';
    folders.push(squatted);
    // A run that was killed may have left it behind.
    await rm(squatted, { recursive: true, force: true });
    await mkdir(squatted, { mode: 0o700 });
    await chown(squatted, 54_322, 54_322);
    await expect(makeSocketParent({ home: '/srv', folder: '/srv/postgres', account, moved: false })).rejects.toThrow(
      'someone else made it',
    );
  });
});

if (!isRoot) console.log('skipped: the unprivileged account is for root only, and these tests run as another user');
