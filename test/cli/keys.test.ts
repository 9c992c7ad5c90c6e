import { expect, test } from 'vitest';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli, SECRET_KEY } from './support.ts';

const cli = perFile(() => createCli());

test('the list shows the key that signs, and no private part', async () => {
  const keys = await cli.list('keys', 'list');
  expect(keys).toEqual([expect.objectContaining({ algorithm: 'ES256', state: 'signing' })]);
  expect(JSON.stringify(keys)).not.toMatch(/private|"d"/);
});

test('a rotation publishes a successor that does not sign yet; a second one changes nothing', async () => {
  const { code, out } = await cli.run(['keys', 'rotate']);
  expect([code, out]).toEqual([0, expect.stringMatching(/^The ES256 key \S+ is published and signs from 20/)]);
  expect((await cli.list('keys', 'list')).map(({ state }) => state)).toEqual(['signing', 'waiting']);
  expect((await cli.run(['keys', 'rotate'])).out).toBe(out);
});

test('a wrong secret_key is refused in one line that names the setting', async () => {
  const { code, out, err } = await cli.run(['keys', 'list'], { env: { LATCHKEY_SECRET_KEY: 'another secret key, long enough too' } });
  expect([code, out, err]).toEqual([1, '', 'The configured secret_key is not the one this database was written with\n']);
});

test('after a reseal the previous secret_key is no longer needed', async () => {
  const LATCHKEY_SECRET_KEY = 'the next secret key, long enough too';
  const both = { LATCHKEY_SECRET_KEY, LATCHKEY_PREVIOUS_SECRET_KEYS: JSON.stringify([SECRET_KEY]) };
  expect(await cli.run(['keys', 'reseal'], { env: both })).toMatchObject({ code: 0, out: expect.stringContaining('Sealed 3 values anew') });
  expect(await cli.run(['keys', 'list'], { env: { LATCHKEY_SECRET_KEY } })).toMatchObject({ code: 0 });
  expect(await cli.run(['keys', 'list'])).toMatchObject({ code: 1 });
});
