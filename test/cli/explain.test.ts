import { beforeAll, expect, test } from 'vitest';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli } from './support.ts';

const cli = perFile(() => createCli());
beforeAll(async () => {
  const services = await cli.openServices();
  services.audit.record({
    type: 'login.failed',
    outcome: 'refused',
    error_ref: 'a1b2c3d4e5',
    client_id: 'https://app.example.com/',
    remote_address: '203.0.113.9',
    detail: { provider: 'homeassistant', reason: 'invalid_auth' },
  });
  await services.close();
});

test('the event of a reference is shown with what decided', async () => {
  const { code, out } = await cli.run(['explain', ' A1B2C3D4E5 ']);
  expect(code).toBe(0);
  for (const fact of [
    'login.failed (refused)',
    'client_id: https://app.example.com/',
    'remote_address: 203.0.113.9',
    'reason: invalid_auth',
  ]) {
    expect(out).toContain(fact);
  }
  expect(out).not.toContain('null');
  expect(await cli.list('explain', 'a1b2c3d4e5')).toMatchObject([{ error_ref: 'a1b2c3d4e5', type: 'login.failed' }]);
});

test('an unknown reference is explained by the reasons it may be missing', async () => {
  expect(await cli.run(['explain', 'ffffffffff'])).toMatchObject({ code: 1, out: '', err: expect.stringContaining('only counted') });
});
