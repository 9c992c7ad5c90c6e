// G4: a device is connected in a real browser, from the address that it shows to its tokens: under
// our policy for pages, in light and dark, on a phone.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVICE_CODE_GRANT } from '../../src/domain/user_code.ts';
import { violationsOf } from '../support/clients/axe.ts';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

describe.skipIf(noChromium)('a device', () => {
  let browser: Browser;
  let server: TestServer;
  let origin: string;

  beforeAll(async () => {
    browser = await launchChromium();
    const port = await freePort();
    origin = `http://localhost:${port}`;
    const tv = {
      client_id: 'tv',
      client_name: 'Television',
      client_uri: 'https://tv.example.com/',
      scope: 'openid profile offline_access',
    };
    const how = { token_endpoint_auth_method: 'none', grant_types: [DEVICE_CODE_GRANT], redirect_uris: [] };
    server = await startServer({ config: { public_url: origin, clients: [{ ...tv, ...how }] } });
    await server.createOwner();
    await server.server.listen({ host: '127.0.0.1', port });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  async function send(url: string, form: Record<string, string>) {
    return (await server.inject({ method: 'POST', url, form: { client_id: 'tv', ...form } })).json();
  }

  async function isAccessible(context: BrowserContext, page: Page): Promise<void> {
    expect(await violationsOf(await context.newCDPSession(page))).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')).toBe(false);
  }

  test.each(['light', 'dark'] as const)('is connected by a person on a phone in the %s', async (colorScheme) => {
    const context = await browser.newContext({ colorScheme, viewport: { width: 390, height: 844 }, locale: 'en-GB' });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    const { device_code, user_code, verification_uri } = await send('/auth/device_authorization', { scope: 'openid profile' });

    await page.goto(verification_uri);
    await page.getByLabel('Username').fill(OWNER.username);
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Log in' }).click();

    await page.getByLabel('Code').fill('BBBB-BBBB');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('alert').waitFor();
    await isAccessible(context, page);

    await page.getByLabel('Code').fill(user_code);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('your name and username').waitFor();
    expect(await page.locator('main').innerText()).toMatch(new RegExp(`Television[\\s\\S]*tv\\.example\\.com[\\s\\S]*${user_code}`));
    await isAccessible(context, page);

    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByRole('heading', { name: 'Connected' }).waitFor();
    await isAccessible(context, page);
    expect(await send('/auth/token', { grant_type: DEVICE_CODE_GRANT, device_code })).toMatchObject({ scope: 'openid profile' });
    expect(complaints.filter((text) => !text.includes('status of 4'))).toEqual([]);
    await context.close();
  });
});

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
