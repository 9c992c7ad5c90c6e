import { afterEach, describe, expect, it } from 'vitest';
import { CLIENT_ID, OWNER, startServer, type TestRequest, type TestServer } from '../../support/server.ts';

const OWNER_BODY = { ...OWNER, client_id: CLIENT_ID, language: 'en' };
const AT_THE_MACHINE = { remote_address: '127.0.0.1', headers: { host: 'localhost:8420' } };

let server: TestServer;
afterEach(() => server.close());

const make = (request: Partial<TestRequest> = {}) =>
  server.inject({ method: 'POST', url: '/api/onboarding/users', json: OWNER_BODY, ...request });

describe('the first owner', () => {
  it('is made at the machine, and the code buys tokens', async () => {
    server = await startServer();
    expect((await server.inject({ url: '/api/onboarding' })).json()).toEqual([{ step: 'user', done: false }]);
    const answer = await make(AT_THE_MACHINE);
    expect([answer.statusCode, Object.keys(answer.json())]).toEqual([200, ['auth_code']]);
    const { access_token } = await server.redeem(answer.json().auth_code);
    expect((await server.inject({ url: '/api/me', token: access_token })).json()).toMatchObject({ name: OWNER.name, is_owner: true });
    expect((await server.inject({ url: '/api/onboarding' })).json()).toEqual([{ step: 'user', done: true }]);
    const again = await make(AT_THE_MACHINE);
    expect([again.statusCode, again.json()]).toEqual([403, { message: 'User step already done' }]);
  });

  it('is made from anywhere by whoever holds the setup token', async () => {
    server = await startServer();
    const answer = await make({ headers: { 'x-setup-token': server.parts.onboarding.setupToken() } });
    expect(answer.statusCode).toBe(200);
  });

  it('is made once, however many try at the same time', async () => {
    server = await startServer();
    const answers = await Promise.all([1, 2, 3, 4].map((n) => make({ ...AT_THE_MACHINE, json: { ...OWNER_BODY, username: `ada${n}` } })));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 403, 403, 403]);
  });

  it('is refused to everybody else, and nothing is made', async () => {
    server = await startServer({ config: { http: { trusted_proxies: ['127.0.0.1', '172.17.0.0/16'] } } });
    const strangers: [string, Partial<TestRequest>][] = [
      ['another address', {}],
      ['a private address', { remote_address: '192.168.1.5', headers: { host: 'localhost' } }],
      ['a wrong token', { headers: { 'x-setup-token': 'lk_st_wrong' } }],
      ['a wrong token at the machine', { ...AT_THE_MACHINE, headers: { host: 'localhost', 'x-setup-token': 'x' } }],
      ['a proxy at the machine', { ...AT_THE_MACHINE, headers: { host: 'localhost', 'x-forwarded-for': '127.0.0.1' } }],
      ['a proxy that tells its client', { ...AT_THE_MACHINE, headers: { host: 'localhost', 'x-forwarded-for': '203.0.113.9' } }],
      ['a proxy with Forwarded', { ...AT_THE_MACHINE, headers: { host: 'localhost', forwarded: 'for=1.2.3.4' } }],
      ['a proxy with X-Real-IP', { ...AT_THE_MACHINE, headers: { host: 'localhost', 'x-real-ip': '1.2.3.4' } }],
      ['a proxy with Via', { ...AT_THE_MACHINE, headers: { host: 'localhost', via: '1.1 vegur' } }],
      ['a tunnel', { ...AT_THE_MACHINE, headers: { host: 'localhost', 'cf-connecting-ip': '1.2.3.4' } }],
      ['a bent name', { ...AT_THE_MACHINE, headers: { host: 'evil.example' } }],
      ['a name that only begins like ours', { ...AT_THE_MACHINE, headers: { host: 'localhost.evil.example' } }],
      ['a page of another origin', { ...AT_THE_MACHINE, headers: { host: 'localhost:8420', origin: 'http://localhost:3000' } }],
      ['a sandboxed page', { ...AT_THE_MACHINE, headers: { host: 'localhost:8420', origin: 'null' } }],
      ['a cross-site page', { ...AT_THE_MACHINE, headers: { host: 'localhost:8420', 'sec-fetch-site': 'cross-site' } }],
    ];
    for (const [story, request] of strangers) expect([story, (await make(request)).statusCode]).toEqual([story, 403]);
    expect((await server.inject({ url: '/api/onboarding' })).json()).toEqual([{ step: 'user', done: false }]);
  });

  it('is not made from a body that does not fit', async () => {
    server = await startServer();
    const { username: _, ...nameless } = OWNER_BODY;
    const bodies: [unknown, string][] = [
      [nameless, "Message format incorrect: required key not provided @ data['username']"],
      [{ ...OWNER_BODY, is_admin: true }, "Message format incorrect: extra keys not allowed @ data['is_admin']"],
      [{ ...OWNER_BODY, username: ['a'] }, "Message format incorrect: expected str for dictionary value @ data['username']"],
    ];
    for (const [json, message] of bodies) {
      const answer = await make({ ...AT_THE_MACHINE, json });
      expect([answer.statusCode, answer.json()]).toEqual([400, { message }]);
    }
    for (const json of [
      { ...OWNER_BODY, username: 'Ada ' },
      { ...OWNER_BODY, password: 'short' },
      { ...OWNER_BODY, name: ' ' },
    ]) {
      expect((await make({ ...AT_THE_MACHINE, json })).statusCode).toBe(400);
    }
    expect((await make({ ...AT_THE_MACHINE, json: undefined, payload: '' })).json()).toEqual({ message: 'Invalid JSON.' });
    expect((await make(AT_THE_MACHINE)).statusCode).toBe(200);
  });
});
