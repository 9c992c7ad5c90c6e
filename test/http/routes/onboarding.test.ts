import { afterEach, describe, expect, it } from 'vitest';
import { CLIENT_ID, OWNER, startServer, type TestRequest, type TestServer } from '../../support/fixtures/server.ts';

const OWNER_BODY = { ...OWNER, client_id: CLIENT_ID, language: 'en' };
const AT_THE_MACHINE = { remote_address: '127.0.0.1', headers: { host: 'localhost:8420' } };
const withToken = () => ({ headers: { 'x-setup-token': server.container.onboarding.setupToken() } });

let server: TestServer;
afterEach(() => server.close());

const make = (request: Partial<TestRequest> = {}) =>
  server.inject({ method: 'POST', url: '/api/onboarding/users', json: OWNER_BODY, ...request });

describe('the first owner', () => {
  it('is created by anyone who sends the setup token, and the code is exchanged for tokens', async () => {
    server = await startServer();
    expect((await server.inject({ url: '/api/onboarding' })).json()).toEqual([{ step: 'user', done: false }]);
    const answer = await make(withToken());
    expect([answer.statusCode, Object.keys(answer.json())]).toEqual([200, ['auth_code']]);
    const { access_token } = await server.redeem(answer.json().auth_code);
    expect((await server.inject({ url: '/api/me', token: access_token })).json()).toMatchObject({ name: OWNER.name, is_owner: true });
    expect((await server.inject({ url: '/api/onboarding' })).json()).toEqual([{ step: 'user', done: true }]);
    const again = await make(withToken());
    expect([again.statusCode, again.json()]).toEqual([403, { message: 'User step already done' }]);
  });

  it('is made once, however many try in parallel', async () => {
    server = await startServer();
    const answers = await Promise.all([1, 2, 3, 4].map((n) => make({ ...withToken(), json: { ...OWNER_BODY, username: `ada${n}` } })));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 403, 403, 403]);
  });

  // U9
  it('is called by the folded name, whatever the case they typed it in', async () => {
    server = await startServer();
    const answer = await make({ ...withToken(), json: { ...OWNER_BODY, username: 'Pa\u0308ula ' } });
    expect(answer.statusCode).toBe(200);
    const { access_token: token } = await server.redeem(answer.json().auth_code);
    expect((await server.inject({ url: '/api/me', token })).json()).toMatchObject({ username: 'p\u00e4ula' });
    expect(await server.login({ username: 'P\u00c4ULA', password: OWNER.password })).toBeTypeOf('string');
  });

  // U1
  it('may have an e-mail address, which is verified', async () => {
    server = await startServer();
    const answer = await make({ ...withToken(), json: { ...OWNER_BODY, email: 'ada@example.com' } });
    const { access_token: token } = await server.redeem(answer.json().auth_code);
    const me = (await server.inject({ url: '/api/me', token })).json();
    expect(me).toMatchObject({ username: OWNER.username, email: 'ada@example.com', email_verified: true });
  });

  // S2
  it('is refused without the token, wherever the request seems to come from', async () => {
    server = await startServer({ config: { http: { trusted_proxies: ['127.0.0.1', '172.17.0.0/16'] } } });
    const strangers: [string, Partial<TestRequest>][] = [
      ['another address', {}],
      ['the machine itself', AT_THE_MACHINE],
      ['the machine itself, over IPv6', { ...AT_THE_MACHINE, remote_address: '::1' }],
      ['a private address', { remote_address: '192.168.1.5', headers: { host: 'localhost' } }],
      ['a trusted proxy', { ...AT_THE_MACHINE, headers: { host: 'localhost', 'x-forwarded-for': '127.0.0.1' } }],
      ['a wrong token', { headers: { 'x-setup-token': 'lk_st_wrong' } }],
      ['a wrong token at the machine', { ...AT_THE_MACHINE, headers: { host: 'localhost', 'x-setup-token': 'x' } }],
      ['an empty token at the machine', { ...AT_THE_MACHINE, headers: { host: 'localhost', 'x-setup-token': '' } }],
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
      const answer = await make({ ...withToken(), json });
      expect([answer.statusCode, answer.json()]).toEqual([400, { message }]);
    }
    for (const json of [
      { ...OWNER_BODY, username: ' ' },
      { ...OWNER_BODY, email: 'ada' },
      { ...OWNER_BODY, password: 'short' },
      { ...OWNER_BODY, name: ' ' },
    ]) {
      expect((await make({ ...withToken(), json })).statusCode).toBe(400);
    }
    expect((await make({ ...withToken(), json: undefined, payload: '' })).json()).toEqual({ message: 'Invalid JSON.' });
    expect((await make(withToken())).statusCode).toBe(200);
  });
});
