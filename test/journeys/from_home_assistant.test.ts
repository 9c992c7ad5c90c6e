// docs/from-home-assistant.md: its commands in a shell, with the built program and a household's
// files; then people log in and apps and scripts continue over HTTP.
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { urlOf } from '../cli/support.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import {
  homeAssistantStorage,
  IOS,
  PASSWORD,
  secretOf,
  signedByHomeAssistant,
  writeStorage,
} from '../support/fixtures/home_assistant_storage.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { startServer } from '../support/fixtures/server.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PAGE = readFileSync(join(ROOT, 'docs', 'from-home-assistant.md'), 'utf8');
const SECRET_KEY = 'only for tests, and long enough for it';
const now = new Date();

const db = perFile(() => createTestDatabase());
const server = perFile(() =>
  startServer({ database: db.database, clock: () => now, config: { secret_key: SECRET_KEY, auth_mfa_modules: [{ type: 'totp' }] } }),
);

const HAS_TOOLS = ['curl', 'jq'].every((tool) => spawnSync(tool, ['--version']).status === 0);

/** Runs the page's blocks with that word, one after another; answers what they print. */
async function runPage(word: 'latchkey' | 'curl', folder: string, variables: Record<string, string> = {}): Promise<string> {
  const blocks = Array.from(PAGE.matchAll(/^```sh\n(.*?)^```/gms), ([, block = '']) => block);
  const commands = blocks.filter((block) => block.includes(word)).join('');
  expect(commands).toContain('/config');
  const script = `latchkey() { "${process.execPath}" "${join(ROOT, 'dist', 'main.js')}" "$@"; }\n${commands.replaceAll('/config', folder)}`;
  const env = { PATH: process.env.PATH, LATCHKEY_DATABASE_URL: urlOf(db.connection), LATCHKEY_SECRET_KEY: SECRET_KEY, ...variables };
  return (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { env, cwd: folder })).stdout;
}

test('the page brings a household over; its people, apps and scripts continue', async () => {
  const folder = await writeStorage(homeAssistantStorage(now));
  try {
    const out = await runPage('latchkey', folder);
    expect(out).toContain('6 would come over, 0 here already, 0 cannot');
    expect(out).toContain('6 came over, 0 here already, 0 cannot');
    expect(out).toContain('Node-RED at Latchkey');
  } finally {
    await rm(folder, { recursive: true });
  }
  expect(await (await server.request('/api/onboarding')).json()).toEqual([{ step: 'user', done: true }]);
  const started = await server.inject({
    ...{ method: 'POST', url: '/auth/login_flow', remote_address: '192.168.1.5' },
    json: { client_id: 'https://app.example.com/', redirect_uri: 'https://app.example.com/', handler: ['homeassistant', null] },
  });
  const json = { client_id: 'https://app.example.com/', username: 'oskar', password: PASSWORD };
  const url = `/auth/login_flow/${started.json().flow_id}`;
  expect((await server.inject({ method: 'POST', url, json, remote_address: '192.168.1.5' })).json()).toMatchObject({
    type: 'create_entry',
  });
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: secretOf('phone'), client_id: IOS });
  const refreshed = await server.request('/auth/token', { method: 'POST', body: form });
  expect([refreshed.status, await refreshed.json()]).toEqual([200, expect.objectContaining({ token_type: 'Bearer' })]);
  const script = { authorization: `Bearer ${signedByHomeAssistant('script', now)}` };
  expect(await (await server.request('/api/', { headers: script })).json()).toEqual({ message: 'API running.' });
}, 120_000);

test.skipIf(!HAS_TOOLS)('the page uploads them, with curl and jq', async () => {
  const other = await startServer({ clock: () => now });
  const folder = await writeStorage(homeAssistantStorage(now));
  try {
    const variables = { URL: await other.origin(), TOKEN: (await other.ownerTokens()).access_token };
    const report = JSON.parse(await runPage('curl', folder, variables));
    // The second factor of Paula is not configured there.
    expect(report).toMatchObject({
      applied: true,
      people: expect.arrayContaining([expect.objectContaining({ name: 'Oskar', outcome: 'import' })]),
    });
    expect(report.people[0]).toMatchObject({ name: 'Paula', outcome: 'refused', reason: { code: 'factor_not_configured' } });
  } finally {
    await rm(folder, { recursive: true });
    await other.close();
  }
});
