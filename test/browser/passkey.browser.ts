// A passkey in a real browser: added on the account page, then the only factor of one login and the
// second one of another.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { violationsOf } from '../support/clients/axe.ts';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

describe.skipIf(noChromium)('a passkey', () => {
  let browser: Browser;
  let server: TestServer;
  let context: BrowserContext;
  let page: Page;
  let devtools: CDPSession;
  let authenticatorId: string;
  let origin: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    const port = await freePort();
    origin = `http://localhost:${port}`;
    const config = { public_url: origin, auth_mfa_modules: [{ type: 'totp' }, { type: 'passkey' }] };
    server = await startServer({ config });
    await server.createOwner();
    await server.server.listen({ host: '127.0.0.1', port });
    context = await browser.newContext({ locale: 'en-GB' });
    page = await context.newPage();
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('pageerror', (error) => void complaints.push(error.message));
    devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true } as const;
    const simulated = { isUserVerified: true, automaticPresenceSimulation: true };
    ({ authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: { ...options, ...simulated } }));
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const app = () =>
    `/auth/authorize?${new URLSearchParams({ response_type: 'code', client_id: `${origin}/`, redirect_uri: `${origin}/app` })}`;

  async function typePassword(): Promise<void> {
    await page.getByLabel('Username').fill(OWNER.username);
    await page.getByLabel('Password').fill(OWNER.password);
    await button('Log in').click();
  }

  /** The app's login page in a browser that knows nobody. */
  async function comeAnew(): Promise<void> {
    await context.clearCookies();
    await page.goto(origin + app());
  }

  async function arriveWithCode(): Promise<void> {
    await page.waitForURL(/\/app\?.*code=lk_ac_/);
  }

  async function lastLogin(): Promise<string[]> {
    const codes = await server.container.database.kysely.selectFrom('authorization_codes').selectAll().orderBy('code_hash').execute();
    return codes.filter(({ redirect_uri }) => redirect_uri === `${origin}/app`).map(({ amr }) => amr.join(' '));
  }

  test('is added on the account page', async () => {
    await page.goto(`${origin}/account/security`);
    await typePassword();
    await button('Add: Passkey').click();
    await page.getByLabel('Name of the device').fill('My laptop');
    expect(await violationsOf(devtools)).toEqual([]);
    await button('Add a passkey').click();
    await page.getByText('Passkey: My laptop').waitFor();
    expect(await violationsOf(devtools)).toEqual([]);
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
    expect(credentials).toMatchObject([{ isResidentCredential: true, rpId: 'localhost' }]);
  });

  test('logs in alone, without a name and a password', async () => {
    await comeAnew();
    await button('Log in with Passkey').click();
    expect(await violationsOf(devtools)).toEqual([]);
    await button('Use a passkey').click();
    await arriveWithCode();
    expect(await lastLogin()).toEqual(['hwk user mfa']);
  });

  test('is the second factor after a password', async () => {
    await comeAnew();
    await typePassword();
    await button('Use a passkey').click();
    await arriveWithCode();
    expect((await lastLogin()).sort()).toEqual(['hwk user mfa', 'pwd hwk user mfa']);
  });

  // I14
  test('without user verification does not log in alone, even if the page asked for less', async () => {
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await comeAnew();
    await button('Log in with Passkey').click();
    await button('Use a passkey').click();
    await page.getByText('The passkey was not used. Try again.').waitFor();
    await page.evaluate(`{
      const form = document.querySelector('form');
      form.dataset.passkeyRequest = form.dataset.passkeyRequest.replace('required', 'discouraged');
    }`);
    await button('Use a passkey').click();
    await page.getByText('This passkey does not log you in here.').waitFor();
    expect(await lastLogin()).toHaveLength(2);
  });

  test('works beside an authenticator app, whose QR code is accessible', async () => {
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
    await context.clearCookies();
    await page.goto(`${origin}/account/security`);
    await button('Log in with Passkey').click();
    await button('Use a passkey').click();
    await button('Add: Authenticator app').click();
    await page.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
    expect(await page.evaluate("document.querySelector('img.qr').naturalWidth")).toBeGreaterThan(0);
    expect(await violationsOf(devtools)).toEqual([]);
  });

  test('runs under the policy of the pages', () => {
    expect(complaints.filter((text) => !text.includes('status of 4'))).toEqual([]);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
