// An app's login in a real browser: the page that asks for consent is readable for all, and an
// answer by form gets to the app under our own policy for pages, with a script and without.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { violationsOf } from '../support/clients/axe.ts';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';
import { CHALLENGE } from '../support/fixtures/standard_grants.ts';

const SCREENSHOTS = process.env.LATCHKEY_TEST_SCREENSHOTS;
const FORM_POST_SCRIPT = /form_post.*\.js/;

describe.skipIf(noChromium)('an app that wants its answer by form', () => {
  let browser: Browser;
  let server: TestServer;
  let origin: string;
  let app: Server;
  let redirect_uri: string;
  let received: { method: string; url: string; form: URLSearchParams }[];
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    browser = await launchChromium();
    app = createServer((request, response) => {
      void text(request).then((body) => {
        const { method = '', url = '' } = request;
        if (url.startsWith('/callback')) received.push({ method, url, form: new URLSearchParams(body) });
        response.setHeader('content-type', 'text/html').end('<h1>Welcome</h1>');
      });
    });
    redirect_uri = `${await listen(app)}/callback`;
    const reserved = createServer();
    const { port } = new URL(await listen(reserved));
    await once(reserved.close(), 'close');
    origin = `http://localhost:${port}`;
    const client = { client_name: 'Wiki', redirect_uris: [redirect_uri] };
    const scopes = [{ name: 'pages', description: 'Change the pages that you wrote' }];
    const clients = [
      { ...client, client_id: 'wiki', scope: 'openid profile email groups offline_access pages' },
      { ...client, client_id: 'trusted', trusted: true },
    ];
    server = await startServer({ config: { public_url: origin, clients, scopes } });
    await server.createOwner();
    await server.server.listen({ host: '127.0.0.1', port: Number(port) });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    app?.close();
  });
  beforeEach(() => {
    received = [];
  });

  const href = (client_id: string, differs: Record<string, string> = {}) => {
    const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256' };
    const asked = { response_type: 'code', response_mode: 'form_post', client_id, redirect_uri, scope: 'openid', state: 'a&"<b', ...pkce };
    return `${origin}/auth/authorize?${new URLSearchParams({ ...asked, ...differs })}`;
  };

  async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<string[]> {
    await context?.close();
    context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-GB', ...options });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const complaints: string[] = [];
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    return complaints;
  }

  async function logIn(url: string): Promise<void> {
    await page.goto(url);
    await page.getByLabel('Username').fill(OWNER.username);
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Log in' }).click();
  }

  async function isAccessible(name: string): Promise<void> {
    if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
    expect(await violationsOf(await context.newCDPSession(page))).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')).toBe(false);
  }

  /** The answer came once, as a form, and the address has nothing of it. */
  async function isReceived(has: 'code' | 'error'): Promise<void> {
    await page.getByRole('heading', { name: 'Welcome' }).waitFor();
    const [{ method, url, form }, ...others] = received as [(typeof received)[0]];
    expect([method, url, others]).toEqual(['POST', '/callback', []]);
    expect(form.get('state')).toBe('a&"<b');
    expect(form.get('iss')).toBe(origin);
    expect(form.get(has)).toMatch(/./);
    expect(page.url()).toBe(redirect_uri);
  }

  test('the person logs in and consents, and the app gets its code', async () => {
    const complaints = await open();
    await logIn(href('wiki'));
    await page.getByRole('button', { name: 'Continue' }).click();
    await isReceived('code');
    expect(complaints.filter((complaint) => !complaint.includes('status of 404'))).toEqual([]); // the favicon
  });

  test.each([
    ['light', 390],
    ['dark', 390],
    ['light', 1280],
    ['dark', 1280],
  ] as const)('cancelling before the login returns access_denied to the app (%s, %i px)', async (colorScheme, width) => {
    await open({ colorScheme, viewport: { width, height: 844 } });
    await page.goto(href('wiki'));
    await isAccessible(`login_of_an_app_${colorScheme}_${width}`);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await isReceived('error');
    expect(received[0]?.form.get('error')).toBe('access_denied');
  });

  test('the person denies, and the app gets access_denied', async () => {
    await open();
    await logIn(href('wiki', { prompt: 'consent' }));
    await page.getByRole('button', { name: 'Cancel' }).click();
    await isReceived('error');
    expect(received[0]!.form.get('error')).toBe('access_denied');
  });

  test('without scripts the page has a button', async () => {
    await open({ colorScheme: 'dark' });
    await page.route(FORM_POST_SCRIPT, (route) => route.abort());
    await logIn(href('trusted'));
    const button = page.getByRole('button', { name: 'Continue' });
    await button.waitFor();
    await isAccessible('form_post');
    expect(received).toEqual([]);
    await button.click();
    await isReceived('code');
  });

  const looks = (['light', 'dark'] as const).flatMap((colorScheme) => [390, 1280].map((width) => ({ colorScheme, width })));

  test.each(looks)('the consent page is accessible, $colorScheme at $width px', async ({ colorScheme, width }) => {
    await open({ colorScheme, viewport: { width, height: 844 } });
    await logIn(href('wiki', { prompt: 'consent', scope: 'openid profile email groups offline_access pages' }));
    await page.getByRole('button', { name: 'Continue' }).waitFor();
    expect(await page.getByText('Change the pages that you wrote').count()).toBe(1);
    await isAccessible(`consent_${colorScheme}_${width}`);
  });
});

async function listen(app: Server): Promise<string> {
  await once(app.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
}
