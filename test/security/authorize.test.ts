// The authorize page against anyone who bends its request: what is not the client's redirect URI
// ends on a page, and nothing is sent anywhere.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { visitor } from '../support/clients/page_visitor.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

const PUBLISHED = [
  'app://cb',
  'https://foo.example.com',
  'https://a.test/Cb',
  'https://q.test/cb',
  'https://q.test/cb?a=1',
  'https://e.test/cb',
];
const SCRIPTS = ['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'about:blank', 'blob:https://a.test/1'];

let server: TestServer;
/** The client's page. */
let site: Stranger;
beforeAll(async () => {
  const links = [...PUBLISHED, ...SCRIPTS].map((href) => `<link rel="redirect_uri" href="${href}">`).join('');
  site = await startStranger((socket) => respond(socket, links));
  server = await startServer({ config: { url_clients: { allow_private_addresses: true } } });
  await server.createOwner();
});
afterAll(async () => {
  await server.close();
  await site.close();
});

const urlOf = (query: Record<string, string>) => `/auth/authorize?${new URLSearchParams({ client_id: site.url, state: 's', ...query })}`;
const open = (query: Record<string, string>) => server.inject({ url: urlOf(query) });

/** A page that says no: nobody is sent on, nothing is stored, nothing of it runs. */
async function expectRefused(redirect_uri: string, query: Record<string, string> = {}): Promise<void> {
  const answer = await open({ redirect_uri, ...query });
  expect([redirect_uri, answer.statusCode, answer.headers.location]).toEqual([redirect_uri, 400, undefined]);
  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(answer.body).not.toMatch(/<script|http-equiv|<form/i);
  for (const table of ['authorization_codes', 'login_flows'] as const) {
    expect(await server.container.database.kysely.selectFrom(table).where('client_id', '=', site.url).selectAll().execute()).toEqual([]);
  }
}

describe('a redirect URI that is refused', () => {
  it.each<[string, string[]]>([
    ['has a character more', ['app://cbx', 'https://a.test/Cbx']], // A1
    ['is a host that only begins like one', ['https://foo.example.com.evil.test/', 'https://foo.example.comevil.test']], // A2
    ['has the host as user-info', ['https://foo.example.com@evil.test/cb', 'http://localhost:80@evil.test']], // A3
    ['climbs', ['/cb/../x', '/cb/..%2fx', '/cb%252f..', '/cb/..;/x'].map((path) => `https://q.test${path}`)], // A4
    ['has another character for a dot', ['https://fooXexample.com', 'https://foo.exampleXcom']], // A5
    ['differs in case', ['https://a.test/cb', 'HTTPS://A.TEST/Cb']], // A6
    ['has a query that was not published', ['https://e.test/cb?x=1', 'https://q.test/cb?a=2', 'https://q.test/cb?a=1&b=2']], // A7
    ['has a fragment', ['app://cb#x', 'https://e.test/cb#', 'https://e.test/cb#x']], // A8
    [
      'reads differently to others',
      [
        '//evil.test',
        '/\\evil.test',
        '\\/evil.test',
        'https:evil.test',
        ' https://e.test/cb',
        'https://e.test/cb\t',
        'https://e.test/cb\r\nSet-Cookie: a=b',
        'https://e.test/cb\0',
      ],
    ], // A9
    ['runs script or reads files, published or not', SCRIPTS], // A10
    [
      'is on another port or name of this machine',
      [
        'http://127.0.0.1:51234/cb',
        'http://127.0.0.1:51234/cb?x=1',
        'http://localhost:51234/cb',
        'http://127.0.0.1/cb',
        'http://localhost.evil.test/cb',
      ],
    ], // A11
  ])('%s', async (_story, uris) => {
    for (const redirect_uri of uris) await expectRefused(redirect_uri);
  });

  // A8
  it('has a fragment on the client’s own host', async () => {
    await expectRefused(`${site.url}cb#x`);
  });
});

// A6
it('the host of a URL client is compared without case, and nothing else of it is looked at', async () => {
  expect((await open({ redirect_uri: `${site.url.toUpperCase()}Any/Path?x=1` })).statusCode).toBe(200);
});

// A9, A24
it.each(['\r\nSet-Cookie: evil=1', 'a\nLocation: https://evil.test'])('a state with line breaks ends no header: %j', async (state) => {
  const url = urlOf({ redirect_uri: `${site.url}cb`, state });
  const location = await visitor(server).logIn(url, OWNER);
  expect(new URL(location).searchParams.get('state')).toBe(state);
  expect(location).not.toMatch(/[\r\n]/);
});

// A7, A22, A24
it('after a login a 303 keeps the query of the redirect URI, adds the code, and is neither kept nor told on', async () => {
  const person = visitor(server);
  const url = urlOf({ redirect_uri: 'https://q.test/cb?a=1' });
  const page = await (await person.get(url)).text();
  const { username, password } = OWNER;
  const answer = await person.submit(url, page, { username, password });
  expect(answer.status).toBe(303);
  expect(answer.headers.get('location')).toMatch(/^https:\/\/q\.test\/cb\?a=1&code=lk_ac_[\w-]{43}&state=s$/);
  expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
});

// A22
it('a wrong password is answered with the page, never with a redirect', async () => {
  const person = visitor(server);
  const url = urlOf({ redirect_uri: `${site.url}cb` });
  const answer = await person.submit(url, await (await person.get(url)).text(), { username: OWNER.username, password: 'wrong' });
  expect([answer.status, answer.headers.get('location')]).toEqual([200, null]);
});

describe('every page', () => {
  const pages: [string, () => string][] = [
    ['the login', () => urlOf({ redirect_uri: `${site.url}cb` })],
    ['a refusal', () => urlOf({ redirect_uri: 'https://evil.test' })],
    ['home', () => '/'],
    ['onboarding that is over', () => '/onboarding'],
    ['an unknown path', () => '/nothing'],
  ];
  // A23, A24
  it.each(pages)('%s is framed by nobody, tells nobody where it was, and loads nothing from elsewhere', async (_story, url) => {
    const answer = await server.inject({ url: url() });
    expect(answer.headers['x-frame-options']).toBe('DENY');
    expect(answer.headers['referrer-policy']).toBe('no-referrer');
    expect(answer.headers['cache-control']).toBe('no-store');
    const policy = String(answer.headers['content-security-policy']);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe-inline|unsafe-eval|https?:|\*/);
    for (const [, value] of answer.body.matchAll(/<(?:link|script|img|iframe|form)\b[^>]*?\b(?:href|src|action)="([^"]*)"/g)) {
      expect(value).toMatch(/^\/[^/\\]/);
    }
  });
});

describe('what an attacker puts into the request is text', () => {
  const PAYLOADS = [
    '"><script>alert(1)</script>',
    '</title><script>x</script>',
    '{{7*7}}',
    "javascript:alert('x')",
    '<img src=x onerror=x>',
  ];
  // A25
  it.each(['client_id', 'redirect_uri', 'state', 'scope', 'login_hint', 'ui_locales', 'error', 'auth_provider'])('in %s', async (name) => {
    for (const payload of PAYLOADS) {
      const { body, headers } = await open({ redirect_uri: `${site.url}cb`, [name]: payload });
      expect(body).not.toMatch(/<script|<img|href="javascript|\b49\b/i);
      expect(headers.location).toBeUndefined();
    }
  });

  // A25
  it('in a path, in a query, and in what a person typed', async () => {
    const payload = PAYLOADS[0]!;
    const url = `${urlOf({ redirect_uri: `${site.url}<b>` })}&x=${encodeURIComponent(payload)}`;
    const person = visitor(server);
    const answer = await person.submit(url, await (await person.get(url)).text(), { username: payload, password: payload });
    expect(await answer.text()).not.toMatch(/<script|<b>/);
  });

  // A26
  it('a look-alike client is shown as what it is', async () => {
    const client_id = 'https://\u0430pple.com/';
    const { body } = await open({ client_id, redirect_uri: `${client_id}cb` });
    expect(body).toContain('<strong>xn--pple-43d.com</strong>');
    expect(body).not.toContain('<strong>\u0430pple.com');
  });
});
