import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, test, vi } from 'vitest';
import type { AuthProvider, ProviderStep } from '../../src/domain/auth_provider.ts';
import { createThrottle } from '../../src/login/throttle.ts';
import { provider as type } from '../../src/providers/command_line.ts';
import { createFailedLoginRepository } from '../../src/repository/failed_logins.ts';
import { createIpBanRepository } from '../../src/repository/ip_bans.ts';
import { type Vector, vectors } from '../support/clients/vectors.ts';
import { COMMON, NO_DEPS, stepFrom } from '../support/fixtures/auth_provider.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-command-'));
const warnings: string[] = [];
afterEach(() => void warnings.splice(0));

/** A shell script; it has no PATH, so programs are named in full. */
function script(...lines: string[]): string {
  const file = join(mkdtempSync(join(folder, 's-')), 'script');
  writeFileSync(file, ['#!/bin/sh', ...lines, ''].join('\n'));
  chmodSync(file, 0o755);
  return file;
}

function create(command: string, { args = [], meta = false }: { args?: string[]; meta?: boolean } = {}): AuthProvider {
  const config = { ...COMMON, type: 'command_line', command, args, meta };
  return type.create(config, { ...NO_DEPS, warn: (message) => void warnings.push(message) });
}
const login = (at: AuthProvider, username: string, password = 'good-pass', context = stepFrom('198.51.100.7')) =>
  at.step({ values: { username, password }, state: {}, context });
const form = (base?: string) => ({ type: 'form', step_id: 'init', data_schema: expect.any(Array), errors: base ? { base } : {} });

/** Name, state and parent of a process; nothing when there is none. */
function statusOf(pid: string | number): { name?: string | undefined; state?: string | undefined; parent?: number } {
  try {
    const [, name, state, parent] = /\((.*)\) (\S) (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return { name, state, parent: Number(parent) };
  } catch {
    return {};
  }
}

/** What a program of which `meta` is read makes of a new user. */
async function newUserBy(...lines: string[]) {
  const step = await login(create(script(...lines), { meta: true }), 'paulus');
  if (step.type !== 'identity') throw new Error(JSON.stringify(step));
  const { name, group_ids, local_only } = step.identity;
  return { name, group_ids, local_only };
}

const GOOD_USER = script(
  '[ "$username" = good-user ] && [ "$password" = good-pass ] || exit 1',
  '[ "$1" = --with-meta ] || exit 0',
  'echo name=Bob; echo group=system-users; echo local_only=true',
);

describe("the cases drawn from Home Assistant's behaviour", () => {
  /** Cases that end otherwise here, with the reason. */
  const OVERRULED: Record<string, string> = {
    'command-line-005': 'decision 5: a new user is never an administrator',
  };

  async function judge({ given, request, expect: want }: Vector): Promise<void> {
    if ('check' in request) {
      const { name, group_ids, local_only } = await newUserBy(`echo '${given.stdout}'`);
      expect({ name, group_ids }).toEqual({ name: want.meta.name ?? null, group_ids: want.meta.group ? [want.meta.group] : undefined });
      return expect(local_only).toBe(want.local_only_effective ?? false);
    }
    if ('new user' in request) {
      const step = await login(create(GOOD_USER), request['new user']);
      const { name, group_ids, local_only } = want.user;
      return expect(step).toMatchObject({ identity: { name, group_ids, local_only } });
    }
    if ('login with' in request) {
      const [username, password] = request['login with'];
      const provider = create(script('[ "$username" = ßßß ] && [ "$password" = äöü ]'));
      return expect((await login(provider, username, password)).type === 'identity').toBe(want.utf8_ok);
    }
    const step = await login(create(given.command ?? GOOD_USER), request.login[0], request.login[1]);
    if (want.ok) expect(step).toMatchObject({ type: 'identity' });
    else expect(step).toEqual(form(want.errors.base));
  }

  for (const vector of vectors('command-line')) {
    const reason = OVERRULED[vector.id];
    if (reason === undefined) test(vector.id, () => judge(vector));
    else test(`${vector.id} is overruled: ${reason}`, () => expect(judge(vector)).rejects.toThrow());
  }
});

it('asks for a username and a password', async () => {
  const step = await create(GOOD_USER).step({ values: null, state: {}, context: stepFrom('::1') });
  expect(step).toEqual(form());
  expect(step.type === 'form' && step.data_schema.map(({ name }) => name)).toEqual(['username', 'password']);
});

it('finds out the username as it was typed, proven by a password', async () => {
  const identity = { subject: 'good-user', data: { username: 'good-user' }, name: null, local_only: false, amr: ['pwd'] };
  expect(await login(create(GOOD_USER), 'good-user')).toEqual({ type: 'identity', identity });
  expect(await login(create(GOOD_USER), 'Good-User')).toEqual(form('invalid_auth'));
});

describe('the program', () => {
  it('gets the username and the password in an environment that is otherwise empty, and its arguments as they are', async () => {
    const [environment, args] = [join(folder, 'environment'), join(folder, 'args')];
    const command = script(`/bin/cat /proc/$$/environ > ${environment}`, `printf '%s\\n' "$@" > ${args}`);
    await login(create(command, { args: ['$HOME', 'a b', '; exit 1'] }), ' \t\u3000paulus\n', ' pass word ');
    expect(readFileSync(environment, 'utf8').split('\0').filter(Boolean)).toEqual(['username=paulus', 'password= pass word ']);
    expect(readFileSync(args, 'utf8')).toBe('$HOME\na b\n; exit 1\n');
  });

  // K1
  it.each(['$(touch OWNED)', '`touch OWNED`', ';touch OWNED', '--help', '| touch OWNED', "' touch OWNED '"])(
    'runs nothing of %j',
    async (text) => {
      const owned = join(folder, 'owned');
      const username = text.replace('OWNED', owned);
      expect(await login(create(GOOD_USER), username)).toEqual(form('invalid_auth'));
      expect(await login(create(GOOD_USER), 'good-user', username)).toEqual(form('invalid_auth'));
      expect(existsSync(owned)).toBe(false);
    },
  );

  // K1, K2
  it.each([
    ['a username that is empty', ' ', 'x'],
    ['a username with NUL', 'a\0b', 'x'],
    ['a username with a line end inside', 'a\nb', 'x'],
    ['a username that is not Unicode', '\ud800', 'x'],
    ['a username that is very long', 'a'.repeat(4096), 'x'],
    ['a password with NUL', 'a', 'x\0'],
    ['a password that is not Unicode', 'a', '\udfff'],
  ])('is not started for %s', async (_story, username, password) => {
    const started = join(folder, 'started');
    expect(await login(create(script(`: > ${started}`)), username, password)).toEqual(form('invalid_auth'));
    expect(existsSync(started)).toBe(false);
  });

  it.each([
    ['does not exist', '/does/not/exist'],
    ['is a folder', tmpdir()],
    ['is below a file', '/bin/sh/x'],
    ['may not be run', '/etc/passwd'],
  ])('that %s lets nobody in, and the operator is warned', async (_story, command) => {
    expect(await login(create(command), 'good-user')).toEqual(form('invalid_auth'));
    expect(warnings).toEqual([expect.stringMatching(`^auth provider command_line: ${command} could not be started: E[A-Z]+$`)]);
  });

  it.each(['exit 2', 'exit 255', 'kill -9 $$', 'kill -15 $$'])('that ends by %s lets nobody in', async (end) => {
    expect(await login(create(script(end)), 'good-user')).toEqual(form('invalid_auth'));
  });
});

// K4
describe('what it prints', () => {
  const nothing = { name: null, group_ids: undefined, local_only: false };

  it.each<[string, string[], object]>([
    ['names a new user', ['echo " name = Paulus = Schoutsen "'], { name: 'Paulus = Schoutsen' }],
    ['names its group', ['echo group=family'], { group_ids: ['family'] }],
    ['restricts it to the local network', ['echo local_only = true'], { local_only: true }],
    ['counts by the last word', ['echo name=A; echo local_only=true; echo name=B; echo local_only=yes'], { name: 'B' }],
    ['is skipped where it is a comment', ['echo "#name=A"; echo "  # group=a"'], {}],
    [
      'is skipped where it is nothing we know',
      ['echo is_owner=true; echo Name=A; echo is_active=true; echo __proto__=x; echo =; echo'],
      {},
    ],
    ['is skipped where it is not UTF-8', ["printf 'name=\\377A\\nname=B\\ngroup=\\300\\200\\n'"], { name: 'B' }],
    ['is skipped where it holds NUL', ["printf 'name=B\\ngroup=a\\000b\\n'"], { name: 'B' }],
    ['may end lines in any way', ["printf 'name=A\\r\\ngroup=b\\rlocal_only=true'"], { name: 'A', group_ids: ['b'], local_only: true }],
    ['is no name when it is empty', ['echo name=; echo group='], {}],
    ['is cleaned where people will read it', ["printf 'name=A\\033[31m\\342\\200\\256B\\n'"], { name: 'A [31mB' }],
  ])('%s', async (_story, lines, want) => {
    expect(await newUserBy(...lines)).toEqual({ ...nothing, ...want });
  });

  it('makes no administrator; the operator is warned', async () => {
    expect(await newUserBy('echo group=system-admin')).toEqual(nothing);
    expect(warnings).toEqual([expect.stringMatching(/names system-admin, but new users are never administrators$/)]);
  });

  it('is not read unless the configuration says so', async () => {
    expect(await login(create(GOOD_USER, { args: ['--with-meta'] }), 'good-user')).toMatchObject({ identity: { name: null } });
    const identity = { name: 'Bob', group_ids: ['system-users'], local_only: true };
    expect(await login(create(GOOD_USER, { args: ['--with-meta'], meta: true }), 'good-user')).toMatchObject({ identity });
  });

  it('may be 64 kB; a program that prints without end is stopped', async () => {
    const print = (bytes: number) => script('echo name=A', `/usr/bin/head -c ${bytes} /dev/zero`);
    expect(await login(create(print(65_000), { meta: true }), 'a')).toMatchObject({ identity: { name: 'A' } });
    for (const command of [print(10_000_000), script('exec /usr/bin/yes')])
      expect(await login(create(command, { meta: true }), 'a')).toEqual(form('provider_unavailable'));
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/printed too much and was stopped$/);
  });
});

// K3
describe('a program that hangs', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.close());
  afterEach(() => void vi.useRealTimers());
  const holdTime = () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });

  /** Starts a child of its own, notes the ids of both, and waits forever. */
  function hanging(...before: string[]): { command: string; pids(): number[] } {
    const file = join(mkdtempSync(join(folder, 'h-')), 'pids');
    const command = script(...before, '/bin/sleep 600 &', `echo $$ $! >> ${file}`, 'wait');
    return { command, pids: () => (existsSync(file) ? (readFileSync(file, 'utf8').match(/\d+/g) ?? []).map(Number) : []) };
  }
  async function until(fact: () => boolean): Promise<void> {
    while (!fact()) await new Promise((resolve) => setImmediate(resolve));
  }
  // What became of a grandchild is for the first process to see; what became of a child, for us.
  const isThere = (pid: number) => {
    const { state, parent } = statusOf(pid);
    return state !== undefined && (state !== 'Z' || parent === process.pid);
  };

  it('is ended after ten seconds with all it started; that is no wrong guess', async () => {
    const limits = { threshold: 2, ban_duration: 3600, trusted_proxies: [] };
    const tables = { failedLogins: createFailedLoginRepository(db.database), ipBans: createIpBanRepository(db.database) };
    const throttle = createThrottle({ ...tables, ...limits, clock: NO_DEPS.clock, audit: { record: () => {} } });
    const context = { ...stepFrom('198.51.100.7'), attempt: throttle.attempt.bind(null, '198.51.100.7') };
    const { command, pids } = hanging();
    const provider = create(command);
    holdTime();
    for (let time = 1; time <= 3; time++) {
      const answer = login(provider, 'paulus', 'x', context);
      await until(() => pids().length === 2 * time);
      await vi.advanceTimersByTimeAsync(9_900);
      expect(pids().slice(-2).every(isThere)).toBe(true);
      await vi.advanceTimersByTimeAsync(100);
      expect(await answer).toEqual(form('provider_unavailable'));
      await until(() => !pids().some(isThere));
    }
    expect(await db.database.kysely.selectFrom('failed_logins').selectAll().execute()).toEqual([]);
    expect(warnings[0]).toMatch(/took too long and was stopped$/);
  });

  it('holds back a hundred logins no longer than that, eight at a time', async () => {
    const { command, pids } = hanging();
    const provider = create(command);
    const answers: ProviderStep[] = [];
    holdTime();
    const logins = Array.from({ length: 100 }, async (_, index) => void answers.push(await login(provider, `user-${index}`)));
    await until(() => answers.length === 60 && pids().length === 16);
    await vi.advanceTimersByTimeAsync(2_000);
    await until(() => answers.length === 92);
    expect(pids()).toHaveLength(16);
    await vi.advanceTimersByTimeAsync(8_000);
    await Promise.all(logins);
    expect(answers).toEqual(Array(100).fill(form('provider_unavailable')));
    await until(() => !pids().some(isThere));
    expect(pids()).toHaveLength(16);
  });

  it('cannot hang on by someone who left its group and holds its output', async () => {
    const file = join(folder, 'left');
    const provider = create(script('/usr/bin/setsid /bin/sleep 600 &', `echo $! > ${file}`), { meta: true });
    holdTime();
    const answer = login(provider, 'paulus');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await answer).toEqual(form('provider_unavailable'));
    process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
  });
});

// K3
it('no zombie is left of many programs', async () => {
  const provider = create(GOOD_USER);
  const steps = await Promise.all(Array.from({ length: 30 }, (_, index) => login(provider, index % 2 ? 'good-user' : 'bad-user')));
  expect(steps.filter(({ type }) => type === 'identity')).toHaveLength(15);
  const ours = readdirSync('/proc').filter((pid) => statusOf(pid).name === 'script' && statusOf(pid).parent === process.pid);
  expect(ours).toEqual([]);
});

describe('a configuration', () => {
  const config = type.config.strict();

  for (const [story, block, ok] of [
    ['with a command alone', { command: '/bin/true' }, true],
    ['without a command', {}, false],
    ['with an empty command', { command: '' }, false],
    ['with NUL in an argument', { command: '/bin/true', args: ['a\0'] }, false],
    ['with arguments in one text', { command: '/bin/true', args: '-v' }, false],
    ['with a key that is not known', { command: '/bin/true', shell: true }, false],
  ] as const) {
    test(`${story} is ${ok ? 'accepted' : 'refused'}`, () => {
      expect(config.safeParse(block).success).toBe(ok);
    });
  }
});

// W17
describe('a name and a password typed on another machine', () => {
  const TOLD = { username: 'mu\u0308ller', password: 'u\u0308' };
  const program = () => script('[ "$username" = m\u00fcller ] && [ "$password" = \u00fc ]');

  it('are sent as they were typed, then in form NFC; the credential is stored under that', async () => {
    const step = await login(create(program()), TOLD.username, TOLD.password);
    expect(step).toMatchObject({ identity: { subject: 'm\u00fcller', typed_subject: 'mu\u0308ller', data: { username: 'm\u00fcller' } } });
    expect(await login(create(program()), 'm\u00fcller', '\u00fc')).toMatchObject({ identity: { subject: 'm\u00fcller' } });
    expect(await login(create(program()), TOLD.username, 'o\u0308')).toEqual(form('invalid_auth'));
  });
});
