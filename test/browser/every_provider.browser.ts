// In Chromium: a person links logins at other servers on our page, and comes in by every way there
// is.
import { once } from 'node:events';
import net from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { violationsOf } from '../support/clients/axe.ts';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { slapdMissing } from '../support/fakes/slapd.ts';
import { type EveryProvider, startEveryProvider } from '../support/fixtures/every_provider.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer, type TestServer } from '../support/fixtures/server.ts';

type Typed = Record<string, string>;

/** What Ada fills in on our page, by provider. */
const FORMS: [provider: string, typed: Typed][] = [
  ['homeassistant:', { Username: OWNER.username, Password: OWNER.password }],
  ['ldap:office', { Username: 'alice', Password: 'of the office' }],
  ['ldap:school', { Username: 'bob', Password: 'of the school' }],
  ['command_line:door', { Username: 'ali', Password: 'sesame' }],
];
const ELSEWHERE = ['work', 'club'] as const;

async function freePort(): Promise<number> {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as net.AddressInfo;
  taken.close();
  await once(taken, 'close');
  return port;
}

describe.skipIf(noChromium || slapdMissing() !== null)('every auth provider, in Chromium', () => {
  let every: EveryProvider;
  let server: TestServer;
  let browser: Browser;
  let public_url: string;
  let user_id: string;
  let token: string;
  beforeAll(async () => {
    const port = await freePort();
    public_url = `http://localhost:${port}`;
    every = await startEveryProvider(public_url, '127.0.0.0/8');
    server = await startServer({ config: { public_url, auth_providers: every.auth_providers } });
    token = (await server.ownerTokens()).access_token;
    user_id = (await server.inject({ url: '/api/me', token })).json().id;
    await server.server.listen({ host: '127.0.0.1', port });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await every?.close();
  });

  /** A browser in which nobody is logged in; the app shows nothing. */
  async function inBrowser<T>(work: (tab: Page) => Promise<T>): Promise<T> {
    const context = await browser.newContext({ locale: 'en-GB' });
    await context.route(`${CLIENT_ID}**`, (route) => route.fulfill({ contentType: 'text/html', body: '<title>app</title>' }));
    try {
      return await work(await context.newPage());
    } finally {
      await context.close();
    }
  }

  async function fillIn(tab: Page, typed: Typed, button: string): Promise<void> {
    for (const [label, value] of Object.entries(typed)) await tab.getByLabel(label).fill(value);
    await tab.getByRole('button', { name: button, exact: true }).click();
  }

  /** At the other server: logs in there and agrees. */
  async function atTheOther(tab: Page, login: string): Promise<void> {
    await tab.fill('input[name=login]', login);
    await tab.fill('input[name=password]', 'any');
    await tab.getByRole('button', { name: 'Sign-in' }).click();
    await tab.getByRole('button', { name: 'Continue' }).click();
  }

  const authorize = (provider: string) =>
    `${public_url}/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, auth_provider: provider })}`;

  /** Whose code the app got. */
  async function userAt(tab: Page): Promise<string> {
    await tab.waitForURL(`${CLIENT_ID}**`);
    const code = new URL(tab.url()).searchParams.get('code') ?? '';
    const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code };
    const answer = await server.inject({ method: 'POST', url: '/auth/token', form, remote_address: '127.0.0.1' });
    return (await server.inject({ url: '/api/me', token: answer.json().access_token })).json().id;
  }

  async function link(provider: string, prove: (tab: Page) => Promise<void>): Promise<void> {
    const [auth_provider_type, auth_provider_id] = provider.split(':');
    const json = { auth_provider_type, auth_provider_id };
    const { url } = (await server.inject({ method: 'POST', url: '/api/me/credentials/link', token, json })).json();
    await inBrowser(async (tab) => {
      await tab.goto(url);
      expect(await tab.getByText(OWNER.name, { exact: true }).count()).toBe(1);
      expect(tab.url()).not.toContain('lk_li_');
      expect(await violationsOf(await tab.context().newCDPSession(tab))).toEqual([]);
      await tab.getByRole('button', { name: 'Continue' }).click();
      await prove(tab);
      await tab.getByRole('heading', { name: 'Linked' }).waitFor();
    });
  }

  test('every login method is linked on our page', async () => {
    for (const [provider, typed] of FORMS.slice(1)) await link(provider, (tab) => fillIn(tab, typed, 'Link'));
    for (const id of ELSEWHERE) await link(`oidc:${id}`, (tab) => atTheOther(tab, `ada@${id}`));
    expect(await server.container.repositories.credentials.ofUser(user_id)).toHaveLength(6);
  });

  test.each(FORMS)('%s leads in', async (provider, typed) => {
    const who = await inBrowser(async (tab) => {
      await tab.goto(authorize(provider));
      await fillIn(tab, typed, 'Log in');
      return await userAt(tab);
    });
    expect(who).toBe(user_id);
  });

  test.each(ELSEWHERE)('oidc:%s leads in', async (id) => {
    const who = await inBrowser(async (tab) => {
      await tab.goto(authorize(`oidc:${id}`));
      await tab.getByRole('button', { name: `Log in with The ${id}` }).click();
      await atTheOther(tab, `ada@${id}`);
      await tab.getByText('This app will receive full access to your account.').waitFor();
      await tab.getByRole('button', { name: 'Continue', exact: true }).click();
      return await userAt(tab);
    });
    expect(who).toBe(user_id);
  });

  test('the home network logs in', async () => {
    const who = await inBrowser(async (tab) => {
      await tab.goto(authorize('trusted_networks:'));
      await tab.getByLabel('User').selectOption({ label: OWNER.name });
      await tab.getByRole('button', { name: 'Log in', exact: true }).click();
      return await userAt(tab);
    });
    expect(who).toBe(user_id);
    expect(await server.container.repositories.credentials.ofUser(user_id)).toHaveLength(7);
  });
});
