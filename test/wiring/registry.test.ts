import { expect, it } from 'vitest';
import { readRegistry } from '../../src/wiring/registry.ts';
import { provider as insecureExample } from '../support/fakes/insecure_example.ts';

it('every plug-in file is there under its own name', async () => {
  const { providers, grants } = await readRegistry();
  expect([...providers.keys()]).toContain('homeassistant');
  expect([...grants.keys()]).toEqual(expect.arrayContaining(['authorization_code', 'refresh_token']));
  for (const [type, provider] of providers) expect(provider.type).toBe(type);
});

it('the example provider of the tests is no plug-in of this server', async () => {
  expect((await readRegistry()).providers.has('insecure_example')).toBe(false);
  expect((await readRegistry([insecureExample])).providers.has('insecure_example')).toBe(true);
});
