import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addSeconds } from '../../../../src/domain/clock.ts';
import { readUserCode } from '../../../../src/domain/user_code.ts';
import { visitor } from '../../../support/clients/page_visitor.ts';
import { perFile } from '../../../support/fixtures/per_file.ts';
import { OWNER, startServer } from '../../../support/fixtures/server.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const ORIGIN = 'https://auth.example.com';
const BOB = { username: 'bob', password: 'another good password' };
const API = 'https://api.example.com/';
const device = { token_endpoint_auth_method: 'none', grant_types: [GRANT, 'refresh_token'], redirect_uris: [] };

type Browser = ReturnType<typeof visitor>;
type Codes = { device_code: string; user_code: string; verification_uri_complete: string };

let ada: Browser;

const server = perFile(() =>
  startServer({
    config: {
      scopes: [{ name: 'play', description: { en: 'play your music', de: 'deine Musik spielen' } }],
      clients: [
        {
          ...device,
          client_id: 'tv',
          client_name: 'Tele<b>vision',
          client_uri: 'https://tv.example.com/',
          scope: 'openid profile play',
          resources: [API],
        },
        { ...device, client_id: 'safe', scope: 'openid', allowed_group_ids: ['system-admin'] },
        { ...device, client_id: 'web', grant_types: ['authorization_code'], redirect_uris: ['https://web.example.com/cb'] },
      ],
    },
  }),
);
beforeAll(async () => {
  const { access_token } = await server.ownerTokens();
  const bob = await server.inject({
    method: 'POST',
    url: '/api/users',
    token: access_token,
    json: { name: 'Bob', group_ids: ['system-users'] },
  });
  await server.inject({ method: 'POST', url: `/api/users/${bob.json().id}/login`, token: access_token, json: BOB });
});
beforeEach(async () => {
  await server.container.database.kysely.deleteFrom('failed_logins').execute();
  await server.container.database.kysely.deleteFrom('device_codes').execute();
  ada = await loggedIn(OWNER);
});

/** Follows redirects of this server; a login page in between is answered. */
async function open(browser: Browser, url: string, login?: { username: string; password: string }): Promise<Response> {
  for (let hops = 0; hops < 10; hops++) {
    let answer = await browser.get(url);
    if (login && answer.status === 200 && url.startsWith('/auth/authorize')) {
      const { username, password } = login;
      answer = await browser.submit(url, await answer.text(), { username, password });
    }
    const location = answer.headers.get('location');
    if (location === null) return answer;
    url = location.replace(ORIGIN, '');
    expect(url).toMatch(/^\//);
  }
  throw new Error('in circles');
}

async function loggedIn(who: { username: string; password: string }): Promise<Browser> {
  const browser = visitor(server);
  expect((await open(browser, '/device', who)).status).toBe(200);
  return browser;
}

function begin(form: Record<string, string> = {}, remote_address?: string) {
  const fields = { client_id: 'tv', scope: 'openid play', ...form };
  return server.inject({ method: 'POST', url: '/auth/device_authorization', form: fields, ...(remote_address && { remote_address }) });
}

async function started(form: Record<string, string> = {}): Promise<Codes & { path: string }> {
  const answer = await begin(form);
  expect(answer.statusCode, answer.body).toBe(200);
  const codes: Codes = answer.json();
  return { ...codes, path: codes.verification_uri_complete.replace(ORIGIN, '') };
}

async function poll(device_code: string, client_id = 'tv') {
  const answer = await server.inject({ method: 'POST', url: '/auth/token', form: { grant_type: GRANT, client_id, device_code } });
  return answer.json();
}

async function row(user_code: string) {
  const code = readUserCode(user_code)!;
  return await server.container.database.kysely
    .selectFrom('device_codes')
    .selectAll()
    .where('user_code', '=', code)
    .executeTakeFirstOrThrow();
}

const allow = { _decision: 'allow' };
const deny = { _decision: 'deny' };

describe('the device authorization endpoint', () => {
  test('answers what RFC 8628 section 3.2 names', async () => {
    const answer = await begin();
    expect(answer.headers['cache-control']).toBe('no-store');
    const { user_code } = answer.json();
    expect(answer.json()).toEqual({
      device_code: expect.stringMatching(/^lk_dc_[\w-]{43}$/),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: `${ORIGIN}/device`,
      verification_uri_complete: `${ORIGIN}/device?user_code=${user_code}`,
      expires_in: 600,
      interval: 5,
    });
    expect(await row(user_code)).toMatchObject({ status: 'pending', scope: ['openid', 'play'], claimed_sid: null });
  });

  // C13, G6
  test.each<[string, Record<string, string>, number, string]>([
    ['a client that nobody knows', { client_id: 'radio' }, 401, 'invalid_client'],
    ['a client that was not registered for it', { client_id: 'web', scope: '' }, 400, 'unauthorized_client'],
    ['an app that nobody registered', { client_id: 'https://app.example.com/', scope: '' }, 400, 'unauthorized_client'],
    ['a scope beyond the client’s', { scope: 'openid email' }, 400, 'invalid_scope'],
    ['a resource that is not the client’s', { resource: 'https://mail.example.com' }, 400, 'invalid_target'],
    ['a max_age that is no number', { max_age: 'soon' }, 400, 'invalid_request'],
    ['no client', { client_id: '' }, 401, 'invalid_client'],
  ])('refuses %s', async (_what, form, status, error) => {
    const answer = await begin(form);
    expect([answer.statusCode, answer.json().error]).toEqual([status, error]);
  });

  test('gives one address so many codes and no more', async () => {
    await server.container.database.transaction(async (trx) => {
      const made = Array.from({ length: 100 }, (_, index) => ({
        device_code_hash: Buffer.alloc(32, index),
        user_code: `TEST${index}`,
        ...{
          client_id: 'tv',
          scope: [],
          remote_address: '2001:db8::/64',
          created_at: server.clock(),
          expires_at: addSeconds(server.clock(), 600),
        },
      }));
      await trx.insertInto('device_codes').values(made).execute();
    });
    const refused = await begin({}, '2001:db8::17');
    expect([refused.statusCode, refused.json().error, refused.headers['retry-after']]).toEqual([429, 'temporarily_unavailable', '600']);
    expect((await begin({}, '2001:db8:0:1::17')).statusCode).toBe(200);
  });
});

// G4
test('a person sees who asks for what and the code, and the device has tokens after their click', async () => {
  const { device_code, user_code, path } = await started();
  const page = await ada.press(path);
  const html = await page.text();
  expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  for (const shown of [user_code, 'Tele&lt;b>vision', 'tv.example.com', 'play your music', 'Ada']) expect(html).toContain(shown);
  expect(await row(user_code)).toMatchObject({ status: 'pending', user_id: null });
  expect(await poll(device_code)).toEqual({ error: 'authorization_pending', error_description: expect.any(String) });
  const done = await ada.submit(path, html, allow);
  expect([done.status, await done.text()]).toEqual([200, expect.stringContaining('Connected')]);
  expect(await poll(device_code)).toMatchObject({ token_type: 'Bearer', scope: 'openid play', id_token: expect.any(String) });
  expect(await poll(device_code)).toMatchObject({ error: 'invalid_grant' });
  const consents = await server.container.database.kysely.selectFrom('consents').selectAll().where('client_id', '=', 'tv').execute();
  expect(consents).toMatchObject([{ scope: ['openid', 'play'], redirect_uris: [] }]);
});

test('the page names the servers that tokens are for, and the yes is remembered for them', async () => {
  const { device_code, path } = await started({ resource: API });
  const html = await (await ada.press(path)).text();
  expect(html).toContain(`<p>It will be used at:</p><ul><li>${API}</li></ul>`);
  await ada.submit(path, html, allow);
  expect(await poll(device_code)).toMatchObject({ token_type: 'Bearer' });
  const consents = await server.container.database.kysely.selectFrom('consents').selectAll().where('client_id', '=', 'tv').execute();
  expect(consents).toMatchObject([{ resources: [API] }]);
});

// G3
test('a denial reaches the device', async () => {
  const { device_code, path } = await started();
  const done = await ada.submit(path, await (await ada.press(path)).text(), deny);
  expect(await done.text()).toContain('Not connected');
  expect(await poll(device_code)).toMatchObject({ error: 'access_denied' });
});

test('the code may be typed, as people type', async () => {
  const { user_code } = await started();
  const form = await (await ada.get('/device')).text();
  const typed = ` ${user_code.toLowerCase().replace('-', ' ')} `;
  const html = await (await ada.submit('/device', form, { user_code: typed })).text();
  for (const shown of [user_code, 'Tele&lt;b>vision']) expect(html).toContain(shown);
});

// S9
test.each(['GET', 'HEAD'])('%s shows the form with the code in it; it claims no code, and counts no wrong one', async (method) => {
  const { user_code, path } = await started();
  const cookie = [...ada.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const before = await row(user_code);
  for (let count = 0; count < 30; count++)
    expect((await server.request('/device?user_code=BBBB-BBBB', { method, headers: { cookie } })).status).toBe(200);
  const answer = await server.request(path, { method, headers: { cookie } });
  expect(answer.status).toBe(200);
  const html = await answer.text();
  if (method === 'GET') expect(html).toContain(`value="${user_code}"`);
  expect(html).not.toContain('vision');
  expect(await row(user_code)).toEqual(before);
  expect(await server.container.database.kysely.selectFrom('failed_logins').selectAll().execute()).toEqual([]);
  // The form of another site looks nothing up either.
  const body = new URLSearchParams({ user_code, csrf_token: 'forged' });
  expect((await server.request('/device', { method: 'POST', headers: { cookie }, body })).status).toBe(403);
  expect(await row(user_code)).toEqual(before);
  expect((await ada.press(path)).status).toBe(200);
  expect(await row(user_code)).toMatchObject({ status: 'pending', claimed_sid: expect.any(String) });
});

test('the page speaks the language of its reader', async () => {
  const { path } = await started();
  const german = visitor(server, { 'accept-language': 'de' });
  const html = await (await german.submit(path, await (await open(german, path, OWNER)).text(), {})).text();
  for (const text of ['deine Musik spielen', 'Nicht verbinden', 'lang="de"']) expect(html).toContain(text);
});

test('who is not logged in comes back to the code after the login', async () => {
  const { device_code, user_code, path } = await started();
  const stranger = visitor(server);
  const asked = await stranger.get(path);
  expect([asked.status, asked.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/login\?next=%2Fdevice%3F/)]);
  const form = await (await open(stranger, path, OWNER)).text();
  expect(form).toContain(`value="${user_code}"`);
  const html = await (await stranger.submit(path, form, {})).text();
  await stranger.submit(path, html, allow);
  expect(await poll(device_code)).toMatchObject({ token_type: 'Bearer' });
});

// G4
test.each(['GET', 'HEAD'])('%s approves nothing, whatever it says', async (method) => {
  const { user_code, path } = await started();
  await ada.press(path);
  const cookie = [...ada.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  await server.request(`${path}&_decision=allow`, { method, headers: { cookie } });
  expect(await row(user_code)).toMatchObject({ status: 'pending' });
});

describe('a click counts only', () => {
  test('from our own form', async () => {
    const { user_code, path } = await started();
    const html = await (await ada.press(path)).text();
    const forged = await ada.submit(path, html, { ...allow, csrf_token: 'forged' });
    expect(forged.status).toBe(403);
    expect(await row(user_code)).toMatchObject({ status: 'pending' });
  });

  // G5
  test('from the session that opened the code', async () => {
    const { user_code, path } = await started();
    const bob = await loggedIn(BOB);
    const html = await (await ada.press(path)).text();
    const opened = await bob.press(path);
    expect(opened.status).toBe(403);
    const { path: other } = await started();
    const his = await (await bob.press(other)).text();
    const before = await row(user_code);
    for (const decision of [allow, deny]) expect((await bob.submit(other, his, { ...decision, user_code })).status).toBe(403);
    expect(await row(user_code)).toEqual(before);
    expect((await ada.submit(path, html, allow)).status).toBe(200);
  });

  // G5
  test('for a code that was opened', async () => {
    const { user_code } = await started();
    const { path } = await started();
    const html = await (await ada.press(path)).text();
    expect((await ada.submit(path, html, { ...allow, user_code })).status).toBe(403);
    expect(await row(user_code)).toMatchObject({ status: 'pending', claimed_sid: null });
  });

  test('once', async () => {
    const { path } = await started();
    const html = await (await ada.press(path)).text();
    expect((await ada.submit(path, html, allow)).status).toBe(200);
    expect((await ada.submit(path, html, deny)).status).toBe(400);
  });

  test('as yes or no', async () => {
    const { user_code, path } = await started();
    const html = await (await ada.press(path)).text();
    expect((await ada.submit(path, html, { _decision: 'perhaps' })).status).toBe(400);
    expect(await row(user_code)).toMatchObject({ status: 'pending' });
  });
});

// G6
test('a person whom the client is not for cannot say yes, and the device gets the error', async () => {
  const { device_code, path } = await started({ client_id: 'safe', scope: 'openid' });
  const bob = await loggedIn(BOB);
  const html = await (await bob.press(path)).text();
  expect((await bob.submit(path, html, allow)).status).toBe(403);
  expect(await poll(device_code, 'safe')).toMatchObject({ error: 'access_denied' });
});

// G8
describe('a device that requires', () => {
  test('a login that is not too old, the person logs in again before they say yes', async () => {
    const { device_code, path } = await started({ max_age: '60' });
    server.advance(61);
    const asked = await ada.press(path);
    expect([asked.status, asked.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/login\?/)]);
    const form = await (await open(ada, asked.headers.get('location')!, OWNER)).text();
    const html = await (await ada.submit(path, form, {})).text();
    await ada.submit(path, html, allow);
    expect(await poll(device_code)).toMatchObject({ token_type: 'Bearer' });
  });

  test('one, that of another browser does not do', async () => {
    const { path } = await started({ max_age: '60' });
    server.advance(61);
    const sent = new URL((await ada.press(path)).headers.get('location')!, ORIGIN);
    const again = await loggedIn(OWNER);
    server.advance(61);
    // Ada logs in at the address that the other browser was sent to.
    await open(ada, sent.pathname + sent.search, OWNER);
    const marked = sent.searchParams.get('next')!;
    expect((await ada.press(marked)).status).toBe(200);
    expect((await again.press(marked)).headers.get('location')).toMatch(/^\/login\?/);
  });

  test('one, a page that was drawn before does not do', async () => {
    const { user_code, path } = await started({ max_age: '60' });
    const html = await (await ada.press(path)).text();
    server.advance(61);
    expect((await ada.submit(path, html, allow)).status).toBe(303);
    expect(await row(user_code)).toMatchObject({ status: 'pending' });
  });

  test('a second factor, a login without one is asked for again', async () => {
    const { path } = await started({ acr_values: '2' });
    expect((await ada.press(path)).status).toBe(303);
  });
});

describe('a wrong code', () => {
  // G9
  test.each(['"><svg onload=alert(1)>', 'BBBB-BBBB', '', '\u202e', 'x'.repeat(5000)])(
    'is answered the same, and escaped: %#',
    async (typed) => {
      const form = await (await ada.get('/device')).text();
      const answer = await ada.submit('/device', form, { user_code: typed });
      const html = await answer.text();
      expect(answer.status).toBe(400);
      expect(html).toContain('This code is wrong');
      expect(html).not.toContain('<svg onload');
      expect(html.length).toBeLessThan(5000);
    },
  );

  // G1
  test('may be typed twenty times; then the person and their address must wait, and nobody is banned', async () => {
    const { path } = await started();
    for (let count = 0; count < 20; count++) expect((await ada.press('/device?user_code=BBBB-BBBB')).status).toBe(400);
    const refused = await ada.press(path);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '600']);
    const bob = await loggedIn(BOB);
    expect((await bob.press(path)).status).toBe(429);
    expect(await server.container.throttle.listBans(10)).toEqual([]);
    server.advance(601);
    expect((await bob.press('/device?user_code=BBBB-BBBB')).status).toBe(400);
  });
});

test('an expired code is no code', async () => {
  const { device_code, path } = await started();
  server.advance(600);
  expect((await ada.press(path)).status).toBe(400);
  expect(await poll(device_code)).toMatchObject({ error: 'expired_token' });
});

// G2
test('a device that waits or is in a hurry is never banned, and leaves no trail', async () => {
  const { device_code } = await started();
  expect(await poll(device_code)).toMatchObject({ error: 'authorization_pending' });
  for (let count = 0; count < 15; count++) expect(await poll(device_code)).toMatchObject({ error: 'slow_down' });
  expect(await server.container.database.kysely.selectFrom('failed_logins').selectAll().execute()).toEqual([]);
});

test('a device that can show an image gets one of the way to its page', async () => {
  const { user_code } = await started();
  const image = await server.inject({ url: `/device/qr?user_code=${user_code}` });
  expect([image.statusCode, image.headers['content-type']]).toEqual([200, 'image/svg+xml']);
  expect(image.body).toMatch(/^<svg /);
  expect((await server.inject({ url: '/device/qr?user_code=%3Csvg%3E' })).statusCode).toBe(404);
});
