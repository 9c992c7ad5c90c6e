// Protected hosts behind the programs that docs/forward-auth.md names, by their recipes: Caddy, and
// nginx before an Express app.
import { once } from 'node:events';
import { createServer } from 'node:http';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBrowser } from '../support/clients/browser.ts';
import { caddyMissing, startCaddy } from '../support/fakes/caddy.ts';
import { listening, type Nginx, nginxMissing, startNginx } from '../support/fakes/nginx.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

const HOST = 'a.example.test';
const A = `https://${HOST}`;

let server: TestServer;

beforeAll(async () => {
  server = await startServer({
    config: {
      http: { trusted_proxies: ['127.0.0.1'] },
      forward_auth: {
        rules: [
          { host: HOST, paths: ['/admin'], groups: ['system-read-only'] },
          { host: HOST, paths: ['/api'], allow_preflight: true },
          { host: HOST, public_paths: ['/public'] },
        ],
      },
    },
  });
  await server.createOwner();
});
afterAll(() => server?.close());

async function newBrowser(proxy: Nginx) {
  return createBrowser({ [HOST]: proxy.origin, 'auth.example.com': await server.origin() });
}

async function loggedIn(proxy: Nginx) {
  const browser = await newBrowser(proxy);
  const page = await browser.submit(await browser.follow(`${A}/x?y=1`), { username: OWNER.username, password: OWNER.password });
  expect([page.status, page.url]).toEqual([200, `${A}/x?y=1`]);
  return browser;
}

const no_caddy = caddyMissing();
if (no_caddy) console.log(`skipped: ${no_caddy}`);

// W16
describe.skipIf(no_caddy !== null)('the block of the recipe for Caddy', () => {
  let caddy: Nginx;
  beforeAll(async () => {
    caddy = await startCaddy(await server.origin(), HOST);
  });
  afterAll(() => caddy?.close());

  it('leads a stranger to the login and back, and tells the app who it is', async () => {
    const browser = await loggedIn(caddy);
    const { body } = await browser.get(`${A}/x`, { 'Remote-User': 'root', 'Remote-Email': 'root@example.com' });
    const { headers } = JSON.parse(body);
    expect(headers).toMatchObject({ 'remote-user': 'ada', 'remote-name': 'Ada' });
    expect(JSON.stringify(headers)).not.toContain('root');
  });

  it('lets nobody else to a page, and everybody to what is public', async () => {
    const browser = await newBrowser(caddy);
    expect((await browser.get(`${A}/x`)).location).toBe(`${A}/.latchkey/login?to=%2Fx`);
    expect((await browser.get(`${A}/public/x`)).status).toBe(200);
    for (const path of ['/admin', '/ADMIN', '/x/..%2fadmin']) expect((await (await loggedIn(caddy)).get(A + path)).status).toBe(302);
  });
});

const no_nginx = nginxMissing();
if (no_nginx) console.log(`skipped: ${no_nginx}`);

// S6
describe.skipIf(no_nginx !== null)('an Express app behind the block of the recipe for nginx', () => {
  let nginx: Nginx;
  beforeAll(async () => {
    const app = express();
    app.get('/admin', (_request, response) => void response.send('the secret page'));
    app.get('/Panel/', (_request, response) => void response.send('the secret page'));
    app.use((_request, response) => void response.send('another page'));
    nginx = await startNginx(await server.origin(), [HOST], app);
  });
  afterAll(() => nginx?.close());

  it('shows its protected page to nobody, however the path is spelt', async () => {
    const browser = await loggedIn(nginx);
    expect((await browser.get(`${A}/other`)).body).toBe('another page');
    const spellings = ['/admin', '/ADMIN', '/Admin', '/aDmIn/', '/admin/', '//ADMIN', '/x/../ADMIN', '/%41DMIN', '/%61dmin', '/ADMIN?x=1'];
    for (const path of [...spellings, '/./ADMIN', '/x/%2e%2e/ADMIN', '/ADMIN;x', '/ADMIN%2f', '/public/../ADMIN', '/PUBLIC/..%2FADMIN']) {
      const { status, body } = await browser.get(A + path);
      expect([path, status, body.includes('secret')]).toEqual([path, 302, false]);
    }
  });
});

// W16
it.skipIf(no_nginx !== null)(
  'the nginx block leaves a redirect to public_url as it is, where that is the address it passes requests to',
  async () => {
    const at_public_url = createServer((_request, response) => {
      response.writeHead(303, { location: `${origin}/auth/forward/login?host=${HOST}` }).end();
    });
    const origin = `http://127.0.0.1:${await listening(at_public_url)}`;
    const nginx = await startNginx(origin, [HOST]);
    const { location } = await createBrowser({ [HOST]: nginx.origin }).get(`${A}/.latchkey/login?to=%2F`);
    expect(location).toBe(`${origin}/auth/forward/login?host=${HOST}`);
    await nginx.close();
    at_public_url.close();
    await once(at_public_url, 'close');
  },
);
