// A command that hangs, a directory that is stopped, one that is frozen, and an upstream that never
// answers: anyone who logs in there gets a page that says so in time, and anyone who comes in
// another way notices nothing. LATCHKEY_TEST_FIGURES=1 prints how long everybody waited.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { directory, PLACES } from '../support/fakes/directory.ts';
import { type ScriptedOp, startScriptedOp } from '../support/fakes/scripted_op.ts';
import { makeCertificates, newFolder, SERVICE, type Slapd, slapdMissing, startSlapd } from '../support/fakes/slapd.ts';
import { CLIENT_ID, REDIRECT_URI, REMOTE_ADDRESS, startServer, type TestServer } from '../support/fixtures/server.ts';

interface Fault {
  story: string;
  handler: [type: string, id: string | null];
  /** The longest that somebody who logs in there may wait, in milliseconds. */
  limit: number;
}

const FAULTS: Fault[] = [
  // Two seconds for a place, ten for the command.
  { story: 'a command that hangs', handler: ['command_line', null], limit: 12_000 },
  { story: 'a directory that is stopped', handler: ['ldap', 'stopped'], limit: 1_000 },
  { story: 'a directory that is frozen', handler: ['ldap', 'frozen'], limit: 5_000 },
  { story: 'an upstream that never answers', handler: ['oidc', null], limit: 5_000 },
];
const FIGURES = process.env.LATCHKEY_TEST_FIGURES !== undefined;
const THOROUGH = FIGURES || process.env.CI === 'true';
/** One after the other where there is time for that. */
const EXPERIMENTS: [story: string, faults: Fault[]][] = THOROUGH
  ? FAULTS.map((fault) => [fault.story, [fault]])
  : [['all of them at once', FAULTS]];
const LOGINS = THOROUGH ? 100 : 30;
const EVERY_MS = 25;
const IDLE_MS = 1_500;
/**
 * What a machine with other work may add, in milliseconds; anyone who waited for a provider that is
 * down would wait longer.
 */
const MARGIN = { p50: 250, p99: 1_000, limit: 4_000 };

const missing = slapdMissing();

// X32, K7
describe.skipIf(missing !== null)('providers that are down', () => {
  const folder = newFolder();
  const program = mkdtempSync(join(tmpdir(), 'latchkey-program-'));
  let slapds: Slapd[] = [];
  let upstream: ScriptedOp;
  let server: TestServer;
  let refresh_token: string;

  beforeAll(async () => {
    const command = join(program, 'hang');
    writeFileSync(command, '#!/bin/sh\nexec /bin/sleep 600\n', { mode: 0o755 });
    const certificates = makeCertificates(folder);
    upstream = await startScriptedOp();
    upstream.say({ '/.well-known/openid-configuration': 'silence' });
    slapds = await Promise.all([1, 2].map(() => startSlapd(directory('of the office'), certificates)));
    const [stopped, frozen] = slapds as [Slapd, Slapd];
    const ldap = (id: string, { port }: Slapd) => {
      return { type: 'ldap', id, url: `ldap://127.0.0.1:${port}`, ca_file: certificates.ca, base_dn: PLACES.people, ...SERVICE };
    };
    const auth_providers = [
      { type: 'homeassistant' },
      { type: 'command_line', command },
      ldap('stopped', stopped),
      ldap('frozen', frozen),
      { type: 'oidc', issuer: upstream.issuer, client_id: 'latchkey', client_secret: 'a secret' },
    ];
    server = await startServer({ config: { auth_providers }, clock: () => new Date() });
    ({ refresh_token } = await server.ownerTokens());
    await stopped.stop();
    frozen.freeze();
    // The first ones pay for what is loaded and compiled.
    await waitsDuring(sleep(500));
  });
  afterAll(async () => {
    await server?.close();
    await Promise.all([upstream?.close(), ...slapds.map((slapd) => slapd.close())]);
    for (const each of [folder, program]) rmSync(each, { recursive: true, force: true });
  });

  /** How long those wait who come another way, one after the other until that is over. */
  async function waitsDuring(work: Promise<unknown>): Promise<Waits> {
    const waits: Waits = { 'local login': [], 'GET /auth/providers': [], refresh: [] };
    let over = false;
    const end = work.finally(() => {
      over = true;
    });
    while (!over) {
      waits['local login'].push(await millisecondsOf(() => server.login()));
      waits['GET /auth/providers'].push(await millisecondsOf(() => ok({ url: '/auth/providers' })));
      const form = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token };
      waits.refresh.push(await millisecondsOf(() => ok({ method: 'POST', url: '/auth/token', form })));
    }
    await end;
    return waits;
  }

  async function ok(request: Parameters<TestServer['inject']>[0]): Promise<void> {
    const answer = await server.inject(request);
    if (answer.statusCode !== 200) throw new Error(`${request.url}: ${answer.statusCode} ${answer.body}`);
  }

  /** How a login ended at the provider, and after how many milliseconds. */
  async function tryToLogIn({ handler }: Fault, username: string, remote_address: string): Promise<Ending> {
    let ended = '';
    const post = (url: string, json: object) => server.inject({ method: 'POST', url, json, remote_address });
    const wait = await millisecondsOf(async () => {
      let answer = await post('/auth/login_flow', { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler });
      const { flow_id, data_schema } = answer.json();
      // An upstream is asked at once; the others when there is something to ask about.
      if (data_schema.length > 0) answer = await post(`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, username, password: 'any' });
      ended = answer.statusCode === 200 ? (answer.json().errors?.base ?? answer.body) : `${answer.statusCode} ${answer.body}`;
    });
    return { ended, wait };
  }

  /**
   * People who keep coming, each from somewhere else; the first from where the local logins come
   * from.
   */
  async function storm(fault: Fault): Promise<Ending[]> {
    const net = FAULTS.indexOf(fault);
    const logins = Array.from({ length: LOGINS }, async (_, index) => {
      await sleep(index * EVERY_MS);
      return await tryToLogIn(fault, `user-${index}`, index === 0 ? REMOTE_ADDRESS : `198.51.${net}.${index}`);
    });
    return await Promise.all(logins);
  }

  test.each(EXPERIMENTS)(
    '%s: answered in time for anyone who logs in there, unnoticed by others, counted against nobody',
    async (_, faults) => {
      const idle = await waitsDuring(sleep(IDLE_MS));
      const storms = Promise.all(faults.map(storm));
      const waits = await waitsDuring(storms);
      const endings = await storms;
      for (const [index, { story, limit }] of faults.entries()) {
        const there = endings[index] ?? [];
        expect([story, new Set(there.map(({ ended }) => ended))]).toEqual([story, new Set(['provider_unavailable'])]);
        expect(Math.max(...there.map(({ wait }) => wait)), story).toBeLessThan(limit + MARGIN.limit);
        if (FIGURES) print(story, { 'login there': there.map(({ wait }) => wait) });
      }
      if (FIGURES) print('before', idle);
      if (FIGURES) print('during', waits);
      for (const [what, before] of Object.entries(idle)) {
        const during = waits[what as keyof Waits];
        expect(quantile(during, 0.5), what).toBeLessThan(3 * quantile(before, 0.5) + MARGIN.p50);
        expect(quantile(during, 0.99), what).toBeLessThan(3 * quantile(before, 0.99) + MARGIN.p99);
      }
      const { kysely } = server.container.database;
      expect(await kysely.selectFrom('failed_logins').selectAll().execute()).toEqual([]);
      expect(await kysely.selectFrom('ip_bans').selectAll().execute()).toEqual([]);
    },
  );
});

type Waits = Record<'local login' | 'GET /auth/providers' | 'refresh', number[]>;

interface Ending {
  ended: string;
  wait: number;
}

async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

function print(story: string, waits: Record<string, number[]>): void {
  for (const [what, values] of Object.entries(waits)) {
    const [p50, p99, most] = [0.5, 0.99, 1].map((part) => quantile(values, part).toFixed(1));
    console.log(`${story}: ${what}: p50 ${p50} ms, p99 ${p99} ms, max ${most} ms (${values.length})`);
  }
}
