// The owner approves from a phone: the approvals page in a real browser, readable for all, in both
// colour schemes and at both widths.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { violationsOf } from '../support/clients/axe.ts';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';
import { example, PASSWORD } from '../support/fixtures/someone.ts';

const SCREENSHOTS = process.env.LATCHKEY_TEST_SCREENSHOTS;
const LOOKS = [390, 1280].flatMap((width) => (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })));

describe.skipIf(noChromium)('approvals', () => {
  let browser: Browser;
  let server: TestServer;
  let origin: string;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    browser = await launchChromium();
    const reserved = createServer().listen(0, '127.0.0.1');
    await once(reserved, 'listening');
    const { port } = reserved.address() as AddressInfo;
    await once(reserved.close(), 'close');
    origin = `http://localhost:${port}`;
    server = await startServer({
      config: {
        public_url: origin,
        auth_providers: [{ type: 'homeassistant' }, example('paula', 'quentin')],
        groups: [{ id: 'family', name: 'Family', policy: {} }],
      },
    });
    await server.createOwner();
    await server.server.listen({ host: '127.0.0.1', port });
    for (const username of ['paula', 'quentin'])
      await server.login({ username, password: PASSWORD }, { handler: ['insecure_example', null] }).catch(() => {});
    context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-GB' });
    page = await context.newPage();
    await page.goto(`${origin}/account/security`);
    await page.getByLabel('Username').fill(OWNER.username);
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Log in' }).click();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  async function look(name: string): Promise<void> {
    for (const { width, colorScheme } of LOOKS) {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme });
      expect(await violationsOf(await context.newCDPSession(page))).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')).toBe(false);
      if (SCREENSHOTS !== undefined)
        await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
    await page.setViewportSize({ width: 390, height: 844 });
  }

  test('the owner finds the page, approves one person into a group and declines another', async () => {
    await page.getByRole('link', { name: 'Approvals' }).click();
    await page.getByRole('heading', { name: 'Approvals' }).waitFor();
    await look('approvals');
    const paula = page.getByRole('listitem').filter({ hasText: 'as paula' });
    await paula.getByLabel('Family').check();
    await paula.getByRole('button', { name: 'Approve' }).click();
    await expect.poll(() => page.getByRole('listitem').filter({ hasText: 'as paula' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Decline' }).click();
    await page.getByText('Nobody is waiting.').waitFor();
    await look('approvals-empty');
    const { items } = await server.container.users.list({ limit: 10, cursor: null });
    expect(items).toHaveLength(2);
    const approved = items.find(({ is_owner }) => !is_owner);
    expect(approved).toMatchObject({ is_active: true, group_ids: expect.arrayContaining(['family']) });
  });
});
