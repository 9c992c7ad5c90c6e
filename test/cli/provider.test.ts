import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { tableChecksums } from '../support/checks/table_checksums.ts';
import { type Op, startOp } from '../support/fakes/oidc_op.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { type Cli, createCli, type Surroundings } from './support.ts';

let cli: Cli;
let config: string;
let op: Op;
beforeAll(async () => {
  cli = await createCli();
  expect((await cli.run(['migrate'])).code).toBe(0);
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-provider-'));
  const command = join(folder, 'check');
  writeFileSync(command, '#!/bin/sh\n[ "$password" = sesame ] || exit 1\necho "name = Ali Baba"\n', { mode: 0o755 });
  const client = { client_id: 'latchkey', client_secret: 'a secret of the client, long enough' };
  const redirect_uris = ['https://auth.example.com/auth/callback/oidc:work'];
  op = await startOp({ clients: [{ ...client, redirect_uris }], people: { zoe: { name: 'Zoe' } } });
  const auth_providers = [
    { type: 'oidc', id: 'work', issuer: op.issuer, ...client },
    { type: 'homeassistant' },
    { type: 'command_line', id: 'door', command, meta: true },
    { type: 'trusted_networks', trusted_networks: ['192.168.0.0/24'], allow_bypass_login: true },
  ];
  config = join(folder, 'config.yaml');
  writeFileSync(config, JSON.stringify({ public_url: 'https://auth.example.com', auth_providers }));
  await addPerson(cli.database, { name: 'Paula', username: 'paula' });
});
afterAll(async () => {
  await op?.close();
  await cli.close();
});

const run = (words: string[], stdin: Surroundings['stdin'] = '') => cli.run(['provider', 'test', '--config', config, ...words], { stdin });
const LOGIN = ['command_line:door', '--username', 'ali', '--password-stdin'];

test('a dry run of a login writes nothing', async () => {
  const before = await tableChecksums(cli.database, ['audit_events', 'signing_keys']);
  const { code, out, err } = await run(LOGIN, 'sesame\n');
  expect([code, err]).toEqual([0, '']);
  expect(out.split('\n')).toEqual([
    'Step init: a form with username, password',
    'The provider says',
    expect.stringMatching(/^ {2}subject +ali$/),
    expect.stringMatching(/^ {2}data +\{"username":"ali"\}$/),
    expect.stringMatching(/^ {2}name +Ali Baba$/),
    expect.stringMatching(/^ {2}amr +pwd$/),
    expect.stringMatching(/^ {2}local_only +false$/),
    '',
    'The login would make this new user; it would be blocked: User is not active',
    expect.stringMatching(/^ {2}name +Ali Baba$/),
    expect.stringMatching(/^ {2}is_active +false$/),
    expect.stringMatching(/^ {2}local_only +false$/),
    expect.stringMatching(/^ {2}group_ids +system-users$/),
    '',
  ]);
  expect(await tableChecksums(cli.database, ['audit_events', 'signing_keys'])).toEqual(before);
});

test('a login at another server continues with the URL that the browser returned to', async () => {
  async function* browse(said: { out: string }): AsyncGenerator<string> {
    const url = await vi.waitFor(() => /^https?:\S+$/m.exec(said.out)?.[0] ?? Promise.reject(new Error(said.out)), { timeout: 10_000 });
    yield `${await op.person('zoe')(url)}\n`;
  }
  const { code, out, err } = await run(['oidc:work'], browse);
  expect([code, err]).toEqual([0, expect.stringContaining('paste its URL here')]);
  expect(out).toMatch(/^ {2}subject +\S+ zoe$/m);
  expect(out).toContain('The login would make this new user');
  expect(await run(['oidc:work'], 'no URL\n')).toMatchObject({ code: 1, err: expect.stringContaining('That is not the URL of a page') });
  const elsewhere = 'https://auth.example.com/auth/callback/oidc:work?code=x&state=y\n';
  expect(await run(['oidc:work'], elsewhere)).toMatchObject({ code: 1 });
});

test('a wrong password fails in one line', async () => {
  expect(await run(LOGIN, 'wrong\n')).toMatchObject({ code: 1, err: expect.stringMatching(/^The provider said invalid_auth.*\n$/) });
});

test('a program reads each step as JSON', async () => {
  const { out } = await run([...LOGIN, '--json'], 'sesame\n');
  const [form, found] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(form).toMatchObject({ type: 'form', step_id: 'init' });
  expect(found).toMatchObject({ type: 'identity', identity: { subject: 'ali' }, foreseen: { outcome: 'new_user' } });
});

test('an option sets the address of the login', async () => {
  expect(await run(['trusted_networks'])).toMatchObject({ code: 1, err: expect.stringContaining('The login ended: not_allowed') });
  const { code, out } = await run(['trusted_networks', '--from', '192.168.0.10']);
  expect([code, out]).toEqual([0, expect.stringContaining('would be linked to this user')]);
  expect(await run(['trusted_networks', '--from', 'home'])).toMatchObject({ code: 2 });
});

test('without a terminal nothing is prompted, and an unknown provider is answered with the known ones', async () => {
  expect(await run(['command_line:door'])).toMatchObject({ code: 2, err: expect.stringContaining('--password-stdin') });
  const { code, err } = await run(['ldap:office']);
  expect([code, err]).toEqual([1, expect.stringContaining('command_line:door')]);
});
