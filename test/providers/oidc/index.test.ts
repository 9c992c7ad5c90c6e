import { createHmac } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Secret, TOTP } from 'otpauth';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { visitor } from '../../support/clients/page_visitor.ts';
import { type Op, startOp } from '../../support/fakes/oidc_op.ts';
import { type ScriptedOp, startScriptedOp } from '../../support/fakes/scripted_op.ts';
import { createTestDatabase, type TestDatabase } from '../../support/fixtures/database.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestServer } from '../../support/fixtures/server.ts';

const PUBLIC_URL = 'https://auth.example.com';
const SECRET = 'a secret of the client, long enough for HS256';
const people = {
  ann: { name: 'Ann', preferred_username: 'ann', email: 'ann@example.com', email_verified: true, groups: ['staff'] },
  bob: { name: 'Bob', email: 'ann@example.com', email_verified: true },
  cat: { name: 'Cat', email: 'ada@example.com', email_verified: false },
};

let db: TestDatabase;
let op: Op;
let scripted: ScriptedOp;
/** Two replicas. */
let here: TestServer;
let there: TestServer;

const configOf = () => {
  const common = { type: 'oidc', new_users: 'activate', client_secret: SECRET };
  const { issuer } = scripted;
  return {
    auth_mfa_modules: [{ type: 'totp' }],
    auth_providers: [
      { ...common, id: 'work', name: 'Work', issuer: op.issuer, client_id: 'work', groups: { staff: ['system-read-only'] } },
      { ...common, id: 'club', issuer: op.issuer, client_id: 'club', token_endpoint_auth_method: 'client_secret_post' },
      { ...common, id: 'scripted', issuer, client_id: 'latchkey' },
      { ...common, id: 'strict', issuer, client_id: 'latchkey', require_mfa: true },
      {
        ...common,
        id: 'hub',
        preset: 'github',
        issuer: 'https://github.example/',
        client_id: 'latchkey',
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/user`,
      },
      { ...common, id: 'gone', name: 'Gone', issuer: 'http://127.0.0.1:9', client_id: 'latchkey' },
      { type: 'homeassistant' },
    ],
  };
};

beforeAll(async () => {
  [db, scripted] = await Promise.all([createTestDatabase(), startScriptedOp()]);
  const client = (id: string, differs = {}) => ({
    client_id: id,
    client_secret: SECRET,
    redirect_uris: [`${PUBLIC_URL}/auth/callback/oidc:${id}`],
    ...differs,
  });
  op = await startOp({ clients: [client('work'), client('club', { token_endpoint_auth_method: 'client_secret_post' })], people });
  const { database } = db;
  here = await startServer({ config: configOf(), database });
  there = await startServer({ config: configOf(), database });
  await here.createOwner();
}, 30_000);
afterAll(() => Promise.all([here?.close(), there?.close(), op?.close(), scripted?.close()]).then(() => db?.close()));
beforeEach(async () => {
  scripted.say();
  for (const table of ['login_flows', 'failed_logins'] as const) await db.database.kysely.deleteFrom(table).execute();
});

const pageUrl = (id: string, state = 'of the app') =>
  `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, state, auth_provider: `oidc:${id}` })}`;

/** Sent away by the page of a server; the browser that was, and where it was sent. */
async function leave(id: string, server = here) {
  const browser = visitor(server);
  const answer = await browser.press(pageUrl(id));
  return { browser, answer, url: answer.headers.get('location') ?? '' };
}

/** The same person's browser, at the other replica. */
function onwards(browser: ReturnType<typeof visitor>, server: TestServer) {
  const same = visitor(server);
  for (const [name, value] of browser.jar) same.jar.set(name, value);
  return same;
}

async function begin(id: string, server = here) {
  const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['oidc', id] };
  return (await server.inject({ method: 'POST', url: '/auth/login_flow', json })).json();
}

async function ask(flow_id: string, server = here) {
  return await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: { client_id: CLIENT_ID } });
}

const openFlows = () => db.database.kysely.selectFrom('login_flows').selectAll().execute();
const credentials = () => db.database.kysely.selectFrom('credentials').selectAll().where('auth_provider_type', '=', 'oidc').execute();
const userOf = async (code: string) => {
  const { access_token } = await here.redeem(code);
  return (await here.inject({ url: '/api/me', token: access_token })).json();
};
const codeIn = (location: string | null) => new URL(location ?? '').searchParams.get('code') ?? '';
const startAgain = 'This login has ended or was started in another browser. Start again.';

describe('a login at a real OpenID Provider', () => {
  it('goes away from one replica and comes back to another, with the app’s own state', async () => {
    const { browser, answer, url } = await leave('work');
    expect(answer.status).toBe(303);
    const asked = new URL(url).searchParams;
    expect(Object.fromEntries(asked)).toMatchObject({
      redirect_uri: `${PUBLIC_URL}/auth/callback/oidc:work`,
      response_type: 'code',
      scope: 'openid profile email',
      code_challenge_method: 'S256',
    });
    const back = await op.person('ann')(url);
    const same = onwards(browser, there);
    const arrived = await same.get(back);
    expect(arrived.status).toBe(303);
    // Coming back is no answer to the app: a page that names it follows.
    expect(arrived.headers.get('location')).toMatch(/^\/auth\/authorize\?/);
    const location = (await same.agree(arrived)).headers.get('location');
    expect(location).toContain(`${REDIRECT_URI}&code=`);
    expect(new URL(location ?? '').searchParams.get('state')).toBe('of the app');
    expect(arrived.headers.getSetCookie().join()).toMatch(/__Host-latchkey_session=[^;]+; Path/);
    expect(await userOf(codeIn(location))).toMatchObject({ name: 'Ann', is_admin: false });
    const [credential] = await credentials();
    expect(credential).toMatchObject({
      auth_provider_id: 'work',
      subject: `${op.issuer} ann`,
      data: { sub: 'ann', preferred_username: 'ann' },
    });
    const groups = await db.database.kysely
      .selectFrom('user_groups')
      .select('group_id')
      .where('user_id', '=', credential!.user_id)
      .execute();
    expect(groups.map(({ group_id }) => group_id).sort()).toEqual(['system-read-only', 'system-users']);
  });

  it('finds the same user again, and another one at another instance of the same provider', async () => {
    const logIn = async (id: string) => {
      const { browser, url } = await leave(id);
      const arrived = await browser.get(await op.person('ann')(url));
      return (await userOf(codeIn((await browser.agree(arrived)).headers.get('location')))).id;
    };
    const first = await logIn('work');
    expect(await logIn('work')).toBe(first);
    expect(await logIn('club')).not.toBe(first);
  });

  // K10
  it('never takes an e-mail address for a person', async () => {
    const users = new Set<string>();
    for (const login of ['ann', 'bob', 'cat']) {
      const { browser, url } = await leave('work');
      const arrived = await browser.get(await op.person(login)(url));
      users.add((await userOf(codeIn((await browser.agree(arrived)).headers.get('location')))).id);
    }
    expect(users.size).toBe(3);
  });

  it('that is declined there says so, offers the other ways and begins again', async () => {
    const { browser, url } = await leave('work');
    const back = await op.person('ann')(url, { declines: true });
    expect(new URL(back).searchParams.get('error')).toBe('access_denied');
    const html = await (await browser.get(back)).text();
    expect(html).toContain('The login was declined.');
    expect(html).toContain('href="/auth/authorize?client_id=');
    expect(await (await browser.get(back)).text()).toContain(startAgain);
  });

  it('begins with a button where there are other login methods, and keeps the person logged in if they say so there', async () => {
    const browser = visitor(here);
    const url = `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI })}`;
    const html = await (await browser.get(url)).text();
    expect(html).toContain('>Log in with Work</button>');
    expect(html).toContain('auth_provider=homeassistant');
    expect(await openFlows()).toHaveLength(0);
    const sent = await browser.submit(url, html, { _keep: 'true' });
    expect(sent.status).toBe(303);
    const arrived = await browser.get(await op.person('ann')(sent.headers.get('location') ?? ''));
    expect((await browser.agree(arrived, { _keep: 'true' })).headers.get('location')).toContain('&storeToken=true');
    expect(arrived.headers.getSetCookie().join()).toContain('Max-Age=');
    expect(await openFlows()).toHaveLength(0);
  });
});

/** Back at a server with a browser that knows nothing; `send` is the button of its page. */
async function comeBack({ pathname, search }: URL, server = here) {
  const url = pathname + search;
  const page = await server.inject({ url });
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
  const cookie = String(page.headers['set-cookie']).split(';')[0]!;
  const send = (form: Record<string, string> = { csrf_token }) => server.inject({ method: 'POST', url, headers: { cookie }, form });
  return { page, send };
}

describe('in the JSON dialect', () => {
  it('the client asks for itself, after the person has said that it was them', async () => {
    const { type, url, flow_id } = await begin('work');
    expect(type).toBe('external');
    // Asked too early, it is the same step still.
    expect((await ask(flow_id)).json()).toMatchObject({ type: 'external', url });
    const back = new URL(await op.person('ann')(url));
    const { page, send } = await comeBack(back, there);
    expect(page.body).toContain('Log in to app.example.com?');
    expect(page.body.replace(/[\u2066-\u2069]/g, '')).toContain('started this minute from the address 203.0.113.7');
    expect((await ask(flow_id)).json().type).toBe('external');
    expect((await send({})).statusCode).toBe(403);
    expect((await send()).body).toContain('You can close this window.');
    expect((await send()).statusCode).toBe(404);
    const answers = await Promise.all([ask(flow_id), ask(flow_id, there)]);
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 404]);
    const entry = answers.find(({ statusCode }) => statusCode === 200)!.json();
    expect(entry).toMatchObject({ type: 'create_entry', flow_id, handler: ['oidc', 'work'] });
    expect(await userOf(entry.result)).toMatchObject({ name: 'Ann' });
  });

  it('nobody is logged in from another address than the one that began it', async () => {
    const { url } = await begin('work');
    const back = new URL(await op.person('ann')(url));
    const answer = await here.inject({ url: back.pathname + back.search, remote_address: '198.51.100.99' });
    expect(answer.statusCode).toBe(404);
    expect((await here.inject({ url: back.pathname + back.search })).statusCode).toBe(200);
  });

  it('nobody is logged in where the address is one that people share', async () => {
    const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['oidc', 'work'] };
    const begun = await here.inject({ method: 'POST', url: '/auth/login_flow', json, remote_address: '127.0.0.1' });
    const back = new URL(await op.person('ann')(begun.json().url));
    expect((await here.inject({ url: back.pathname + back.search, remote_address: '127.0.0.1' })).statusCode).toBe(404);
  });

  it('a login that was declined ends', async () => {
    const { url, flow_id } = await begin('work');
    const { send } = await comeBack(new URL(await op.person('ann')(url, { declines: true })));
    await send();
    expect((await ask(flow_id)).json()).toMatchObject({ type: 'abort', reason: 'access_denied' });
    expect((await ask(flow_id)).statusCode).toBe(404);
  });
});

/** What the scripted provider sends a person back with. */
async function backFrom(url: string, differs: Record<string, string | undefined> = {}): Promise<string> {
  const asked = new URL(url).searchParams;
  const answer = { code: 'c', state: asked.get('state') ?? '', iss: scripted.issuer, ...differs };
  const parameters = Object.entries(answer).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `${asked.get('redirect_uri')}?${new URLSearchParams(parameters)}`;
}
const nonceOf = (url: string) => new URL(url).searchParams.get('nonce') ?? '';
const tokens = (id_token: string) => ({ '/token': { access_token: 'a', token_type: 'Bearer', id_token } });

// K9
describe('what comes back is refused', () => {
  test.each<[string, Record<string, string | undefined>, number]>([
    ['with another state', { state: 'other' }, 404],
    ['with no state', { state: undefined }, 404],
    ['with the issuer of another provider', { iss: 'https://other.example' }, 200],
    ['without the issuer that this provider always says', { iss: undefined }, 200],
  ])('%s', async (_story, differs, status) => {
    const { browser, url } = await leave('scripted');
    scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(url) })));
    const answer = await browser.get(await backFrom(url, differs));
    expect(answer.status).toBe(status);
    expect(answer.headers.getSetCookie().join()).not.toContain('session');
    expect(scripted.asked('/token')).toHaveLength(0);
  });

  it('with the state of another flow of the same browser', async () => {
    const { url: first, browser } = await leave('scripted');
    const second = (await browser.press(pageUrl('scripted'))).headers.get('location') ?? '';
    // The code was injected: it belongs to the first one, and so does the nonce in its ID token.
    scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(first) })));
    const html = await (await browser.get(await backFrom(second))).text();
    expect(html).toContain('cannot be trusted');
    expect(scripted.asked('/token')).toHaveLength(1);
    expect(scripted.asked('/token')[0]!.body).toContain('code_verifier=');
  });

  it('with the state of a flow but for its random part, and the flow is not spoilt', async () => {
    const { url, browser } = await leave('scripted');
    const [flow] = await openFlows();
    expect((await browser.get(await backFrom(url, { state: `${flow!.id}.lk_es_guess` }))).status).toBe(404);
    scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(url) })));
    expect((await browser.get(await backFrom(url))).status).toBe(303);
  });

  it('in another browser', async () => {
    const { url, browser } = await leave('scripted');
    scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(url) })));
    expect(await (await visitor(here).get(await backFrom(url))).text()).toContain(startAgain);
    // It was not spoilt by that.
    expect((await browser.get(await backFrom(url))).status).toBe(303);
  });

  it('at the path of another provider', async () => {
    const { url, browser } = await leave('scripted');
    const back = (await backFrom(url)).replace('oidc:scripted', 'oidc:work');
    expect(await (await browser.get(back)).text()).toContain(startAgain);
  });

  it('a second time, also in parallel', async () => {
    const { url, browser } = await leave('scripted');
    scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(url) })));
    const back = await backFrom(url);
    const answers = await Promise.all([browser, onwards(browser, there), browser].map((one) => one.get(back)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 404, 404]);
    expect(scripted.asked('/token')).toHaveLength(1);
    expect((await browser.get(back)).status).toBe(404);
  });

  it('with a parameter twice', async () => {
    const { url, browser } = await leave('scripted');
    expect((await browser.get(`${await backFrom(url)}&code=d`)).status).toBe(400);
  });

  // K12
  it('and nothing in the URL says where to go next', async () => {
    const { url, browser } = await leave('scripted');
    scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(url) })));
    const arrived = await browser.get(`${await backFrom(url)}&next=//evil.example&redirect_uri=https://evil.example/`);
    expect((await browser.agree(arrived)).headers.get('location')).toMatch(/^https:\/\/app\.example\.com\/callback/);
  });
});

// K11
describe('an ID token is refused', () => {
  const now = () => Math.floor(Date.now() / 1000);
  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claimsFor = (nonce: string) => ({ iss: scripted.issuer, sub: 'eve', aud: 'latchkey', iat: now(), exp: now() + 300, nonce });
  const hs256 = (secret: string | Buffer) => (nonce: string) => {
    const input = `${base64({ alg: 'HS256', kid: 'known' })}.${base64(claimsFor(nonce))}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };

  test.each<[string, (nonce: string) => string | Promise<string>]>([
    ['with alg none', (nonce) => `${base64({ alg: 'none' })}.${base64(claimsFor(nonce))}.`],
    ['signed HS256 with the client secret', hs256(SECRET)],
    ['signed HS256 with the public key', (nonce) => hs256(JSON.stringify(scripted.public_jwk))(nonce)],
    ['for another client', (nonce) => scripted.idToken({ nonce, aud: 'other' })],
    ['for several clients without azp', (nonce) => scripted.idToken({ nonce, aud: ['latchkey', 'other'] })],
    ['for several clients, got by another one', (nonce) => scripted.idToken({ nonce, aud: ['latchkey', 'other'], azp: 'other' })],
    ['that has expired', (nonce) => scripted.idToken({ nonce, exp: now() - 60 })],
    ['from another issuer', (nonce) => scripted.idToken({ nonce, iss: 'https://other.example' })],
    ['without the nonce', () => scripted.idToken({})],
    ['with another nonce', () => scripted.idToken({ nonce: 'other' })],
    ['without a subject', (nonce) => scripted.idToken({ nonce, sub: '' })],
    [
      'signed with a key of somebody else',
      async (nonce) => {
        const { privateKey } = await generateKeyPair('ES256');
        return new SignJWT(claimsFor(nonce)).setProtectedHeader({ alg: 'ES256', kid: 'known' }).sign(privateKey);
      },
    ],
    ['that is none', () => 'nonsense'],
  ])('%s', async (_story, tokenFor) => {
    const { url, browser } = await leave('scripted');
    scripted.say(tokens(await tokenFor(nonceOf(url))));
    const answer = await browser.get(await backFrom(url));
    expect(answer.headers.getSetCookie().join()).not.toContain('session');
    expect(await answer.text()).toContain('cannot be trusted');
    expect((await credentials()).map(({ subject }) => subject)).not.toContain('https://other.example eve');
  });

  // W13
  it('no more once the server has changed its key, however short ago we looked', async () => {
    const logIn = async (kid: string, private_key = scripted.private_key, jwk: object = scripted.public_jwk) => {
      const { url, browser } = await leave('scripted');
      const id_token = await new SignJWT(claimsFor(nonceOf(url))).setProtectedHeader({ alg: 'ES256', kid }).sign(private_key);
      scripted.say({ ...tokens(id_token), '/jwks': { keys: [jwk] } });
      const answer = await browser.get(await backFrom(url));
      return [answer.status < 400 && !(await answer.text()).includes('cannot be trusted'), scripted.asked('/token').length];
    };
    expect(await logIn('known')).toEqual([true, 1]);
    here.advance(10);
    const next = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(next.publicKey)), kid: 'next', alg: 'ES256', use: 'sig' };
    // The code is redeemed once: what came for it is read a second time.
    expect(await logIn('next', next.privateKey, jwk)).toEqual([true, 1]);
    here.advance(10);
    expect(await logIn('known')).toEqual([true, 1]);
  });

  it('that userinfo says of somebody else', async () => {
    const { url, browser } = await leave('scripted');
    scripted.say({ ...tokens(await scripted.idToken({ nonce: nonceOf(url) })), '/userinfo': { sub: 'mallory' } });
    expect(await (await browser.get(await backFrom(url))).text()).toContain('cannot be trusted');
  });

  describe('by an unknown key', () => {
    afterEach(() => {
      vi.useRealTimers();
    });
    // W13
    it('after the keys were asked for once more, and at most every five seconds', async () => {
      const attempt = async () => {
        const { url, browser } = await leave('scripted');
        scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(url) }, { kid: 'unknown' })));
        expect(await (await browser.get(await backFrom(url))).text()).toContain('cannot be trusted');
        return scripted.asked('/jwks').length;
      };
      vi.useFakeTimers({ toFake: ['Date'] });
      // However old the keys are that were got before.
      await attempt();
      here.advance(10);
      expect([await attempt(), await attempt()]).toEqual([1, 0]);
      here.advance(5);
      expect([await attempt(), await attempt(), await attempt()]).toEqual([1, 0, 0]);
    });
  });
});

// W13
describe('userinfo', () => {
  const claimsOf = async (userinfo: object) => {
    const { url, browser } = await leave('scripted');
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: scripted.issuer, sub: 'eve', aud: 'latchkey', iat: now, exp: now + 300, nonce: nonceOf(url) };
    const id_token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'known' }).sign(scripted.private_key);
    scripted.say({ ...tokens(id_token), '/userinfo': userinfo as never });
    return await (await browser.get(await backFrom(url))).text();
  };
  const jwt = async (key: CryptoKey, sub = 'eve') => {
    const text = await new SignJWT({ sub, name: 'Eve' }).setProtectedHeader({ alg: 'ES256', kid: 'known' }).sign(key as never);
    return { status: 200, headers: { 'content-type': 'application/jwt' }, text };
  };

  it('may be a JWT by one of the server’s keys, though nothing said so', async () => {
    expect(await claimsOf(await jwt(scripted.private_key as CryptoKey))).not.toContain('cannot be trusted');
    const { privateKey } = await generateKeyPair('ES256');
    expect(await claimsOf(await jwt(privateKey as CryptoKey))).toContain('cannot be trusted');
    expect(await claimsOf(await jwt(scripted.private_key as CryptoKey, 'mallory'))).toContain('cannot be trusted');
  });

  it.each([401, 403, 404])('that answers %i is left out: the ID token is enough', async (status) => {
    expect(await claimsOf({ status, text: '{}' })).not.toContain('cannot be trusted');
    const headers = { 'www-authenticate': 'Bearer error="insufficient_scope"' };
    expect(await claimsOf({ status, text: '', headers })).not.toContain('cannot be trusted');
  });

  it.each([400, 302])('that answers %i is an error', async (status) => {
    expect(await claimsOf({ status, text: '{}' })).toContain('cannot be trusted');
  });
});

it('a second factor of this server follows on the page that the person comes back to', async () => {
  const { url, browser } = await leave('strict');
  // What that server says of its own second factor is not ours.
  scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(url), amr: ['pwd', 'mfa'] })));
  const setup = await browser.get(await backFrom(url));
  expect(setup.headers.getSetCookie().join()).not.toContain('session');
  const html = await setup.text();
  const secret = /[A-Z2-7]{32}/.exec(html)?.[0] ?? '';
  const code = TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: here.clock().getTime() });
  const arrived = await browser.submit('', html, { code });
  expect(arrived.status).toBe(303);
  expect(new URL(arrived.headers.get('location') ?? '').searchParams.get('state')).toBe('of the app');
  expect(await userOf(codeIn(arrived.headers.get('location')))).toMatchObject({ name: 'Eve' });
});

describe('a server that knows OAuth alone', () => {
  const answers = (user: object) => ({ '/token': { access_token: 'a', token_type: 'bearer' }, '/user': user as Record<string, unknown> });

  it('tells by its userinfo who somebody is', async () => {
    scripted.say(answers({ id: 4711, login: 'octo', name: null, email: 'ada@example.com' }));
    const { url, browser } = await leave('hub');
    expect(url).not.toContain('nonce=');
    const arrived = await browser.get(await backFrom(url, { iss: undefined }));
    expect(await userOf(codeIn((await browser.agree(arrived)).headers.get('location')))).toMatchObject({ name: 'octo' });
    const [credential] = (await credentials()).filter(({ auth_provider_id }) => auth_provider_id === 'hub');
    expect(credential).toMatchObject({ subject: 'https://github.example/ 4711', data: { sub: '4711', preferred_username: 'octo' } });
    // GitHub's kind takes the secret in the body.
    expect(scripted.asked('/token')[0]!.body).toContain('client_secret=');
    expect(scripted.asked('/user')[0]!.headers).toMatchObject({
      authorization: expect.stringMatching(/^bearer a$/i),
      'user-agent': expect.any(String),
    });
  });

  test.each<[string, object]>([
    ['nobody', { login: 'octo' }],
    ['a list', []],
    ['an error', { status: 401 }],
    ['a number that is not exact', { id: 2 ** 60 }],
  ])('and if that is %s, nobody is logged in', async (_story, user) => {
    scripted.say(answers(user));
    const { url, browser } = await leave('hub');
    expect(await (await browser.get(await backFrom(url, { iss: undefined }))).text()).toContain('cannot be trusted');
  });

  // K9
  it('its iss is looked at where it says one', async () => {
    scripted.say(answers({ id: 1 }));
    const { url, browser } = await leave('hub');
    expect(await (await browser.get(await backFrom(url))).text()).toContain('cannot be trusted');
  });
});

// X32
describe('a server that is down', () => {
  it('is distinguished from a wrong answer, and harms no other provider', async () => {
    const { answer, browser } = await leave('gone');
    const html = await answer.text();
    expect(html).toContain('Gone cannot be reached right now.');
    expect((await browser.submit(pageUrl('gone'), html, {})).status).toBe(200);
    expect((await leave('work')).answer.status).toBe(303);
    expect(await begin('gone')).toMatchObject({ type: 'form', data_schema: [], errors: { base: 'provider_unavailable' } });
    expect(await db.database.kysely.selectFrom('failed_logins').selectAll().execute()).toEqual([]);
  });

  it('while a person is away, lets them try again on the page', async () => {
    const { browser, url } = await leave('scripted');
    scripted.say({ '/token': { status: 503 } });
    const html = await (await browser.get(await backFrom(url))).text();
    expect(html).toContain('cannot be reached right now');
    const again = (await browser.submit('', html, {})).headers.get('location') ?? '';
    expect(new URL(again).searchParams.get('state')).not.toBe(new URL(url).searchParams.get('state'));
    scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(again) })));
    expect((await browser.get(await backFrom(again))).status).toBe(303);
  });

  it('is left alone after five failures, and asked again later', async () => {
    const fail = async (server = here) => {
      const { browser, url } = await leave('scripted', server);
      scripted.say({ '/token': { status: 500 } });
      expect(await (await browser.get(await backFrom(url))).text()).toContain('cannot be reached right now');
      return scripted.asked('/token').length;
    };
    for (const _ of [1, 2, 3, 4, 5]) expect(await fail()).toBe(1);
    expect(await fail()).toBe(0);
    // The other replica finds out for itself.
    expect(await fail(there)).toBe(1);
    here.advance(15);
    expect([await fail(), await fail()]).toEqual([1, 0]);
    here.advance(15);
    const { browser, url } = await leave('scripted');
    scripted.say(tokens(await scripted.idToken({ nonce: nonceOf(url) })));
    expect((await browser.get(await backFrom(url))).status).toBe(303);
  });

  it('is not taken for down because people bring it wrong codes', async () => {
    for (const _ of [1, 2, 3, 4, 5, 6]) {
      const { browser, url } = await leave('scripted');
      expect(await (await browser.get(await backFrom(url))).text()).toContain('cannot be trusted');
      expect(scripted.asked('/token')).not.toHaveLength(0);
      scripted.say();
    }
  });

  test.each<[string, object]>([
    ['another issuer', { issuer: 'https://other.example' }],
    ['a token endpoint that anybody can listen to', { token_endpoint: 'http://op.example/token' }],
    ['a page that is none', { authorization_endpoint: 'javascript:alert(1)' }],
    ['no page', { authorization_endpoint: undefined }],
  ])('or that names %s counts as down', async (_story, differs) => {
    // What was known of it has grown old.
    here.advance(3600);
    scripted.say({ '/.well-known/openid-configuration': { ...scripted.usual('/.well-known/openid-configuration'), ...differs } });
    expect(await (await leave('scripted')).answer.text()).toContain('cannot be reached right now');
    scripted.say();
    expect((await leave('scripted')).answer.status).toBe(303);
  });
});
