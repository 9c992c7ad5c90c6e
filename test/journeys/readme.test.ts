// The README's transcript, run word for word in a shell against a fresh server: from nothing to a
// first access token.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { perFile } from '../support/fixtures/per_file.ts';
import { startServer } from '../support/fixtures/server.ts';

const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');

const server = perFile(() => startServer());

test('the README leads from nothing to a first token in under a minute', async () => {
  const transcript = /<!-- transcript: begin -->\n```sh\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const given = transcript
    .replace('URL=http://localhost:8420', `URL=${await server.origin()}`)
    .replace('SETUP_TOKEN=lk_st_...', `SETUP_TOKEN=${server.container.onboarding.setupToken()}`);
  expect(given).not.toBe(transcript);
  const started = performance.now();
  const { stdout } = await promisify(execFile)('bash', [
    '-euo',
    'pipefail',
    '-c',
    `${given}\necho; curl -s -o /dev/null -w '%{http_code}' "$URL/api/me" -H "Authorization: Bearer $ACCESS_TOKEN"`,
  ]);
  expect(performance.now() - started).toBeLessThan(60_000);
  const [me, refreshed] = stdout.split(/(?<=})(?={)/);
  expect(JSON.parse(me ?? '')).toMatchObject({ name: 'Paula', is_owner: true });
  expect(JSON.parse(refreshed?.split('\n')[0] ?? '')).toMatchObject({ token_type: 'Bearer', expires_in: 1800 });
  expect(stdout.trim().split('\n').at(-1)).toBe('401');
});
