// The program as operators run it: real processes, the embedded database in a fresh folder,
// signals.
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { freePort, type Program, startProgram } from './process.ts';
import { SECRET_KEY, urlOf } from './support.ts';

const OWNER = { client_id: 'http://127.0.0.1/', name: 'Paula', username: 'paula', password: 'a long pass phrase', language: 'en' };

let folder: string;
let port: number;
const started: Program[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-serve-'));
  await chmod(folder, 0o711);
  port = await freePort();
});
afterAll(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.map(({ ended }) => ended));
  await rm(folder, { recursive: true, force: true });
});

function start(words: string[], env: Record<string, string> = {}): Program {
  const program = startProgram(words, {
    cwd: folder,
    env: { LATCHKEY_LISTEN_PORT: String(port), LATCHKEY_LISTEN_HOST: '127.0.0.1', ...env },
  });
  started.push(program);
  return program;
}

/** Runs a command to its end. */
async function run(words: string[], env: Record<string, string> = {}) {
  const { ended, said } = start(words, env);
  return { code: await ended, ...said };
}

async function serve(env: Record<string, string> = {}): Promise<Program> {
  const program = start([], env);
  await program.prints(/^Data: .*\n/m);
  return program;
}

const url = (path: string) => `http://127.0.0.1:${port}${path}`;
const statusOf = async (path: string) => (await fetch(url(path))).status;

function databasePid(): Promise<number> {
  // The account that runs it may be another one, whose folder root alone can enter.
  return readFile(join(folder, 'data/postgres/cluster/data/postmaster.pid'), 'utf8').then((text) => Number(text.split('\n')[0]));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a start without any configuration serves and prints the link that makes the owner', async () => {
  const server = await serve();
  const [link = ''] = await server.prints(/http:\/\/\S+\/onboarding\?token=[\w-]+/);
  expect(link).toContain(url('/onboarding?token='));
  expect([await statusOf('/readyz'), (await fetch(link)).status]).toEqual([200, 200]);
  expect((await stat(join(folder, 'data/secret_key'))).mode & 0o777).toBe(0o600);
  // The log is apart: a line of JSON for each thing.
  for (const line of server.said.err.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
  const headers = { 'x-setup-token': link.slice(link.indexOf('=') + 1) };
  expect((await fetch(url('/api/onboarding/users'), { method: 'POST', headers, body: JSON.stringify(OWNER) })).status).toBe(200);
  expect(server.said.err).not.toContain(headers['x-setup-token']);
});

test('commands work beside the running server, and none of them stops its database', async () => {
  const [users, health, wrong] = await Promise.all([
    run(['user', 'list', '--json']),
    run(['healthcheck']),
    run(['healthcheck'], { LATCHKEY_LISTEN_PORT: String(await freePort()) }),
  ]);
  expect(JSON.parse(users.out)).toMatchObject([{ username: 'paula', is_owner: true }]);
  expect([users.code, users.err, health.code]).toEqual([0, '', 0]);
  expect([wrong.code, wrong.err]).toEqual([1, expect.stringMatching(/^http:\S+ does not answer: [^\n]+\n$/)]);
  expect(await statusOf('/readyz')).toBe(200);
});

test('the reason why a second server cannot start is reported in one line', async () => {
  const other = await createTestDatabase();
  const LATCHKEY_SECRET_KEY = SECRET_KEY;
  const [same_data, no_database, same_port] = await Promise.all([
    run(['serve']),
    run(['serve'], { LATCHKEY_SECRET_KEY, LATCHKEY_DATABASE_URL: 'postgres://latchkey@127.0.0.1:1/latchkey' }),
    run(['serve'], { LATCHKEY_SECRET_KEY, LATCHKEY_DATABASE_URL: urlOf(other.connection), LATCHKEY_LOG_LEVEL: 'silent' }),
  ]);
  expect([same_data.code, same_data.err]).toEqual([1, expect.stringMatching(/^another server already runs in \S+\n$/)]);
  expect([no_database.code, no_database.err]).toEqual([1, expect.stringMatching(/^The database is not available: [^\n]+\n$/)]);
  expect([same_port.code, same_port.err]).toEqual([1, expect.stringMatching(/^Port \d+ is in use by another program: [^\n]+\n$/)]);
  expect(same_data.out + no_database.out + same_port.out).toBe('');
  await other.close();
});

test('SIGTERM says not ready at once, answers everybody for a while, and leaves nothing behind', async () => {
  const [server] = started;
  expect(server!.child.exitCode).toBe(null);
  const pid = await databasePid();
  server!.child.kill('SIGTERM');
  // npm passes the same signal on a moment later.
  server!.child.kill('SIGTERM');
  while ((await statusOf('/readyz')) !== 503) await pause(10);
  expect(await statusOf('/healthz')).toBe(200);
  expect(await server!.ended).toBe(0);
  expect(isAlive(pid)).toBe(false);
});

test('without a server a command starts the database for itself', async () => {
  const { code, out } = await run(['user', 'list']);
  expect([code, out]).toEqual([0, expect.stringContaining('paula')]);
  await expect(databasePid()).rejects.toThrow('ENOENT');
});

// E14
test('a wrong secret_key is refused in one line, and the database stops again', async () => {
  const { code, out, err } = await run(['serve'], {
    LATCHKEY_SECRET_KEY: 'another secret key, long enough too',
    LATCHKEY_LOG_LEVEL: 'silent',
  });
  expect([code, out, err]).toEqual([1, '', 'The configured secret_key is not the one this database was written with\n']);
  await expect(databasePid()).rejects.toThrow('ENOENT');
});

test('a later start prints no link, and a second signal stops at once', async () => {
  const server = await serve({ LATCHKEY_HTTP_SHUTDOWN_DELAY: '5m' });
  expect(server.said.out).not.toContain('onboarding');
  server.child.kill('SIGTERM');
  while ((await statusOf('/readyz')) !== 503) await pause(10);
  await pause(600);
  const pid = await databasePid();
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(1);
  while (isAlive(pid)) await pause(20);
});

test('Ctrl-C does not wait for a balancer, and the end of the database ends the server with a message', async () => {
  const first = await serve({ LATCHKEY_HTTP_SHUTDOWN_DELAY: '5m' });
  first.child.kill('SIGINT');
  expect(await first.ended).toBe(0);
  const second = await serve();
  process.kill(await databasePid(), 'SIGKILL');
  expect(await second.ended).toBe(1);
  expect(second.said.err).toContain('The embedded database ended by itself');
});

test('a broken configuration is reported whole, with exit 78, by every command that reads it', async () => {
  const file = join(folder, 'broken.yaml');
  await writeFile(file, 'listen:\n  prot: 80\nauth_providers:\n  - type: homeasistant\nhttp: { trusted_proxies: [10.0.0.1/8] }\n');
  for (const words of [
    ['config', 'check', file],
    ['serve', '--config', file],
  ]) {
    const { code, out, err } = await run(words);
    expect([code, out]).toEqual([78, '']);
    expect(err.trim().split('\n')).toEqual([
      expect.stringMatching(/broken\.yaml:2:3 listen\.prot: .*did you mean "port"\?/),
      expect.stringMatching(/broken\.yaml:4:\d+ auth_providers\[0\]\.type: .*did you mean "homeassistant"\?/),
      expect.stringMatching(/broken\.yaml:5:\d+ http\.trusted_proxies\[0\]: /),
    ]);
  }
});
