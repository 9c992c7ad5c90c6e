// Links that a client gives (its page, logo, policies): the server fetches none of them, and no
// page makes a browser load them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { standardBrowser } from '../support/clients/standard_browser.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { CHALLENGE } from '../support/fixtures/standard_grants.ts';

const CALLBACK = 'https://app.example.com/callback';
const INITIAL = 'an-initial-access-token';

let server: TestServer;
let elsewhere: Stranger;
let document: object;
const ids: Record<string, string> = {};

beforeAll(async () => {
  elsewhere = await startStranger((socket, path) =>
    path === '/client.json'
      ? respond(socket, JSON.stringify(document), { headers: 'Content-Type: application/json\r\n' })
      : respond(socket, ''),
  );
  const links = Object.fromEntries(['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'].map((name) => [name, `${elsewhere.url}${name}`]));
  const client = { client_name: 'An app', redirect_uris: [CALLBACK], ...links };
  const client_id = `${elsewhere.url}client.json`;
  document = { ...client, client_id };
  server = await startServer({
    config: {
      clients: [{ client_id: 'operator', client_secret: 'the secret of an app', ...client }],
      registration: { enabled: true, initial_access_token: INITIAL },
      url_clients: { allow_private_addresses: true },
    },
  });
  await server.createOwner();
  const made = await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json: client });
  Object.assign(ids, { operator: 'operator', registered: made.json().client_id, document: client_id });
});
afterAll(async () => {
  await server.close();
  await elsewhere.close();
});

it.each(['operator', 'registered', 'document'])('a page that names an app loads nothing of it: %s', async (kind) => {
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id: ids[kind] ?? '', redirect_uri: CALLBACK, scope: 'openid', state: 's' },
    ...{ code_challenge: CHALLENGE, code_challenge_method: 'S256' },
  });
  const browser = standardBrowser(server);
  const pages = [await browser.get(`/auth/authorize?${query}`)];
  await browser.follow(`/auth/authorize?${query}`);
  pages.push(await browser.get(`/auth/authorize?${query}&prompt=consent`));
  for (const page of pages.filter(({ status }) => status === 200)) {
    const html = await page.text();
    expect(html).toContain('An app');
    expect(html).not.toMatch(/logo_uri|client_uri|policy_uri|tos_uri/);
    expect(page.headers.get('content-security-policy')).toContain("img-src 'self' data:;");
  }
  expect(pages.at(-1)?.status).toBe(200);
  expect(elsewhere.received()).not.toMatch(/(GET|HEAD) \/(logo|client|policy|tos)_uri/);
  expect(elsewhere.connections()).toBe(kind === 'document' ? 1 : 0);
});
