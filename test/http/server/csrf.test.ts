import type { FastifyPluginAsync } from 'fastify';
import { describe, expect, it } from 'vitest';
import { formBody } from '../../../src/http/server/body.ts';
import { createCookies } from '../../../src/http/server/cookies.ts';
import { createCsrf } from '../../../src/http/server/csrf.ts';
import { sameOriginHook } from '../../../src/http/server/same_origin.ts';
import { createBareServer } from '../../support/fakes/bare_server.ts';

function pages(public_url: string) {
  const cookies = createCookies(public_url);
  const csrf = createCsrf({ cookies, sealer: { subKey: () => Buffer.alloc(32, 7) }, public_url });
  const rules = { public_url, allowed: ['https://app.example'] };
  const routes: FastifyPluginAsync = async (app) => {
    app.get('/page', async (request, reply) => csrf.meet(request, reply).csrf_token);
    app.post('/page', async (request) => csrf.check(request, await formBody(request)).browser_hash.toString('hex'));
    app.get('/bye', async (_request, reply) => {
      cookies.clear(reply, 'session');
      return '';
    });
    app.post('/json', { onRequest: sameOriginHook(rules) }, async () => 'done');
  };
  return createBareServer(routes, { public_url }).app;
}

const https = pages('https://auth.example.com');

describe('a cookie', () => {
  // M1
  it('under https is bound to the host and to https', async () => {
    const cookie = String((await https.inject('/page')).headers['set-cookie']);
    expect(cookie).toMatch(/^__Host-latchkey_login=[\w-]{43,64}; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    expect(cookie.length).toBeLessThan(4096);
  });

  it('under http is the same without prefix and Secure', async () => {
    const answer = await pages('http://localhost:8420').inject('/page');
    expect(answer.headers['set-cookie']).toMatch(/^latchkey_login=[\w-]+; Path=\/; HttpOnly; SameSite=Lax$/);
  });

  // J6
  it('does not ask the proxy what the scheme is', async () => {
    const answer = await https.inject({ url: '/page', headers: { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'evil' } });
    expect(answer.headers['set-cookie']).toMatch(/^__Host-.*Secure; SameSite=Lax$/);
  });

  it('is cleared under the same name', async () => {
    expect((await https.inject('/bye')).headers['set-cookie']).toBe(
      '__Host-latchkey_session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
    );
  });
});

describe('our own form', () => {
  async function visit(app = https) {
    const answer = await app.inject('/page');
    return { cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '', token: answer.body };
  }
  function post(headers: Record<string, string>, token: string, app = https) {
    return app.inject({ method: 'POST', url: '/page', headers, payload: new URLSearchParams({ csrf_token: token }).toString() });
  }

  it('is taken from the browser that got it', async () => {
    const { cookie, token } = await visit();
    for (const origin of ['null', 'https://auth.example.com']) {
      const answer = await post({ cookie, origin, 'sec-fetch-site': 'same-origin' }, token);
      expect([answer.statusCode, answer.body]).toEqual([200, expect.stringMatching(/^[0-9a-f]{64}$/)]);
    }
  });

  it('keeps the cookie that a browser has', async () => {
    const { cookie, token } = await visit();
    const again = await https.inject({ url: '/page', headers: { cookie } });
    expect([again.headers['set-cookie'], again.body]).toEqual([undefined, token]);
  });

  it('is taken in a home network under whatever name the page had', async () => {
    const app = pages('http://localhost:8420');
    const { cookie, token } = await visit(app);
    const answer = await post({ cookie, host: 'homeserver.local:8420', origin: 'http://homeserver.local:8420' }, token, app);
    expect(answer.statusCode).toBe(200);
  });

  // M2
  it.each<[string, (given: { cookie: string; token: string }) => [Record<string, string>, string]]>([
    ['no token', ({ cookie }) => [{ cookie }, '']],
    ['a wrong token', ({ cookie, token }) => [{ cookie }, `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`]],
    ['no cookie', ({ token }) => [{}, token]],
    ['another browser', ({ token }) => [{ cookie: `__Host-latchkey_login=lk_br_${'a'.repeat(43)}` }, token]],
    ['a cross-site page', ({ cookie, token }) => [{ cookie, 'sec-fetch-site': 'cross-site' }, token]],
    ['a sister site', ({ cookie, token }) => [{ cookie, 'sec-fetch-site': 'same-site' }, token]],
    ['a foreign origin', ({ cookie, token }) => [{ cookie, origin: 'https://evil.example' }, token]],
  ])('is refused with %s', async (_story, build) => {
    const [headers, token] = build(await visit());
    expect((await post(headers, token)).statusCode).toBe(403);
  });
});

describe('a JSON call', () => {
  // H17
  it.each<[string, Record<string, string>, number]>([
    ['a program', {}, 200],
    ['our own page', { origin: 'https://auth.example.com', 'sec-fetch-site': 'same-origin' }, 200],
    ['our own page under another name', { origin: 'http://homeserver:8420', host: 'homeserver:8420' }, 200],
    ['an origin that may call us', { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }, 200],
    ['a foreign page', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, 403],
    ['a foreign page in an old browser', { origin: 'https://evil.example' }, 403],
    ['a foreign form that hides its origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }, 403],
    ['a hidden origin in an old browser', { origin: 'null' }, 403],
    ['a foreign page without Origin', { 'sec-fetch-site': 'cross-site' }, 403],
  ])('of %s', async (_story, headers, status) => {
    const answer = await https.inject({
      method: 'POST',
      url: '/json',
      headers: { 'content-type': 'text/plain', ...headers },
      payload: '{}',
    });
    expect([answer.statusCode, answer.headers['set-cookie']]).toEqual([status, undefined]);
  });
});
