// The first owner behind the shortest reverse proxy there is: all requests look as if they came
// from this machine.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Nginx, nginxMissing, startOneLineProxy } from '../support/fakes/nginx.ts';
import { CLIENT_ID, OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

const missing = nginxMissing();
if (missing) console.log(`skipped: ${missing}`);

describe.skipIf(missing !== null)('onboarding through a one-line nginx', () => {
  let server: TestServer;
  let nginx: Nginx;
  beforeAll(async () => {
    server = await startServer();
    nginx = await startOneLineProxy(await server.origin());
  });
  afterAll(async () => {
    await nginx?.close();
    await server?.close();
  });

  const createOwner = (headers: Record<string, string>) =>
    fetch(`${nginx.origin}/api/onboarding/users`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ ...OWNER, client_id: CLIENT_ID, language: 'en' }),
    });

  // S2
  it('refuses a stranger, on the API and on the page', async () => {
    const api = await createOwner({});
    expect([api.status, await api.json()]).toEqual([403, { message: 'The setup token that the server printed is needed' }]);
    const body = new URLSearchParams({ ...OWNER, password_again: OWNER.password });
    const page = await fetch(`${nginx.origin}/onboarding`, { method: 'POST', body, redirect: 'manual' });
    expect(page.status).toBe(403);
    expect(await server.container.onboarding.isDone()).toBe(false);
  });

  it('accepts the setup token', async () => {
    const created = await createOwner({ 'x-setup-token': server.container.onboarding.setupToken() });
    expect([created.status, await created.json()]).toEqual([200, { auth_code: expect.stringMatching(/^lk_ac_/) }]);
  });
});
