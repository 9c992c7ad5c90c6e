// Home Assistant's own login page (the built front-end 20261125.1) in front of us, in Chromium.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { s256Challenge } from '../../src/domain/pkce.ts';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { type FrontDoor, findFrontend, startFrontDoor } from '../support/clients/home_assistant_frontend.ts';
import { callerWith } from '../support/fixtures/api.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';
import { enrolTotp, totpCode } from '../support/fixtures/totp.ts';

const VERIFIER = 'v'.repeat(43);

const frontend = noChromium ? { missing: 'there is no Chromium' } : await findFrontend();
if ('missing' in frontend) console.log(`skipped: ${frontend.missing}`);

describe.skipIf('missing' in frontend)("Home Assistant's front-end", () => {
  let browser: Browser;
  let server: TestServer;
  let door: FrontDoor;
  let secret: string;

  beforeAll(async () => {
    if ('missing' in frontend) return;
    const users = [{ username: 'bob', password: 'pw of bob', name: 'Bob' }];
    const example = { type: 'insecure_example', name: 'Example', users, new_users: 'activate' };
    server = await startServer({
      config: { auth_providers: [{ type: 'homeassistant' }, example], auth_mfa_modules: [{ type: 'totp' }] },
    });
    await server.createOwner();
    door = await startFrontDoor(frontend.folder, await server.origin());
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await door?.close();
    await server?.close();
  });
  beforeEach(() => void door.seen.splice(0));

  const clientId = () => `${door.origin}/`;

  /** Opens the page as an app of its own origin sends a person there. */
  async function open(parameters: Record<string, string> = {}): Promise<Page> {
    const context = await browser.newContext({ locale: 'en-GB' });
    const page = await context.newPage();
    const asked = { response_type: 'code', client_id: clientId(), redirect_uri: `${clientId()}?auth_callback=1`, state: 'of the app' };
    await page.goto(`${door.origin}/auth/authorize?${new URLSearchParams({ ...asked, ...parameters })}`);
    return page;
  }

  async function fillIn(page: Page, { username, password }: { username: string; password: string }): Promise<void> {
    await page.locator('input[name=username]').fill(username);
    await page.locator('input[name=password]').fill(password);
    await page.locator('input[name=password]').press('Enter');
  }

  /** Where the page leads at the end; answers whose tokens its code buys. */
  async function nameAtApp(page: Page, form: Record<string, string> = {}): Promise<string> {
    await page.waitForURL(/auth_callback=1&code=/);
    const query = new URL(page.url()).searchParams;
    expect(query.get('state')).toBe('of the app');
    const fields = { grant_type: 'authorization_code', client_id: clientId(), code: query.get('code') ?? '', ...form };
    const answer = await server.inject({ method: 'POST', url: '/auth/token', form: fields });
    const { access_token: token } = answer.json();
    await page.context().close();
    return (await server.inject({ url: '/api/me', token })).json().name;
  }

  // W1
  test('shows a wrong password, and logs in with the right one', async () => {
    const page = await open();
    await fillIn(page, { ...OWNER, password: 'wrong' });
    await page.getByText('Invalid username or password').waitFor();
    await fillIn(page, OWNER);
    expect(await nameAtApp(page)).toBe(OWNER.name);
    const start = door.seen.find(({ path }) => path === '/auth/login_flow');
    expect(Object.keys(JSON.parse(start?.body ?? '')).sort()).toEqual(['client_id', 'handler', 'redirect_uri', 'response_type']);
  });

  // W1, W6
  test('hands an app’s code challenge on', async () => {
    const page = await open({ code_challenge: s256Challenge(VERIFIER), code_challenge_method: 'S256' });
    await fillIn(page, OWNER);
    expect(await nameAtApp(page, { code_verifier: VERIFIER })).toBe(OWNER.name);
  });

  test('shows why an app is refused', async () => {
    const page = await open({ response_type: 'token' });
    const reason = page.getByText('Response type not supported');
    await reason.waitFor();
    expect(await reason.isVisible()).toBe(true);
    await page.context().close();
  });

  test('offers the other provider', async () => {
    const page = await open();
    await page.locator('input[name=username]').waitFor();
    const begun = page.waitForResponse((answer) => answer.url().endsWith('/auth/login_flow'));
    await page.locator('ha-pick-auth-provider ha-list-item-button').click();
    expect((await (await begun).json()).handler).toEqual(['insecure_example', null]);
    await fillIn(page, { username: 'bob', password: 'pw of bob' });
    expect(await nameAtApp(page)).toBe('Bob');
  });

  test('asks for the second factor', async () => {
    const { access_token } = await server.redeem(await server.login());
    secret = await enrolTotp(callerWith(server, access_token), server.clock());
    const page = await open();
    await fillIn(page, OWNER);
    const code = page.locator('input[name=code]');
    await code.waitFor();
    await code.fill('000000');
    await code.press('Enter');
    await page.getByText('Invalid authentication code').waitFor();
    await code.fill(totpCode(secret, server.clock(), 30));
    await code.press('Enter');
    expect(await nameAtApp(page)).toBe(OWNER.name);
  });
});
