import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli } from './support.ts';

const COMMANDS = readdirSync(new URL('../../src/cli/commands/', import.meta.url)).map((file) => file.replace('.ts', ''));

const cli = perFile(() => createCli());

test('the help lists every file of the folder as a command', async () => {
  const { code, out } = await cli.run(['--help']);
  expect(code).toBe(0);
  for (const name of COMMANDS) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
});

for (const name of COMMANDS) {
  test(`${name} explains itself`, async () => {
    const { code, out } = await cli.run([name, '--help']);
    expect([code, out]).toEqual([0, expect.stringContaining(`Usage: latchkey ${name}`)]);
  });
}

test('the version is printed', async () => {
  expect(await cli.run(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

for (const [story, words, complaint] of [
  ['an unknown command', ['usr'], /unknown command 'usr'.*\n.*Did you mean user/],
  ['an unknown option', ['user', 'list', '--jsn'], /unknown option '--jsn'/],
  ['a missing argument', ['user', 'disable'], /missing required argument 'user'/],
  ['half a command', ['user'], /Usage: latchkey user/],
] as const) {
  test(`${story} is a usage error`, async () => {
    expect(await cli.run([...words])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(complaint) });
  });
}

test('an unreachable database is reported in one line without a stack', async () => {
  const env = { LATCHKEY_DATABASE_URL: 'postgres://latchkey@127.0.0.1:1/latchkey' };
  const { code, out, err } = await cli.run(['user', 'list'], { env });
  expect([code, out, err]).toEqual([1, '', 'The database is not available: connect ECONNREFUSED 127.0.0.1:1\n']);
});

test('a broken configuration is reported as a whole by every command', async () => {
  const { code, err } = await cli.run(['user', 'list'], { env: { LATCHKEY_LISTEN_PORT: 'high', LATCHKEY_LOG_LEVEL: 'loud' } });
  expect([code, err]).toEqual([78, expect.stringMatching(/LATCHKEY_LISTEN_PORT: [^\n]+\n(.*\n)*LATCHKEY_LOG_LEVEL: /)]);
});
