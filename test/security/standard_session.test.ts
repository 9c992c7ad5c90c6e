// Single sign-on of the standard profile against anyone who would use a session for more than its
// person agreed to, or answer a request twice.
import { decodeJwt, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { authorizeUrl, type Fields, ISSUER, type StandardBrowser, standardBrowser } from '../support/clients/standard_browser.ts';
import { addApiPerson, type Call, callerWith } from '../support/fixtures/api.ts';
import { loggedInBrowser, tokensOf } from '../support/fixtures/logout.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { API, CALLBACK } from '../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../support/fixtures/standard_grants.ts';

const OTHER_CALLBACK = 'https://app.example.com/other';
const OTHER_API = 'https://other.example.com/?a="><script>alert(1)</script>';

let server: TestServer;
/** Logged in as the owner, who has agreed to the app. */
let browser: StandardBrowser;
let owner: Call;

beforeAll(async () => {
  const clients = [
    { client_id: 'app', redirect_uris: [CALLBACK], resources: [API] },
    { client_id: 'consenting', redirect_uris: [CALLBACK, OTHER_CALLBACK], resources: [API, OTHER_API] },
    { client_id: 'other', redirect_uris: [CALLBACK] },
  ];
  server = await startServer({ config: { clients, http: { ip_ban_enabled: false } } });
  owner = callerWith(server, (await server.ownerTokens()).access_token);
});
afterAll(() => server.close());
beforeEach(async () => {
  browser = standardBrowser(server);
  await browser.authorize(authorizeUrl());
});

const codes = async () => (await server.container.database.kysely.selectFrom('authorization_codes').selectAll().execute()).length;

/** The answer to a silent request. */
async function silent(fields: Fields, who: StandardBrowser): Promise<string | null> {
  const answer = await who.get(authorizeUrl({ prompt: 'none', ...fields }));
  expect([answer.status, await answer.text()]).toEqual([303, '']);
  return new URL(answer.headers.get('location')!).searchParams.get('error');
}

// A29
describe('an id_token_hint', () => {
  it('that we did not sign, or of nobody, never logs anyone in', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const claims = { iss: ISSUER, sub: 'x', aud: 'app', exp: 9_999_999_999 };
    const { kid } = (await server.inject({ url: '/.well-known/jwks.json' })).json().keys[0];
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid, jwk: await exportJWK(publicKey) }).sign(privateKey);
    for (const id_token_hint of [forged, new UnsecuredJWT(claims).encode(), 'junk', 'a.b.c']) {
      expect(await silent({ id_token_hint }, standardBrowser(server))).toBe('login_required');
      const { seen } = await standardBrowser(server).follow(authorizeUrl({ id_token_hint }));
      expect(seen[0]).toBe('login');
    }
  });

  it('of another person is no session of theirs', async () => {
    const { id_token } = await tokensOf(server, await loggedInBrowser(server), 'app');
    expect(await silent({ id_token_hint: id_token }, standardBrowser(server))).toBe('login_required');
    expect((await browser.authorize(authorizeUrl({ prompt: 'none', id_token_hint: id_token }))).searchParams.has('code')).toBe(true);
    const another = standardBrowser(server);
    await another.authorize(authorizeUrl(), await addApiPerson(server, owner, 'grace'));
    expect(await silent({ id_token_hint: id_token }, another)).toBe('login_required');
  });
});

// A30
describe('a fresh login', () => {
  const authTime = async (location: URL) => {
    const form = { grant_type: 'authorization_code', client_id: 'app', code: location.searchParams.get('code')!, code_verifier: VERIFIER };
    const { id_token } = (await server.inject({ method: 'POST', url: '/auth/token', form })).json();
    return decodeJwt(id_token).auth_time as number;
  };

  it.each<[string, Fields]>([
    ['max_age=1, two seconds later', { max_age: '1' }],
    ['max_age=0', { max_age: '0' }],
    ['prompt=login', { prompt: 'login' }],
  ])('is made where %s demands it, and counts from then on', async (_story, fields) => {
    const before = await authTime(await browser.authorize(authorizeUrl()));
    server.advance(2);
    const { location, seen } = await browser.follow(authorizeUrl(fields));
    expect(seen[0]).toBe('login');
    expect(await authTime(location!)).toBe(before + 2);
  });

  it('counts in the browser that was sent to it, and in no other that has the same address', async () => {
    const sent = new URL((await browser.get(authorizeUrl({ prompt: 'login' }))).headers.get('location')!, ISSUER);
    const marked = sent.searchParams.get('next')!;
    server.advance(1);
    const another = standardBrowser(server);
    await another.authorize(authorizeUrl());
    for (const cookie of [undefined, another.jar.get('__Host-latchkey_login')!, 'lk_br_x']) {
      if (cookie === undefined) another.jar.delete('__Host-latchkey_login');
      else another.jar.set('__Host-latchkey_login', cookie);
      expect((await another.get(marked)).headers.get('location')).toMatch(/^\/login\?/);
      expect((await another.follow(authorizeUrl({ prompt: 'login' }))).seen).toEqual(['login']);
    }
    const { seen, location } = await browser.follow(sent.href);
    expect([seen, location!.searchParams.has('code')]).toEqual([['login'], true]);
    expect((await browser.get(marked)).headers.get('location')).toContain('code=');
  });

  it('that is begun and left leaves the session as it was', async () => {
    const before = await authTime(await browser.authorize(authorizeUrl()));
    server.advance(2);
    let answer = await browser.get(authorizeUrl({ prompt: 'login' }));
    while (answer.status === 303) answer = await browser.get(answer.headers.get('location')!);
    expect(await answer.text()).toContain('name="password"');
    expect(await authTime(await browser.authorize(authorizeUrl({ prompt: 'none' })))).toBe(before);
    // The way back from the login, without one.
    server.advance(1);
    const marked = new URL((await browser.get(authorizeUrl({ prompt: 'login' }))).headers.get('location')!, ISSUER).searchParams.get(
      'next',
    )!;
    expect((await browser.get(marked)).headers.get('location')).toMatch(/^\/login\?/);
    expect(
      (await browser.get(`${authorizeUrl({ prompt: 'login' })}&login_after=${server.clock().getTime()}.forged`)).headers.get('location'),
    ).toMatch(/^\/login\?/);
  });
});

// A31
describe('consent', () => {
  const consenting = (fields: Fields = {}) => authorizeUrl({ client_id: 'consenting', ...fields });
  beforeEach(async () => {
    await server.container.database.kysely.deleteFrom('consents').where('client_id', '=', 'consenting').execute();
    await browser.authorize(consenting());
  });

  it.each<[string, Fields]>([
    ['more is asked for', { scope: 'openid profile' }],
    ['the answer goes elsewhere', { redirect_uri: OTHER_CALLBACK }],
    ['the client wants it', { prompt: 'consent' }],
    ['tokens are for another server', { resource: API }],
    ['tokens are for another server and for us', { resource: [ISSUER, API] }],
  ])('is asked for again when %s, and only then', async (_story, fields) => {
    expect((await browser.follow(consenting())).seen).toEqual([]);
    expect((await browser.follow(consenting(fields))).seen).toEqual(['consent']);
  });

  it('for one server is none for another, whatever is asked for beside it', async () => {
    await browser.authorize(consenting({ resource: API }));
    for (const resource of [API, ISSUER, [API, ISSUER]]) expect((await browser.follow(consenting({ resource }))).seen).toEqual([]);
    const before = await codes();
    for (const resource of [OTHER_API, [API, OTHER_API]])
      expect(await silent({ client_id: 'consenting', resource }, browser)).toBe('consent_required');
    expect(await codes()).toBe(before);
    expect((await browser.follow(consenting({ resource: OTHER_API }))).seen).toEqual(['consent']);
    expect((await browser.follow(consenting({ resource: [API, OTHER_API] }))).seen).toEqual([]);
  });

  it.each([
    ['en', 'It will be used at:'],
    ['de', 'Verwendet wird das bei:'],
    ['fr', 'L’accès sera utilisé auprès de :'],
  ])('names the servers that tokens are for, in %s', async (language, text) => {
    const shown = async (fields: Fields) => (await browser.get(consenting({ prompt: 'consent', ui_locales: language, ...fields }))).text();
    for (const resource of [undefined, ISSUER]) expect(await shown({ resource })).not.toContain(text);
    expect(await shown({ resource: API })).toContain(`<p>${text}</p><ul><li>${API}</li></ul>`);
    const html = await shown({ resource: [ISSUER, OTHER_API, API] });
    expect(html).toContain(text);
    expect(html).toContain(`<li>${API}</li>`);
    expect(html).toMatch(/<li>https:\/\/other\.example\.com\/\?a=(&quot;|"|&#34;)(&gt;|>)&lt;script/);
    expect(html).not.toContain('<script');
  });

  it('that is denied gives no code, and is asked for again', async () => {
    const before = await codes();
    const location = await browser.authorize(consenting({ prompt: 'consent' }), { decision: 'deny' });
    expect([location.searchParams.get('error'), location.searchParams.get('state')]).toEqual(['access_denied', 's']);
    expect(await codes()).toBe(before);
  });

  it('of a page that was shown to somebody else is nobody’s', async () => {
    const page = await browser.get(consenting({ prompt: 'consent' }));
    const before = await codes();
    const answer = await browser.submit(consenting(), await page.text(), { _sid: 'another', _decision: 'allow' });
    expect([answer.status, answer.headers.get('location')]).not.toEqual([303, expect.stringContaining('code=')]);
    expect(await codes()).toBe(before);
  });

  it('is a no for everybody: who logged in meanwhile and agreed before gets no code by it', async () => {
    const page = await browser.get(consenting({ prompt: 'consent' }));
    const before = await codes();
    const answer = await browser.submit(consenting(), (await page.text()).replaceAll('prompt=consent', 'display=page'), {
      _sid: 'another',
      _decision: 'deny',
    });
    expect(new URL(answer.headers.get('location')!).searchParams.get('error')).toBe('access_denied');
    expect(await codes()).toBe(before);
  });
});

// A32
describe('a pushed request', () => {
  const push = async (fields: Record<string, string> = {}) => {
    const form = { ...Object.fromEntries(new URL(authorizeUrl()).searchParams), ...fields };
    const answer = await server.inject({ method: 'POST', url: '/auth/par', form });
    expect([answer.statusCode, answer.body]).toEqual([201, expect.any(String)]);
    return `${ISSUER}/auth/authorize?${new URLSearchParams({ client_id: 'app', request_uri: answer.json().request_uri })}`;
  };
  const refused = async (at: string) => {
    const { answer, location } = await browser.follow(at);
    expect([answer.status, location]).toEqual([400, null]);
  };

  it.each<[string, Record<string, string>]>([
    ['with a page', {}],
    ['in silence', { prompt: 'none' }],
  ])('is valid for one answer %s, and for any number of reloads before', async (_story, fields) => {
    const at = await push(fields);
    if (!fields.prompt) {
      const stranger = standardBrowser(server);
      for (let reload = 0; reload < 3; reload++) expect((await stranger.get(at)).status).toBe(303);
    }
    expect((await browser.authorize(at)).searchParams.has('code')).toBe(true);
    await refused(at);
  });

  it('may name several resources (RFC 8707)', async () => {
    const fields = [...new URL(authorizeUrl()).searchParams, ['resource', ISSUER], ['resource', API]];
    const answer = await server.request('/auth/par', { method: 'POST', body: new URLSearchParams(fields) });
    const { request_uri } = (await answer.json()) as { request_uri: string };
    const at = `${ISSUER}/auth/authorize?${new URLSearchParams({ client_id: 'app', request_uri })}`;
    expect((await browser.authorize(at)).searchParams.has('code')).toBe(true);
    const stored = await server.container.database.kysely.selectFrom('authorization_codes').select('resource').execute();
    expect(stored).toContainEqual({ resource: [ISSUER, API] });
  });

  it('is valid for its own client, and not permanently', async () => {
    const at = await push();
    await refused(at.replace('client_id=app', 'client_id=other'));
    server.advance(600);
    await refused(at);
  });

  it('of two tabs that finish at once gives one code', async () => {
    const at = await push();
    const answers = await Promise.all(Array.from({ length: 10 }, () => browser.get(at)));
    expect(answers.filter((answer) => answer.headers.get('location')?.includes('code='))).toHaveLength(1);
  });
});
