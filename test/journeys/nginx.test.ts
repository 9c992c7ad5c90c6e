// Two hosts behind a real nginx, whose people log in with us.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBrowser, type Page } from '../support/clients/browser.ts';
import { raw } from '../support/clients/raw_socket.ts';
import { type Nginx, nginxMissing, startNginx } from '../support/fakes/nginx.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';
import { addSomeone, example, PASSWORD } from '../support/fixtures/someone.ts';

const A = 'https://a.example.test';
const B = 'https://b.example.test';
const US = 'https://auth.example.com';

const missing = nginxMissing();
if (missing) console.log(`skipped: ${missing}`);

describe.skipIf(missing !== null)('two hosts behind nginx', () => {
  let server: TestServer;
  let nginx: Nginx;
  let owner_token: string;

  beforeAll(async () => {
    server = await startServer({
      config: {
        auth_providers: [{ type: 'homeassistant' }, example('jürgen')],
        http: { trusted_proxies: ['127.0.0.1'] },
        groups: [{ id: 'family', name: 'Family', policy: {} }],
        forward_auth: {
          rules: [
            { host: 'a.example.test', paths: ['/admin'], groups: ['system-admin'] },
            { host: 'a.example.test', groups: ['system-admin', 'family'], public_paths: ['/assets'] },
            { host: 'b.example.test' },
          ],
        },
      },
    });
    owner_token = (await server.ownerTokens()).access_token;
    nginx = await startNginx(await server.origin(), ['a.example.test', 'b.example.test', 'c.example.test']);
  });
  afterAll(async () => {
    await nginx?.close();
    await server?.close();
  });

  async function newBrowser() {
    const at_nginx = Object.fromEntries(['a', 'b', 'c'].map((name) => [`${name}.example.test`, nginx.origin]));
    return createBrowser({ ...at_nginx, 'auth.example.com': await server.origin() });
  }
  type Browser = Awaited<ReturnType<typeof newBrowser>>;

  async function logIn(
    browser: Browser,
    url: string,
    who: Record<string, string> = { username: OWNER.username, password: OWNER.password },
  ) {
    return browser.submit(await browser.follow(url), who);
  }
  /** What reached the app. */
  const told = ({ body }: Page) => JSON.parse(body) as { url: string; headers: Record<string, string> };

  it('a stranger is led to the login, and from there back to where they wanted to go, logged in', async () => {
    const browser = await newBrowser();
    const refused = await browser.get(`${A}/dashboards?from=now-1h&x=%2F`);
    expect(refused.status).toBe(302);
    expect(refused.location).toBe(`${A}/.latchkey/login?to=%2Fdashboards%3Ffrom%3Dnow-1h%26x%3D%252F`);
    const page = await logIn(browser, refused.location!);
    expect(page).toMatchObject({ status: 200, url: `${A}/dashboards?from=now-1h&x=%2F` });
    expect(told(page)).toMatchObject({
      url: '/dashboards?from=now-1h&x=%2F',
      headers: { 'remote-user': 'ada', 'remote-name': 'Ada', 'remote-groups': 'system-admin' },
    });
  });

  it('what a client says about itself reaches no app', async () => {
    const browser = await newBrowser();
    await logIn(browser, `${A}/`);
    const forged = { 'Remote-User': 'root', 'Remote-Groups': 'all', 'Remote-Email': 'root@example.com', Remote_User: 'root' };
    const { headers } = told(await browser.get(`${A}/`, forged));
    expect(headers).toMatchObject({ 'remote-user': 'ada', 'remote-groups': 'system-admin' });
    expect(headers).not.toHaveProperty('remote-email');
    const open = told(await (await newBrowser()).get(`${A}/assets/app.js`, forged)).headers;
    expect(Object.keys(open).filter((name) => name.startsWith('remote'))).toEqual([]);
  });

  it("a host's cookie is worth nothing at another host, and one login is enough for both", async () => {
    const browser = await newBrowser();
    await logIn(browser, `${A}/`);
    const cookie = browser.jarOf('a.example.test').get('__Host-latchkey_host_session')!;
    const elsewhere = await (await newBrowser()).get(`${B}/`, { cookie: `__Host-latchkey_host_session=${cookie}` });
    expect(elsewhere.location).toBe(`${B}/.latchkey/login?to=%2F`);
    // Nobody types anything.
    expect(told(await browser.follow(`${B}/here`))).toMatchObject({ url: '/here', headers: { 'remote-user': 'ada' } });
    expect(browser.jarOf('b.example.test').get('__Host-latchkey_host_session')).not.toBe(cookie);
  });

  it("a host's cookie opens nothing of this server, and our session's none of theirs", async () => {
    const browser = await newBrowser();
    await logIn(browser, `${A}/`);
    const cookie = browser.jarOf('a.example.test').get('__Host-latchkey_host_session')!;
    const session = browser.jarOf('auth.example.com').get('__Host-latchkey_session')!;
    const security = await browser.get(`${US}/account/security`, { cookie: `__Host-latchkey_session=${cookie}` });
    expect(security.location).toMatch(/\/login\?/);
    const page = await browser.get(`${A}/`, { cookie: `__Host-latchkey_host_session=${session}` });
    expect(page.status).toBe(302);
  });

  it('who is in none of the groups meets a page that says so, and no circle', async () => {
    const { user_id } = await addSomeone(server, 'jürgen', { name: 'Jürgen "J" Müller, 100%' });
    const browser = await newBrowser();
    const page = await logInElsewhere(browser, `${A}/`);
    expect(page).toMatchObject({ status: 403, url: expect.stringContaining(`${US}/auth/forward/login?`) });
    expect((await browser.get(`${A}/`)).status).toBe(302);
    // B is for everybody who is logged in.
    expect(told(await browser.follow(`${B}/`)).headers).toMatchObject({
      'remote-user': 'j%C3%BCrgen',
      'remote-name': 'J%C3%BCrgen "J" M%C3%BCller, 100%25',
    });
    await server.container.database.kysely.insertInto('user_groups').values({ user_id, group_id: 'family' }).execute();
    expect(told(await browser.follow(`${A}/`)).headers).toMatchObject({ 'remote-groups': 'family' });
    // M19
    for (const path of [
      '/admin',
      '//admin',
      '/x/../admin',
      '/%61dmin',
      '/x/%2e%2e/admin',
      '/x/..%2fadmin',
      '/assets/../admin',
      '/admin/..',
    ])
      expect([path, (await browser.get(A + path)).status]).toEqual([path, 302]);
    expect((await browser.follow(`${A}/admin`)).status).toBe(403);
    await server.container.database.kysely.updateTable('users').set({ is_active: false }).where('id', '=', user_id).execute();
    expect((await browser.get(`${A}/`)).status).toBe(302);
  });

  /** By the example provider, which is the second on the login page. */
  async function logInElsewhere(browser: Browser, url: string): Promise<Page> {
    const chooser = await browser.follow(url);
    const href = /href="([^"]*insecure_example[^"]*)"/.exec(chooser.body)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const page = await browser.follow(new URL(href, chooser.url).href);
    return browser.submit(page, { username: 'jürgen', password: PASSWORD });
  }

  it('a host that no rule names is closed, also to the owner', async () => {
    const browser = await newBrowser();
    await logIn(browser, `${A}/`);
    expect((await browser.get('https://c.example.test/')).status).toBe(403);
  });

  it('logging out ends it at both hosts at once', async () => {
    const browser = await newBrowser();
    await logIn(browser, `${A}/`);
    await browser.follow(`${B}/`);
    expect([(await browser.get(`${A}/`)).status, (await browser.get(`${B}/`)).status]).toEqual([200, 200]);
    expect(await browser.submit(await browser.follow(`${US}/logout`), {})).toMatchObject({ status: 200 });
    expect([(await browser.get(`${A}/`)).status, (await browser.get(`${B}/`)).status]).toEqual([302, 302]);
  });

  it('a program shows its access token instead', async () => {
    const program = await newBrowser();
    const page = await program.get(`${A}/api`, { authorization: `Bearer ${owner_token}` });
    expect(told(page).headers).toMatchObject({ 'remote-user': 'ada' });
    expect((await program.get(`${A}/api`, { authorization: `Bearer ${owner_token}x` })).status).toBe(302);
  });

  it('a code is accepted once, in the browser that began, at its host', async () => {
    const browser = await newBrowser();
    await logIn(browser, `${A}/`);
    const begun = await browser.get(`${A}/.latchkey/login?to=/x`);
    const back = await browser.get(begun.location!);
    expect(back.location).toMatch(/^https:\/\/a\.example\.test\/\.latchkey\/callback\?code=lk_hc_/);
    const { search } = new URL(back.location!);
    // K12 and session fixation: a link that somebody else made logs nobody in.
    expect((await (await newBrowser()).get(back.location!)).status).toBe(400);
    expect((await browser.get(`${B}/.latchkey/callback${search}`)).status).toBe(400);
    expect((await browser.get(back.location!)).location).toBe(`${A}/x`);
    expect((await browser.get(back.location!)).status).toBe(400);
  });

  // M19
  it('a request line that names another host than its Host header gets no further than that host lets it', async () => {
    const browser = await newBrowser();
    await logIn(browser, `${A}/`);
    const cookie = `__Host-latchkey_host_session=${browser.jarOf('a.example.test').get('__Host-latchkey_host_session')}`;
    const answer = await raw(
      nginx.origin,
      `GET http://b.example.test/ HTTP/1.1\r\nHost: a.example.test\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 302 .*Location: https:\/\/b\.example\.test\//s);
  });

  // M19
  it.each([
    ['another URL', { 'X-Original-URL': 'https://a.example.test/assets/x' }],
    ['another path', { 'X-Forwarded-Uri': '/assets/x' }],
    ['a prefix', { 'X-Forwarded-Prefix': '/assets' }],
    ['a rewritten path', { 'X-Rewrite-URL': '/assets/x' }],
    ['another method', { 'X-Forwarded-Method': 'OPTIONS' }],
  ])('a client that adds %s in a header of its own is refused', async (_story, headers) => {
    const browser = await newBrowser();
    await logIn(browser, `${A}/`);
    expect((await browser.get(`${A}/admin`, headers)).status).toBe(403);
    // What nginx sets itself, no client can.
    expect((await browser.get(`${A}/admin`, { 'X-Original-URI': '/assets', 'X-Forwarded-Host': 'b.example.test' })).status).toBe(200);
  });
});
