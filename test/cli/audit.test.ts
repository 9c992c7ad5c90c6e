import { EventEmitter } from 'node:events';
import { beforeAll, expect, test } from 'vitest';
import { OPERATOR } from '../../src/accounts/actor.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli } from './support.ts';

const cli = perFile(() => createCli());
beforeAll(async () => {
  const services = await cli.openServices();
  await services.users.create({ name: 'Bea', username: 'bea' }, OPERATOR);
  services.audit.record({ type: 'login.failed', outcome: 'refused', error_ref: 'a1b2c3', remote_address: '192.0.2.1' });
  await services.close();
});

test('events are listed in words, newest first, and filtered', async () => {
  const all = await cli.run(['audit']);
  expect(all).toMatchObject({ code: 0, err: '' });
  expect(all.out).toMatch(/A login failed +192\.0\.2\.1 +a1b2c3\n.*A user was created +Bea/s);
  expect(await cli.list('audit', '--outcome', 'refused')).toMatchObject([{ type: 'login.failed', text: 'A login failed' }]);
  expect((await cli.list('audit', '--user', 'bea')).map(({ target_name }) => target_name)).toContain('Bea');
  expect(await cli.list('audit', '--limit', '1')).toMatchObject([{ type: 'login.failed' }]);
  expect(await cli.list('audit', '--since', '2199-01-01T00:00:00Z')).toEqual([]);
});

test.each([
  ['--limit', '0'],
  ['--since', 'yesterday'],
  ['--type', 'login'],
  ['--outcome', 'maybe'],
])('%s %s is a usage error', async (...words) => {
  expect((await cli.run(['audit', ...words])).code).toBe(2);
});

test('--follow prints what is there, oldest first, and what happens until it is interrupted', async () => {
  const signals = new EventEmitter();
  let out = '';
  const running = cli.run(['audit', '--follow'], { signals, onOut: (text) => (out += text) });
  await expect
    .poll(() => out, { timeout: 10_000 })
    .toMatch(/A user was created {2}to Bea\n.*A login failed {2}from 192\.0\.2\.1 {2}error ref a1b2c3\n/s);
  await cli.run(['user', 'add', '--system', 'Cora']);
  await expect.poll(() => out, { timeout: 10_000 }).toMatch(/A user was created {2}to Cora\n/);
  signals.emit('SIGINT', 'SIGINT');
  expect((await running).code).toBe(0);
  expect(out.match(/to Bea/g)).toHaveLength(1);
});
