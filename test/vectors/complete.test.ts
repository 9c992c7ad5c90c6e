// That nothing is left out: every case of these areas is run by a test, or stands among the
// overruled ones.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { vectors } from '../support/clients/vectors.ts';
import { OVERRULED } from './overruled.ts';

const AREAS = [
  'access-token',
  'client-id',
  'client-page',
  'cors',
  'final-redirect',
  'forwarded',
  'http-auth',
  'ip-ban',
  'is-local',
  'local-provider',
  'login-flow',
  'may-auth',
  'onboarding',
  'permission-all',
  'permission-check',
  'permission-merge',
  'permission-schema',
  'pkce',
  'providers',
  'redirect-uri',
  'refresh-token',
  'revoke',
  'token-code',
  'token-refresh',
  'users',
  'well-known',
  'ws-auth',
  'ws-tokens',
];
const ROOT = new URL('../', import.meta.url).pathname;
const NAMES = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
const FILES = NAMES.map((name) => ({ name, text: readFileSync(`${ROOT}${name}`, 'utf8') }));

/** The areas of which a file runs every case: all of `runArea`, or a loop over all vectors. */
function areasOf(text: string): string[] {
  const whole = /runArea\(\s*'([a-z-]+)'|for \(const .* of vectors\('([a-z-]+)'\)\)/g;
  return [...text.matchAll(whole)].map(([, run, loop]) => run ?? loop ?? '');
}

test.each(AREAS)('every case of %s is run or overruled', (area) => {
  const runners = FILES.filter(({ text }) => areasOf(text).includes(area)).map(({ name }) => name);
  expect([area, runners]).toEqual([area, expect.arrayContaining([expect.any(String)])]);
});

test('what is overruled is a case, and says by which decision', () => {
  const ids = AREAS.flatMap((area) => vectors(area)).map(({ id }) => id);
  for (const [id, ruling] of Object.entries(OVERRULED)) {
    expect(ids).toContain(id);
    expect(ruling).toMatch(/^decisions? \d+( and \d+)?: ./);
  }
});
