// RP-Initiated Logout over HTTP: what an app may do with a person's session, and what takes a click
// of the person.
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LoggedIn, loggedInBrowser, tokensOf } from '../../../support/fixtures/logout.ts';
import { startServer, type TestServer } from '../../../support/fixtures/server.ts';

const BACK = 'https://wiki.example.com/bye?lang=en';
/** As long, and with as odd characters, as the conformance suite sends. */
const STATE = `${'s'.repeat(120)} &=?%+ü~`;

let server: TestServer;
let browser: LoggedIn;
let id_token: string;

beforeAll(async () => {
  const wiki = { client_id: 'wiki', redirect_uris: ['https://wiki.example.com/cb'], post_logout_redirect_uris: [BACK, 'wiki:/bye'] };
  const other = { client_id: 'other', redirect_uris: ['https://other.example.com/cb'], post_logout_redirect_uris: [] };
  server = await startServer({ config: { clients: [wiki, other] } });
});
afterAll(() => server.close());
beforeEach(async () => {
  browser = await loggedInBrowser(server);
  ({ id_token } = await tokensOf(server, browser, 'wiki'));
});

const get = (parameters: Record<string, string>, cookie = browser.cookie) =>
  server.inject({ url: `/auth/end_session?${new URLSearchParams(parameters)}`, headers: { cookie } });

/** Whether the browser is still logged in: a page of this server opens, or leads to the login. */
async function isLoggedIn({ cookie } = browser): Promise<boolean> {
  return (await server.inject({ url: '/account/security', headers: { cookie } })).statusCode === 200;
}

type Page = Awaited<ReturnType<typeof get>>;

/** Clicks the button of a confirmation page. */
async function confirm(page: Page, changes: { csrf_token?: string; _sid?: string } = {}, cookie = browser.cookie): Promise<Page> {
  const field = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page.body)?.[1] ?? '';
  const action = /action="([^"]*)"/.exec(page.body)![1]!.replaceAll('&amp;', '&');
  const [login_cookie = ''] = String(page.headers['set-cookie']).split(';');
  const form = { csrf_token: field('csrf_token'), _sid: field('_sid'), ...changes };
  return await server.inject({ method: 'POST', url: action, headers: { cookie: `${cookie}; ${login_cookie}` }, form });
}

const isConfirmation = (page: Page) => page.statusCode === 200 && page.body.includes('<h1>Log out?</h1>');
const isDone = (page: Page) => page.statusCode === 200 && page.body.includes('<h1>Logged out</h1>');

// M12
describe('the app of the session sends the ID token', () => {
  test('the browser is logged out, and sent back with the state as it came', async () => {
    const answer = await get({ id_token_hint: id_token, post_logout_redirect_uri: BACK, state: STATE });
    expect(answer.statusCode).toBe(303);
    const target = new URL(answer.headers.location!);
    expect(`${target.origin}${target.pathname}`).toBe('https://wiki.example.com/bye');
    expect([...target.searchParams]).toEqual([
      ['lang', 'en'],
      ['state', STATE],
    ]);
    expect(await isLoggedIn()).toBe(false);
  });

  test('without a state it is sent back to just what is registered', async () => {
    expect((await get({ id_token_hint: id_token, client_id: 'wiki', post_logout_redirect_uri: BACK })).headers.location).toBe(BACK);
  });

  test('a native app gets back by its own scheme', async () => {
    const answer = await get({ id_token_hint: id_token, post_logout_redirect_uri: 'wiki:/bye', state: 'x' });
    expect(answer.headers.location).toBe('wiki:/bye?state=x');
  });

  test('without an address to go to there is a page', async () => {
    const answer = await get({ id_token_hint: id_token, state: STATE });
    expect(isDone(answer)).toBe(true);
    expect(await isLoggedIn()).toBe(false);
  });

  test('it is good long after it has expired', async () => {
    server.advance(86_400);
    expect((await get({ id_token_hint: id_token, post_logout_redirect_uri: BACK })).statusCode).toBe(303);
  });

  test('a browser that is logged out already is sent back nevertheless', async () => {
    const answer = await get({ id_token_hint: id_token, post_logout_redirect_uri: BACK }, '');
    expect(answer.headers.location).toBe(BACK);
  });

  test('by POST, which brings no cookie from another site, it is asked to come again by GET', async () => {
    const form = { id_token_hint: id_token, post_logout_redirect_uri: BACK, state: STATE, extra: 'x' };
    const answer = await server.inject({ method: 'POST', url: '/auth/end_session', headers: { origin: 'https://wiki.example.com' }, form });
    expect(answer.statusCode).toBe(303);
    expect(answer.headers.location).not.toContain('extra');
    const again = await server.inject({ url: answer.headers.location!, headers: { cookie: browser.cookie } });
    expect(new URL(again.headers.location!).searchParams.get('state')).toBe(STATE);
    expect(await isLoggedIn()).toBe(false);
  });
});

// M10
test('after a logout the old cookie opens nothing, and no page was kept', async () => {
  const answer = await get({ id_token_hint: id_token });
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(String(answer.headers['set-cookie'])).toMatch(/^__Host-latchkey_session=; Max-Age=0; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  const page = await server.inject({ url: '/account/security', headers: { cookie: browser.cookie } });
  expect([page.statusCode, page.headers.location]).toEqual([303, '/login?next=%2Faccount%2Fsecurity']);
  expect(page.headers['cache-control']).toBe('no-store');
});

test('what the app may do without its user ends with the session, what it may do while they are away stays', async () => {
  const away = await tokensOf(server, browser, 'other', ['openid', 'offline_access']);
  const elsewhere = await tokensOf(server, await loggedInBrowser(server), 'other');
  const { access_token } = await tokensOf(server, browser, 'wiki');
  await get({ id_token_hint: id_token });
  const userinfo = async (token: string) => (await server.inject({ url: '/auth/userinfo', token })).statusCode;
  expect(await Promise.all([access_token, away.access_token, elsewhere.access_token].map(userinfo))).toEqual([401, 200, 200]);
});

// M11, M12
describe('it takes a click of the person', () => {
  const unsigned = (claims: object) =>
    `${[{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;

  /** Signed by somebody else, under the key id of this server. */
  function foreign(token: string): string {
    const [header, claims] = token.split('.');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return `${header}.${claims}.${sign('sha256', Buffer.from(`${header}.${claims}`), privateKey).toString('base64url')}`;
  }

  const asked: [string, () => Record<string, string> | Promise<Record<string, string>>][] = [
    ['nothing was sent along', () => ({})],
    ['only a state', () => ({ state: 'x' })],
    ['no hint', () => ({ post_logout_redirect_uri: BACK, state: 'x' })],
    ['no hint, but a client', () => ({ client_id: 'wiki', post_logout_redirect_uri: BACK })],
    ['an address that nobody registered', () => ({ id_token_hint: id_token, post_logout_redirect_uri: 'https://wiki.example.com/bye2' })],
    ['a query added to the address', () => ({ id_token_hint: id_token, post_logout_redirect_uri: `${BACK}&x=1` })],
    [
      'a hint without signature',
      () => ({ id_token_hint: unsigned({ iss: 'https://auth.example.com', sub: browser.user_id, aud: 'wiki' }) }),
    ],
    ['a hint that somebody else signed', () => ({ id_token_hint: foreign(id_token), post_logout_redirect_uri: BACK })],
    ['a hint of another client', () => ({ id_token_hint: id_token, client_id: 'other', post_logout_redirect_uri: BACK })],
    ['an access token for a hint', async () => ({ id_token_hint: (await tokensOf(server, browser, 'wiki')).access_token })],
    [
      'the hint of another session',
      async () => ({ id_token_hint: (await tokensOf(server, await loggedInBrowser(server), 'wiki')).id_token }),
    ],
    ['no text for a hint', () => ({ id_token_hint: 'x'.repeat(9_000) })],
  ];

  test.each(asked)('%s', async (_what, parameters) => {
    const page = await get(await parameters());
    expect(isConfirmation(page)).toBe(true);
    expect(page.headers['content-security-policy']).not.toContain('form-action');
    expect(await isLoggedIn()).toBe(true);
    expect(isDone(await confirm(page))).toBe(true);
    expect(await isLoggedIn()).toBe(false);
  });

  test('somebody who is not logged in sees that, whatever was asked', async () => {
    for (const [, parameters] of asked.slice(0, -1)) {
      const answer = await get(await parameters(), '');
      expect([isDone(answer), answer.headers.location]).toEqual([true, undefined]);
    }
  });

  test('an app that only gave its name gets no redirect, its user may go there by a link', async () => {
    const page = await get({ client_id: 'wiki', post_logout_redirect_uri: BACK, state: 'x' });
    const answer = await confirm(page);
    expect(answer.body).toContain('href="https://wiki.example.com/bye?lang=en&amp;state=x"');
    expect(answer.body).toContain('Back to wiki.example.com');
  });

  test('the hint of another session leads back after the click', async () => {
    const { id_token: of_another } = await tokensOf(server, await loggedInBrowser(server), 'wiki');
    const answer = await confirm(await get({ id_token_hint: of_another, post_logout_redirect_uri: BACK }));
    expect(answer.headers.location).toBe(BACK);
    expect(await isLoggedIn()).toBe(false);
  });

  test('the click must be made on our page', async () => {
    const answer = await confirm(await get({}), { csrf_token: 'x'.repeat(43) });
    expect(answer.statusCode).toBe(403);
    expect(await isLoggedIn()).toBe(true);
  });

  test('a page that was shown to one session does not end another', async () => {
    const page = await get({});
    const another = await loggedInBrowser(server);
    expect(isConfirmation(await confirm(page, {}, another.cookie))).toBe(true);
    expect([await isLoggedIn(), await isLoggedIn(another)]).toEqual([true, true]);
  });

  test('who comes by /logout', async () => {
    const answer = await server.inject({ url: '/logout', headers: { cookie: browser.cookie } });
    expect(answer.headers.location).toBe('/auth/end_session');
  });
});

test.each([
  ['a parameter that is there twice', '?state=a&state=b'],
  ['a state without end', `?state=${'x'.repeat(5_000)}`],
])('%s is refused, and nobody is logged out', async (_what, query) => {
  const answer = await server.inject({ url: `/auth/end_session${query}`, headers: { cookie: browser.cookie } });
  expect(answer.statusCode).toBe(400);
  expect(await isLoggedIn()).toBe(true);
});

test('the end is remembered', async () => {
  await get({ id_token_hint: id_token });
  await server.container.audit.flush();
  const { items } = await server.container.audit.list({ limit: 50, cursor: null });
  expect(items.find(({ type }) => type === 'session.ended')).toMatchObject({
    target_user_id: browser.user_id,
    detail: { sid: browser.sid },
  });
});
