// A provider that hangs: anyone who waits behind it gets an answer in time.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AuthProviderType } from '../../src/domain/auth_provider.ts';
import { provider as insecureExample } from '../support/fakes/insecure_example.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestServer } from '../support/fixtures/server.ts';

let release: () => void = () => {};
const released = new Promise<void>((resolve) => (release = resolve));
const hanging: AuthProviderType<never> = {
  ...insecureExample,
  type: 'hanging',
  create(block, deps) {
    const created = insecureExample.create(block, deps);
    return {
      ...created,
      auth_provider_type: 'hanging',
      step: ({ context, ...request }) => {
        const attempt: typeof context.attempt = (name) => context.attempt(name, () => released.then(() => false));
        return created.step({ ...request, context: { ...context, attempt } });
      },
    };
  },
};

let server: TestServer;
beforeAll(async () => {
  const users = [{ username: 'victim', password: 'right' }];
  const config = { auth_providers: [{ type: 'homeassistant' }, { type: 'hanging', users }] };
  server = await startServer({ config, extra_provider_types: [hanging] });
  await server.createOwner();
});
afterAll(() => server.close());

// R13
it.each([
  ['of one name from ten addresses', (n: number) => `198.51.100.${n}`],
  ['from one address', () => '198.51.100.100'],
])(
  'ten logins %s are answered within 15 seconds, though the first one hangs',
  async (_story, from) => {
    const began = performance.now();
    const logins = Array.from({ length: 10 }, async (_, n) => {
      const remote_address = from(n);
      const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['hanging', null] };
      const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json, remote_address })).json();
      const answer = await server.inject({
        ...{ method: 'POST', url: `/auth/login_flow/${flow_id}`, remote_address },
        json: { client_id: CLIENT_ID, username: 'victim', password: 'x' },
      });
      return [answer.statusCode, Number(answer.headers['retry-after']) > 0];
    });
    expect(await Promise.all(logins)).toEqual(logins.map(() => [503, true]));
    expect(performance.now() - began).toBeLessThan(16_000);
  },
  60_000,
);

it('and once it is well again, so are the logins', async () => {
  release();
  const from = { remote_address: '198.51.100.1' };
  const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['hanging', null] };
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json, ...from })).json();
  const answer = await server.inject({
    ...{ method: 'POST', url: `/auth/login_flow/${flow_id}`, ...from },
    json: { client_id: CLIENT_ID, username: 'victim', password: 'x' },
  });
  expect(answer.json().errors).toEqual({ base: 'invalid_auth' });
});
