// Who sees which page before an app gets a code: every login method, for every kind of client, with
// a session and without.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthenticator } from '../support/clients/authenticator.ts';
import { formAction, visitor } from '../support/clients/page_visitor.ts';
import { authorizeUrl, ISSUER } from '../support/clients/standard_browser.ts';
import { backFrom, elsewhere } from '../support/fakes/elsewhere.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

const HTTPS = 'https://app.example.com/cb';
const CUSTOM = 'com.example.app:/cb';
/** On the page of a URL client, and on another origin. */
const PUBLISHED = 'https://sent.example.com/cb';
const LOOPBACK = 'http://127.0.0.1:4321/cb';
const REDIRECTS = [HTTPS, CUSTOM, LOOPBACK];
/** Has no second factor; the owner has a passkey. */
const BEN = { username: 'ben', password: 'another good password' };
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const INITIAL = 'an-initial-access-token';
const SECRET = 'a secret of sixteen or more';
/** Everybody is offered in the first network, one person alone in the second. */
const [ABROAD, HOME, HALL] = ['203.0.113.7', '192.168.1.5', '192.168.2.5'];

const METHODS = ['password', 'upstream', 'passkey', 'network', 'bypass'] as const;
type Method = (typeof METHODS)[number];

/** What a browser is shown on its way; `auto` sends itself, `away` is the other server. */
type Shown = 'login' | 'button' | 'auto' | 'away' | 'passkey' | 'users' | 'consent' | 'code' | 'refused';

interface App {
  name: string;
  client_id: string;
  redirect_uri: string;
  /** Home Assistant's dialect. */
  plain: boolean;
  expected: Expected;
}
/** What follows a login; what a session sees, and sees the second time. */
interface Expected {
  after: Record<'form' | 'return' | 'bypass', Shown[]>;
  session: Shown[];
  again: Shown[];
}

const ASKS: Expected = {
  after: { form: ['consent', 'code'], return: ['consent', 'code'], bypass: ['button', 'consent', 'code'] },
  session: ['consent', 'code'],
  again: ['consent', 'code'],
};
const AGREES_ONCE: Expected = { ...ASKS, again: ['code'] };
const TRUSTED: Expected = { after: { form: ['code'], return: ['code'], bypass: ['auto', 'code'] }, session: ['code'], again: ['code'] };
/** Typing on the page that names the app is the answer. */
const PLAIN: Expected = { ...ASKS, after: { ...ASKS.after, form: ['code'] } };

const authenticator = createAuthenticator();
let server: TestServer;
let site: Stranger;
let apps: App[];

beforeAll(async () => {
  site = await startStranger((socket, path) => {
    const name = path.slice(1).replace('.json', '');
    if (!path.endsWith('.json')) return respond(socket, `<link rel="redirect_uri" href="${PUBLISHED}">`);
    const proof =
      name === 'confidential' ? { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://app.example.com/jwks' } : {};
    const client_name = name === 'device' ? 'My \u202ebank\u2066' : `The ${name} app`;
    const grant_types = name === 'device' ? [DEVICE_GRANT, 'authorization_code'] : ['authorization_code'];
    const document = { client_id: `${site.url}${path.slice(1)}`, client_name, grant_types, redirect_uris: REDIRECTS, ...proof };
    return respond(socket, JSON.stringify(document), { headers: 'Content-Type: application/json\r\n' });
  });
  const client = { redirect_uris: REDIRECTS, scope: 'openid' };
  server = await startServer({
    extra_provider_types: [elsewhere],
    config: {
      http: { trusted_proxies: ['127.0.0.1'], login_attempts_threshold: -1 },
      auth_providers: [
        { type: 'homeassistant' },
        { type: 'elsewhere', new_users: 'activate' },
        {
          type: 'trusted_networks',
          trusted_networks: [`${HOME}/32`, `${HALL}/32`],
          trusted_users: { [`${HALL}/32`]: { group: 'hall' } },
          allow_bypass_login: true,
        },
      ],
      auth_mfa_modules: [{ type: 'passkey' }],
      groups: [{ id: 'hall', name: 'Hall', policy: {} }],
      clients: [
        { client_id: 'public', ...client },
        { client_id: 'confidential', client_secret: SECRET, ...client },
        { client_id: 'trusted', trusted: true, ...client },
        {
          client_id: 'tv',
          client_name: 'My bank',
          client_uri: 'https://bank.example.com/',
          ...client,
          grant_types: [DEVICE_GRANT, 'authorization_code'],
        },
      ],
      registration: { enabled: true, initial_access_token: INITIAL },
      url_clients: { allow_private_addresses: true, trusted: ['https://wall.example.com/', site.url] },
    },
  });
  const { access_token: token } = await server.ownerTokens();
  await addKiosk();
  const json = { name: 'Ben', group_ids: ['system-users'] };
  const { id } = (await server.inject({ method: 'POST', url: '/api/users', token, json })).json();
  await server.inject({ method: 'POST', url: `/api/users/${id}/login`, token, json: BEN });
  await addPasskey();
  apps = await everyApp();
}, 60_000);
afterAll(async () => {
  await server?.close();
  await site?.close();
});

async function everyApp(): Promise<App[]> {
  const register = async (method: string) => {
    const json = { client_name: 'An app', redirect_uris: REDIRECTS, token_endpoint_auth_method: method };
    return (await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json })).json().client_id as string;
  };
  const standard = (name: string, client_id: string, redirect_uri: string, expected: Expected): App => ({
    ...{ name, client_id, redirect_uri, expected },
    plain: false,
  });
  const plain = (name: string, client_id: string, redirect_uri: string, expected: Expected): App => ({
    ...{ name, client_id, redirect_uri, expected },
    plain: true,
  });
  const each = (name: string, client_id: string, expected: Expected[]) =>
    REDIRECTS.map((uri, index) => standard(`${name}, ${uri}`, client_id, uri, expected[index]!));
  const [self_public, self_confidential] = [await register('none'), await register('client_secret_basic')];
  return [
    ...each('a registered public client', 'public', [AGREES_ONCE, ASKS, ASKS]),
    ...each('a registered confidential client', 'confidential', [AGREES_ONCE, AGREES_ONCE, AGREES_ONCE]),
    ...each('a trusted client', 'trusted', [TRUSTED, TRUSTED, TRUSTED]),
    ...each('a public client that registered itself', self_public, [ASKS, ASKS, ASKS]),
    ...each('a confidential client that registered itself', self_confidential, [ASKS, ASKS, ASKS]),
    ...each('a public client with a document', `${site.url}public.json`, [ASKS, ASKS, ASKS]),
    ...each('a confidential client with a document', `${site.url}confidential.json`, [ASKS, ASKS, ASKS]),
    standard('a URL client with scopes', 'https://app.example.com/', HTTPS, ASKS),
    standard('a trusted URL client with scopes', 'https://wall.example.com/', 'https://wall.example.com/cb', TRUSTED),
    plain('a URL client', 'https://app.example.com/', HTTPS, PLAIN),
    plain('a URL client on this machine', 'http://localhost:8123/', 'http://localhost:8123/cb', PLAIN),
    plain('a companion app', 'https://home-assistant.io/iOS', 'homeassistant://auth-callback', PLAIN),
    plain('a trusted URL client', 'https://wall.example.com/', 'https://wall.example.com/cb', TRUSTED),
    plain('a trusted URL client that sends people elsewhere', site.url, PUBLISHED, PLAIN),
  ];
}

/** The one person who is offered in the hall. */
async function addKiosk(): Promise<void> {
  const { kysely } = server.container.database;
  const kiosk = { id: 'c'.repeat(32), name: 'Kiosk', is_active: true, created_at: server.clock() };
  await kysely.insertInto('users').values(kiosk).execute();
  await kysely.insertInto('user_groups').values({ user_id: kiosk.id, group_id: 'hall' }).execute();
}

async function addPasskey(): Promise<void> {
  const browser = visitor(server, { 'x-forwarded-for': ABROAD });
  const { username, password } = OWNER;
  await pass(browser, '/login?next=/account/security', 'password', { username, password });
  const page = await (await browser.get('/account/security')).text();
  const [form = ''] = /<form[^>]*action="[^"]*\/passkey\/setup.*?<\/form>/s.exec(page) ?? [];
  const setup = await (await browser.submit('', form, {})).text();
  const options = attribute(setup, 'data-passkey-creation');
  await browser.submit('', setup, { credential: authenticator.create(options), device_name: 'Key' });
}

const attribute = (html: string, name: string) =>
  (new RegExp(`${name}="([^"]*)"`).exec(html)?.[1] ?? '').replaceAll('&quot;', '"').replaceAll('&amp;', '&');

const addressOf = (method: Method) => ({ password: ABROAD, upstream: ABROAD, passkey: ABROAD, network: HOME, bypass: HALL })[method];
const providerOf = (method: Method) =>
  ({ password: 'homeassistant:', upstream: 'elsewhere:', passkey: 'passkey:', network: 'trusted_networks:', bypass: 'trusted_networks:' })[
    method
  ];

type Browser = ReturnType<typeof visitor>;

/**
 * Goes from page to page as a person does who says yes to everything; answers what was shown and
 * where it ended.
 */
async function pass(browser: Browser, start: string, method: Method, person = BEN): Promise<{ shown: Shown[]; location: string }> {
  const shown: Shown[] = [];
  let url = start;
  let answer = await browser.get(url);
  for (let steps = 0; steps < 15; steps += 1) {
    const location = answer.headers.get('location');
    if (location !== null) {
      const to = new URL(location, ISSUER);
      if (to.href.startsWith('https://elsewhere.')) {
        shown.push('away');
        url = backFrom(location, { who: 'eve' });
      } else if (to.origin === ISSUER) url = to.pathname + to.search;
      else return { shown: [...shown, to.searchParams.has('code') ? 'code' : 'refused'], location: to.href };
      if (to.origin === ISSUER && !to.pathname.startsWith('/auth/') && !to.pathname.startsWith('/login')) return { shown, location };
      // The person chooses how to log in on our own login page.
      if (to.pathname === '/auth/authorize' && to.search.includes('login%2Fdone')) url += `&auth_provider=${providerOf(method)}`;
      answer = await browser.get(url);
      continue;
    }
    const html = await answer.text();
    const [kind, fields] = await read(html, method, person);
    shown.push(kind);
    if (kind === 'refused') return { shown, location: html };
    url = formAction(html, url);
    answer = await browser.submit(url, html, fields);
  }
  throw new Error(`no end: ${shown}`);
}

async function read(html: string, method: Method, person: typeof BEN): Promise<[Shown, Record<string, string>]> {
  if (html.includes('name="_decision"')) return ['consent', { _decision: 'allow' }];
  if (method === 'passkey' && html.includes('data-passkey-request="'))
    return ['passkey', { credential: authenticator.get(attribute(html, 'data-passkey-request')) }];
  if (html.includes('name="password"')) return ['login', person];
  const user = /<option value="([^"]*)"/.exec(html)?.[1];
  if (user !== undefined) return ['users', { user }];
  if (html.includes('id="answer"')) return ['auto', {}];
  return html.includes('<form') ? ['button', {}] : ['refused', {}];
}

function urlOf({ client_id, redirect_uri, plain }: App, fields: Record<string, string> = {}): string {
  if (plain) return `/auth/authorize?${new URLSearchParams({ client_id, redirect_uri, state: 's', ...fields })}`;
  const { pathname, search } = new URL(authorizeUrl({ client_id, redirect_uri, ...fields }));
  return pathname + search;
}

/** The pages of the login itself. */
const LOGIN: Record<Method, Shown[]> = {
  password: ['login'],
  upstream: ['button', 'away'],
  passkey: ['button', 'passkey'],
  network: ['users'],
  bypass: [],
};

function expectedOf(method: Method, { after }: Expected): Shown[] {
  const kind = method === 'bypass' ? 'bypass' : method === 'upstream' ? 'return' : 'form';
  return [...LOGIN[method], ...after[kind]];
}

// S1
describe.each(METHODS)('by %s', (method) => {
  const browserThere = () => visitor(server, { 'x-forwarded-for': addressOf(method) });

  test('without a session, every kind of client gets its code after the pages that are its own', async () => {
    for (const app of apps) {
      await forget();
      const url = urlOf(app, app.plain ? { auth_provider: providerOf(method) } : {});
      const { shown, location } = await pass(browserThere(), url, method);
      expect([app.name, shown]).toEqual([app.name, expectedOf(method, app.expected)]);
      expect(location.startsWith(app.redirect_uri)).toBe(true);
    }
  }, 300_000);

  test('with a session, choosing the method again replaces nothing before a button was pressed', async () => {
    for (const app of apps.filter(({ plain }) => plain)) {
      await forget();
      const browser = browserThere();
      await pass(browser, '/login?next=/account/sessions', method === 'bypass' || method === 'network' ? method : 'password');
      const before = await sessions();
      await browser.get(urlOf(app, { auth_provider: providerOf(method) }));
      expect([app.name, await sessions()]).toEqual([app.name, before]);
    }
  }, 300_000);
});

// S1, S15
test('with a session, who agreed before is passed through by clients of assured identity alone', async () => {
  for (const app of apps) {
    await forget();
    const browser = visitor(server, { 'x-forwarded-for': ABROAD });
    await pass(browser, '/login?next=/account/sessions', 'password');
    const before = await sessions();
    const first = await pass(browser, urlOf(app), 'password');
    const second = await pass(browser, urlOf(app), 'password');
    expect([app.name, first.shown, second.shown]).toEqual([app.name, app.expected.session, app.expected.again]);
    expect([app.name, await sessions()]).toEqual([app.name, before]);
  }
}, 300_000);

const sessions = async () =>
  (await server.container.database.kysely.selectFrom('sessions').select('sid').orderBy('sid').execute()).map(({ sid }) => sid);

/** Nobody has agreed to anything, and no browser is logged in. */
async function forget(): Promise<void> {
  const { kysely } = server.container.database;
  for (const table of ['consents', 'sessions', 'login_flows'] as const) await kysely.deleteFrom(table).execute();
}

// S1, S9
test('looking at a login page stores nothing, sends nobody away and logs nobody in', async () => {
  const tables = ['login_flows', 'authorization_codes', 'sessions', 'failed_logins', 'refresh_tokens'] as const;
  const count = async () => {
    const counts = tables.map(async (table) => {
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from ${sql.table(table)}`.execute(
        server.container.database.kysely,
      );
      return rows[0]?.n;
    });
    return await Promise.all(counts);
  };
  await forget();
  const before = await count();
  for (const method of METHODS) {
    for (const app of apps.filter(({ plain }) => plain)) {
      const url = urlOf(app, { auth_provider: providerOf(method) });
      for (let times = 0; times < 5; times += 1) {
        const answer = await visitor(server, { 'x-forwarded-for': addressOf(method) }).get(url);
        expect([answer.status, answer.headers.get('location')]).toEqual([200, null]);
      }
    }
  }
  expect(await count()).toEqual(before);
}, 120_000);

// S14
test('a page of Home Assistant’s dialect says that the app gets the whole account, others list what it gets', async () => {
  const says = 'This app will receive full access to your account.';
  const browser = visitor(server, { 'x-forwarded-for': ABROAD });
  const plain = apps.find(({ name }) => name === 'a URL client')!;
  expect(await (await browser.get(urlOf(plain))).text()).toContain(says);
  await pass(browser, '/login?next=/account/sessions', 'password');
  expect(await (await browser.get(urlOf(plain))).text()).toContain(says);
  const standard = await (await browser.get(urlOf(apps.find(({ name }) => name === 'a URL client with scopes')!))).text();
  expect(standard).not.toContain(says);
  expect(standard).toContain('This app will receive');
  expect(await (await visitor(server).get('/login')).text()).not.toContain(says);
});

// S5
describe('a client that publishes a document', () => {
  const bare = () => ({ client_id: `${site.url}confidential.json`, redirect_uri: `${site.url}anything` });

  test('is not served in Home Assistant’s dialect for leaving the scope out', async () => {
    const browser = visitor(server, { 'x-forwarded-for': ABROAD });
    const answer = await browser.get(`/auth/authorize?${new URLSearchParams(bare())}`);
    expect([answer.status, (await answer.text()).includes('name="password"')]).toEqual([400, false]);
    const json = { ...bare(), handler: ['homeassistant', null] };
    const started = await server.inject({ method: 'POST', url: '/auth/login_flow', json });
    expect([started.statusCode, started.json()]).toEqual([400, { message: 'Invalid client id' }]);
  });

  test('and gets no code by being named in the last step alone', async () => {
    const start = { client_id: 'https://app.example.com/', redirect_uri: HTTPS, handler: ['homeassistant', null] };
    const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: start })).json();
    const json = { client_id: bare().client_id, ...BEN };
    const ended = await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json });
    expect(ended.statusCode).toBeGreaterThanOrEqual(400);
    expect(ended.body).not.toContain('lk_ac_');
  });
});

// S15
describe('nobody is redirected unasked', () => {
  const silent = { prompt: 'none' };

  test('to a client that registered itself, until it has tokens of this session', async () => {
    const app = apps.find(({ name }) => name.startsWith('a public client that registered itself'))!;
    const stranger = await visitor(server).get(urlOf(app, silent));
    expect([stranger.status, stranger.headers.get('location')]).toEqual([400, null]);
    expect(await stranger.text()).toContain('Back to app.example.com');
    const registered = await visitor(server).get(urlOf({ ...app, client_id: 'public' }, silent));
    expect(registered.headers.get('location')).toContain('error=login_required');
  });

  test('out of a session that is not the client’s own', async () => {
    const { id_token, client_id } = await idTokenOf(`${site.url}public.json`);
    const query = { id_token_hint: id_token, client_id, post_logout_redirect_uri: HTTPS };
    const answer = await visitor(server).get(`/auth/end_session?${new URLSearchParams(query)}`);
    expect([answer.status, answer.headers.get('location')]).toEqual([200, null]);
  });
});

describe('connecting a device', () => {
  const RENAMED = { client_name: 'My \u202ebank\u2066', client_uri: 'https://bank.example.com/', redirect_uris: [HTTPS] };

  async function start(client_id: string): Promise<string> {
    const answer = await server.inject({ method: 'POST', url: '/auth/device_authorization', form: { client_id, scope: 'openid' } });
    return `/device?user_code=${answer.json().user_code}`;
  }

  // S1, S16, S18
  test.each(['registered', 'self-registered', 'document'])(
    'of a %s client takes a click on a page that says who gave the app its name',
    async (kind) => {
      await forget();
      const json = { ...RENAMED, token_endpoint_auth_method: 'none', grant_types: [DEVICE_GRANT, 'authorization_code'] };
      const register = async () => (await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json })).json().client_id;
      const client_id = { registered: 'tv', document: `${site.url}device.json` }[kind] ?? (await register());
      const path = await start(client_id);
      const browser = visitor(server, { 'x-forwarded-for': ABROAD });
      expect((await browser.get(path)).headers.get('location')).toContain('/login?');
      await pass(browser, '/login?next=/account/sessions', 'password');
      const html = await (await browser.press(path)).text();
      expect(html.includes('The app chose this name itself; it has not been verified.')).toBe(kind !== 'registered');
      expect(html).not.toMatch(/[\u202e\u2066]/);
      const host = { registered: 'bank.example.com', document: new URL(site.url).host }[kind] ?? 'app.example.com';
      expect(html).toContain(`<span class="quiet">${host}</span>`);
      expect(html.includes('bank.example.com')).toBe(kind === 'registered');
      const approved = async () =>
        (await server.container.database.kysely.selectFrom('device_codes').select('status').execute()).map(({ status }) => status);
      expect(await approved()).not.toContain('approved');
      await browser.submit(path, html, { _decision: 'allow' });
      expect(await approved()).toContain('approved');
      await server.container.database.kysely.deleteFrom('device_codes').execute();
    },
  );
});

// S18
test('a name that turns the text around it is shown without what turns it', async () => {
  await forget();
  const browser = visitor(server, { 'x-forwarded-for': ABROAD });
  await pass(browser, '/login?next=/account/sessions', 'password');
  const url = urlOf({ name: '', client_id: `${site.url}device.json`, redirect_uri: HTTPS, plain: false, expected: ASKS });
  const { kysely } = server.container.database;
  await kysely.updateTable('users').set({ name: 'Ben \u202etnuocca' }).where('name', '=', 'Ben').execute();
  const html = await (await browser.get(url)).text();
  await kysely.updateTable('users').set({ name: 'Ben' }).where('name', 'like', 'Ben%').execute();
  expect(html).toContain('<bdi><strong>My bank</strong></bdi>');
  expect(html).toContain('Log in as Ben tnuocca?');
  expect(html).not.toMatch(/[\u202e\u2066]/);
});

// S1
test('linking a login gives no code to anybody, and shows whose account it is', async () => {
  await forget();
  const { access_token: token } = await server.redeem(await server.login(BEN));
  const json = { auth_provider_type: 'elsewhere', auth_provider_id: null };
  const { url } = (await server.inject({ method: 'POST', url: '/api/me/credentials/link', token, json })).json();
  const browser = visitor(server, { 'x-forwarded-for': ABROAD });
  const page = (await browser.get(url)).headers.get('location') ?? '';
  const html = await (await browser.get(page)).text();
  expect(html).toContain('<bdi><strong>Ben</strong></bdi>');
  const away = await browser.submit(page, html, {});
  const done = await browser.get(backFrom(away.headers.get('location') ?? '', { who: 'linked' }));
  expect([done.status, done.headers.get('location')]).toEqual([200, null]);
  expect(await sessions()).toEqual([]);
});

/** An ID token as the attacker's own browser gets it. */
async function idTokenOf(client_id: string): Promise<{ id_token: string; client_id: string }> {
  const { issuer, clientDirectory, database } = server.container;
  const { id: user_id } = await database.kysely.selectFrom('users').select('id').where('is_owner', '=', true).executeTakeFirstOrThrow();
  const client = (await clientDirectory.find(client_id, ABROAD))!;
  const facts = { user_id, client_id, client, scope: ['openid'], sid: 'd'.repeat(32), auth_time: server.clock(), amr: ['pwd'] };
  const none = { nonce: null, claims: null, dpop_jkt: null, refresh_token: null, ha_auth_provider: null, resource: [] };
  const grant = { refresh_token_id: 'e'.repeat(32), profile: 'standard' as const, access_token_expiration: 1800 };
  const { id_token = '' } = await issuer.issue({ ...facts, ...none, ...grant });
  return { id_token, client_id };
}
