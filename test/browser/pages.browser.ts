// Every page as a browser sees it: readable for all (axe), in light and dark, on a phone and a
// desk, with nothing inline.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { violationsOf } from '../support/clients/axe.ts';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestServer } from '../support/fixtures/server.ts';

const AUTHORIZE = `/auth/authorize?${new URLSearchParams({ response_type: 'code', client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, state: 's' })}`;
const SCREENSHOTS = process.env.LATCHKEY_TEST_SCREENSHOTS;

interface Shown {
  name: string;
  path: (server: TestServer) => string;
  owner: boolean;
  /** What is done on the page before it is looked at. */
  act?: (page: Page) => Promise<void>;
}

const PAGES: Shown[] = [
  { name: 'onboarding', path: (server) => `/onboarding?token=${server.container.onboarding.setupToken()}`, owner: false },
  { name: 'onboarding without the link', path: () => '/onboarding', owner: false },
  { name: 'home', path: () => '/', owner: true },
  { name: 'login', path: () => AUTHORIZE, owner: true },
  {
    name: 'login after a wrong password',
    path: () => AUTHORIZE,
    owner: true,
    async act(page) {
      await page.getByLabel('Username').fill('ada');
      await page.getByLabel('Password').fill('wrong');
      await page.getByRole('button').click();
      await page.getByRole('alert').waitFor();
    },
  },
  { name: 'a refused redirect', path: () => AUTHORIZE.replace('app.example.com%2Fcallback', 'evil.example.com%2F'), owner: true },
];

describe.skipIf(noChromium)('pages', () => {
  let browser: Browser;
  const servers = new Map<boolean, TestServer>();

  beforeAll(async () => {
    browser = await launchChromium();
    const config = { auth_providers: [{ type: 'homeassistant' }, { type: 'insecure_example', name: 'Office directory', users: [] }] };
    for (const owner of [false, true]) servers.set(owner, await startServer({ config }));
    await servers.get(true)!.createOwner();
  });
  afterAll(async () => {
    await browser?.close();
    for (const server of servers.values()) await server.close();
  });

  const looks = PAGES.flatMap((shown) =>
    (['light', 'dark'] as const).flatMap((colorScheme) => [390, 1280].map((width) => ({ ...shown, colorScheme, width }))),
  );

  test.each(looks)('$name is accessible, $colorScheme at $width px', async ({ name, path, owner, act, colorScheme, width }) => {
    const server = servers.get(owner)!;
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 844 }, locale: 'en-GB' });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    await page.goto((await server.origin()) + path(server));
    await act?.(page);
    if (SCREENSHOTS)
      await page.screenshot({ path: `${SCREENSHOTS}/${name.replaceAll(' ', '_')}_${colorScheme}_${width}.png`, fullPage: true });
    expect(await violationsOf(await context.newCDPSession(page))).toEqual([]);
    const overflow = await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');
    expect(overflow).toBe(false);
    expect(complaints.filter((text) => !text.includes('status of 4'))).toEqual([]);
    await context.close();
  });

  test.each(PAGES)('$name holds no inline script or style', async ({ path, owner }) => {
    const server = servers.get(owner)!;
    const html = await (await server.request(path(server), { redirect: 'follow' })).text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:/i);
    expect(html).not.toMatch(/(?:src|href)="https?:/);
  });
});
