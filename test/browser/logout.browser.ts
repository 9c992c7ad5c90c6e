// Logout in a real browser: an app of another site sends its form, our policy for pages lets the
// way back through, and the pages are readable for all.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { violationsOf } from '../support/clients/axe.ts';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { tokensOf } from '../support/fixtures/logout.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

describe.skipIf(noChromium)('logout', () => {
  let browser: Browser;
  let server: TestServer;
  let app: Server;
  let app_origin: string;
  let origin: string;
  let context: BrowserContext;
  let page: Page;
  /** The form that the app's page sends. */
  let form: Record<string, string> = {};

  beforeAll(async () => {
    browser = await launchChromium();
    app = createServer((request, response) => {
      const fields = Object.entries(form).map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`);
      const sends = `<form method="post" action="${origin}/auth/end_session">${fields.join('')}<button>Leave</button></form>`;
      response.setHeader('content-type', 'text/html').end(request.url?.startsWith('/bye') ? '<h1>Bye</h1>' : sends);
    });
    app_origin = await listen(app);
    const reserved = createServer();
    const { port } = new URL(await listen(reserved));
    await once(reserved.close(), 'close');
    origin = `http://localhost:${port}`;
    const wiki = {
      client_id: 'wiki',
      redirect_uris: [`${app_origin}/callback`],
      post_logout_redirect_uris: [`${app_origin}/bye`],
    };
    server = await startServer({ config: { public_url: origin, clients: [wiki] } });
    await server.createOwner();
    await server.server.listen({ host: '127.0.0.1', port: Number(port) });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    app?.close();
  });
  beforeEach(async () => {
    await context?.close();
    context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-GB' });
    page = await context.newPage();
    await logIn();
  });

  async function logIn(): Promise<void> {
    await page.goto(`${origin}/account/security`);
    await page.getByLabel('Username').fill(OWNER.username);
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL(`${origin}/account/security`);
  }

  /** An ID token of the app for the session of this browser, or another one. */
  async function idToken(differs: { sid?: string } = {}): Promise<string> {
    const cookie = (await context.cookies(origin)).find(({ name }) => name === 'latchkey_session')!;
    const session = await server.container.sessions.find(cookie.value, '127.0.0.1');
    return (await tokensOf(server, { cookie: '', sid: session!.sid, user_id: session!.user_id, ...differs }, 'wiki')).id_token;
  }

  async function isAccessible(): Promise<void> {
    expect(await violationsOf(await context.newCDPSession(page))).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')).toBe(false);
  }

  async function isLoggedOut(): Promise<void> {
    await page.goto(`${origin}/account/security`);
    expect(await page.getByLabel('Password').count()).toBe(1);
  }

  test('an app of another site logs its user out by a form', async () => {
    form = { id_token_hint: await idToken(), post_logout_redirect_uri: `${app_origin}/bye`, state: 'x' };
    await page.goto(app_origin);
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('heading', { name: 'Bye' }).waitFor();
    expect(page.url()).toBe(`${app_origin}/bye?state=x`);
    await isLoggedOut();
  });

  test('after the click of the person the browser continues to the app', async () => {
    form = { id_token_hint: await idToken({ sid: 'another' }), post_logout_redirect_uri: `${app_origin}/bye` };
    await page.goto(app_origin);
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('heading', { name: 'Log out?' }).waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Bye' }).waitFor();
    await isLoggedOut();
  });

  // M10
  test('a person logs out by /logout, and the back button shows nothing', async () => {
    await page.goto(`${origin}/logout`);
    await isAccessible();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Logged out' }).waitFor();
    await isAccessible();
    await page.goBack();
    await page.goBack();
    expect(page.url()).not.toBe(`${origin}/account/security`);
    expect(await page.getByLabel('Password').count()).toBe(1);
  });
});

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
