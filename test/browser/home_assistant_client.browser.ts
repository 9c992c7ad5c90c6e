// Home Assistant's client library in Chromium, on a page of another origin: the redirect there and
// back, CORS, multipart bodies, and the WebSocket.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

const LIBRARY = dirname(fileURLToPath(import.meta.resolve('home-assistant-js-websocket')));

/**
 * The app: logs in when it has no tokens, then shows what the API says, before and after a refresh
 * and after revoking.
 */
const page = (hassUrl: string) => `<!doctype html><title>app</title><pre id="story"></pre><script type="module">
  import { createConnection, getAuth, getUser } from '/library/index.js';
  const hassUrl = ${JSON.stringify(hassUrl)};
  const say = (text) => document.getElementById('story').append(text + '\\n');
  const auth = await getAuth({ hassUrl, saveTokens: (tokens) => say(tokens ? 'saved' : 'forgotten') });
  const api = async () => say('api ' + (await fetch(hassUrl + '/auth/providers').then(() => 'readable', () => 'blocked by CORS')));
  await api();
  await auth.refreshAccessToken();
  say('token ' + auth.accessToken.split('.').length);
  const connection = await createConnection({ auth });
  say('connected as ' + (await getUser(connection)).name);
  const closed = new Promise((resolve) => connection.addEventListener('disconnected', resolve));
  await auth.revoke();
  await closed;
  await auth.refreshAccessToken().catch((error) => say('refused ' + error));
  say('end');
</script>`;

describe.skipIf(noChromium)('the Home Assistant client in Chromium', () => {
  let browser: Browser;
  let server: TestServer;
  let app: Server;
  let origin: string;

  beforeAll(async () => {
    server = await startServer();
    await server.createOwner();
    const hassUrl = await server.origin();
    app = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname;
      const isLibrary = /^\/library\/[\w-]+\.js$/.test(path);
      response.setHeader('content-type', isLibrary ? 'text/javascript' : 'text/html');
      response.end(isLibrary ? readFileSync(join(LIBRARY, path.slice('/library/'.length))) : page(hassUrl));
    });
    await new Promise<void>((resolve) => app.listen(0, 'localhost', resolve));
    origin = `http://localhost:${(app.address() as AddressInfo).port}`;
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    app?.close();
    await server?.close();
  });

  test('a person logs in for an app of another origin', async () => {
    const context = await browser.newContext({ locale: 'en-GB' });
    const tab = await context.newPage();
    await tab.goto(`${origin}/?panel=lights`);
    await tab.getByLabel('Username').fill(OWNER.username);
    await tab.getByLabel('Password').fill(OWNER.password);
    await tab.getByLabel('Keep me logged in').check();
    await tab.getByRole('button', { name: 'Log in' }).click();
    await tab.getByText('end').waitFor();
    expect(tab.url()).toMatch(/\/\?panel=lights&auth_callback=1&code=lk_ac_[\w-]+&state=[^&]+&storeToken=true$/);
    const story = (await tab.locator('#story').innerText()).trim().split('\n');
    expect(story).toEqual(['saved', 'api blocked by CORS', 'saved', 'token 3', 'connected as Ada', 'forgotten', 'refused 2', 'end']);
    await context.close();
  });
});
