// The RP-Initiated Logout plan of OpenID's conformance suite, re-implemented. Where the server is
// not told whose session is meant it asks first: until the person says yes nobody is logged out,
// and nobody is ever sent to an address that is not the client's.
import { generateKeyPairSync, sign } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { ISSUER } from '../support/checks/conformance_checks.ts';
import {
  BYE_URI,
  type LoggedIn,
  type Parameters,
  type RelyingParty,
  relyingParty,
  startConformanceServer,
} from '../support/clients/conformance.ts';
import { perFile } from '../support/fixtures/per_file.ts';

/** As long as the suite's. */
const STATE = 'a1B2c3D4'.repeat(16);

let rp: RelyingParty;
let login: LoggedIn;

const server = perFile(() => startConformanceServer());
beforeEach(async () => {
  rp = relyingParty(server);
  login = await rp.logIn();
});

const isLoggedIn = async () => 'code' in Object.fromEntries((await rp.visit({ prompt: 'none' })).callback!.parameters);

async function logOut(parameters: Parameters) {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const url = `/auth/end_session?${new URLSearchParams(given)}`;
  return { ...(await rp.follow(await rp.browser.get(url), url)), url };
}

/** The way that everything fits. */
async function expectRedirect(parameters: Parameters, query: [string, string][]): Promise<void> {
  const { callback, page } = await logOut(parameters);
  expect(page).toBeNull();
  expect([callback!.url.origin + callback!.url.pathname, callback!.url.hash]).toEqual([BYE_URI, '']);
  expect([...callback!.parameters]).toEqual(query);
  expect(await rp.refused({ prompt: 'none' })).toBe('login_required');
}

async function expectLoggedOutPage({ callback, page }: Awaited<ReturnType<typeof logOut>>): Promise<void> {
  expect(callback).toBeNull();
  expect(page).toMatchObject({ status: 200, html: expect.stringContaining('<h1>Logged out</h1>') });
  expect(await rp.refused({ prompt: 'none' })).toBe('login_required');
}

/** The person is asked, and nothing has happened yet; then they say yes. */
async function expectQuestion(parameters: Parameters): Promise<void> {
  const { callback, page, url } = await logOut(parameters);
  expect(callback).toBeNull();
  expect(page).toMatchObject({ status: 200, html: expect.stringContaining('<h1>Log out?</h1>') });
  expect(await isLoggedIn()).toBe(true);
  const answer = await rp.browser.submit(url, page!.html, {});
  await expectLoggedOutPage({ ...(await rp.follow(answer, url)), url });
}

const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

describe('oidcc-rp-initiated-logout-certification-test-plan', () => {
  test('oidcc-rp-initiated-logout-discovery-endpoint-verification', async () => {
    const metadata = (await server.inject({ url: '/.well-known/openid-configuration' })).json();
    expect(metadata.end_session_endpoint).toBe(`${ISSUER}/auth/end_session`);
  });

  test('oidcc-rp-initiated-logout', async () => {
    const { id_token } = login.tokens;
    await expectRedirect({ id_token_hint: id_token, post_logout_redirect_uri: BYE_URI, state: STATE }, [['state', STATE]]);
  });

  test('oidcc-rp-initiated-logout-bad-post-logout-redirect-uri', async () => {
    const post_logout_redirect_uri = 'https://rp.example.com/not_registered';
    await expectQuestion({ id_token_hint: login.tokens.id_token, post_logout_redirect_uri, state: STATE });
  });

  test('oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri', async () => {
    const post_logout_redirect_uri = `${BYE_URI}?foo=bar`;
    await expectQuestion({ id_token_hint: login.tokens.id_token, post_logout_redirect_uri, state: STATE });
  });

  test('oidcc-rp-initiated-logout-modified-id-token-hint', async () => {
    const [, claims] = login.tokens.id_token.split('.');
    const id_token_hint = `${encoded({ alg: 'none', typ: 'JWT' })}.${claims}.`;
    await expectQuestion({ id_token_hint, post_logout_redirect_uri: BYE_URI, state: STATE });
  });

  test('oidcc-rp-initiated-logout-bad-id-token-hint', async () => {
    const [header, claims] = login.tokens.id_token.split('.');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const signature = sign('sha256', Buffer.from(`${header}.${claims}`), privateKey).toString('base64url');
    await expectQuestion({ id_token_hint: `${header}.${claims}.${signature}`, post_logout_redirect_uri: BYE_URI, state: STATE });
  });

  test('oidcc-rp-initiated-logout-no-id-token-hint', async () => {
    await expectQuestion({ post_logout_redirect_uri: BYE_URI, state: STATE });
  });

  test('oidcc-rp-initiated-logout-no-params', async () => {
    await expectQuestion({});
  });

  test('oidcc-rp-initiated-logout-only-state', async () => {
    await expectQuestion({ state: STATE });
  });

  test('oidcc-rp-initiated-logout-no-post-logout-redirect-uri', async () => {
    await expectLoggedOutPage(await logOut({ id_token_hint: login.tokens.id_token, state: STATE }));
  });

  test('oidcc-rp-initiated-logout-no-state', async () => {
    await expectRedirect({ id_token_hint: login.tokens.id_token, post_logout_redirect_uri: BYE_URI }, []);
  });
});
