// Home Assistant's own client library, unchanged, from "no tokens" to "revoked", as a page of
// another origin would use it.
import { type AuthData, getAuth } from 'home-assistant-js-websocket';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { visitor } from '../support/clients/page_visitor.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { OWNER, startServer } from '../support/fixtures/server.ts';

const APP = 'http://app.local:8123';

const server = perFile(() => startServer());
beforeAll(async () => {
  await server.createOwner();
  await server.request('/healthz');
});
afterEach(() => vi.unstubAllGlobals());

/** What a browser gives the library: where the page is, and a place to send it. */
function standAt(url: string): { href: string } {
  const location = new URL(url);
  const document = { location: { href: url } };
  vi.stubGlobal('location', location);
  vi.stubGlobal('document', document);
  return document.location;
}

test('home-assistant-js-websocket logs in, refreshes and revokes', async () => {
  const hassUrl = await server.origin();
  const saved: (AuthData | null)[] = [];
  const saveTokens = (data: AuthData | null) => void saved.push(data);

  const page = standAt(`${APP}/lovelace?edit=1#hash`);
  void getAuth({ hassUrl, saveTokens });
  await vi.waitFor(() => expect(page.href).toContain('/auth/authorize?'));

  const person = visitor(server);
  const back = await person.logIn(page.href, OWNER);
  expect(back).toMatch(/^http:\/\/app\.local:8123\/lovelace\?edit=1&auth_callback=1&code=lk_ac_[\w-]+&state=/);

  standAt(back);
  const auth = await getAuth({ hassUrl, saveTokens });
  expect(auth.expired).toBe(false);
  expect(auth.data).toMatchObject({ clientId: `${APP}/`, expires_in: 1800, refresh_token: expect.stringMatching(/^lk_rt_/) });
  const api = () => server.request('/api/', { headers: { authorization: `Bearer ${auth.accessToken}` } });
  expect(await (await api()).json()).toEqual({ message: 'API running.' });

  const { refresh_token } = auth.data;
  await auth.refreshAccessToken();
  expect(auth.data.refresh_token).toBe(refresh_token);
  expect((await api()).status).toBe(200);

  await auth.revoke();
  expect(saved.at(-1)).toBeNull();
  expect((await api()).status).toBe(401);
  await expect(auth.refreshAccessToken()).rejects.toBe(2); // ERR_INVALID_AUTH
});
