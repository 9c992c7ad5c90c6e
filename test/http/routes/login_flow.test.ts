import { beforeAll, describe, expect, it } from 'vitest';
import { perFile } from '../../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer, type TestRequest } from '../../support/fixtures/server.ts';

const server = perFile(() =>
  startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, { type: 'insecure_example', users: [{ username: 'bob', password: 'pw', name: 'Bob' }] }],
      http: { ip_ban_enabled: false },
    },
  }),
);
beforeAll(async () => {
  await server.createOwner();
});

const START = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
const start = (json: unknown = START, request: Partial<TestRequest> = {}) =>
  server.inject({ method: 'POST', url: '/auth/login_flow', json, ...request });

async function answer(json: Record<string, unknown>, request: Partial<TestRequest> = {}) {
  const { flow_id } = (await start()).json();
  return await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: { client_id: CLIENT_ID, ...json }, ...request });
}

describe('a flow', () => {
  it('begins with a form, whatever the Content-Type', async () => {
    for (const type of ['text/plain;charset=UTF-8', 'application/json', 'application/x-www-form-urlencoded']) {
      const begun = await start(START, { headers: { 'content-type': type } });
      expect(begun.statusCode).toBe(200);
      expect(begun.json()).toEqual({
        type: 'form',
        flow_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        handler: ['homeassistant', null],
        step_id: 'init',
        data_schema: [
          { type: 'string', name: 'username', required: true },
          { type: 'string', name: 'password', required: true },
        ],
        errors: {},
        description_placeholders: null,
        last_step: null,
        preview: null,
      });
    }
  });

  it('ends with a code', async () => {
    const ended = await answer({ username: ` ${OWNER.username.toUpperCase()} `, password: OWNER.password });
    expect(ended.statusCode).toBe(200);
    expect(ended.json()).toEqual({
      type: 'create_entry',
      flow_id: expect.any(String),
      handler: ['homeassistant', null],
      description: null,
      description_placeholders: null,
      result: expect.stringMatching(/^lk_ac_/),
    });
  });

  it('shows its form again after a wrong password', async () => {
    const again = await answer({ username: OWNER.username, password: 'wrong' });
    expect([again.statusCode, again.json().errors]).toEqual([200, { base: 'invalid_auth' }]);
  });

  it('may be given up', async () => {
    const { flow_id } = (await start()).json();
    const drop = () => server.inject({ method: 'DELETE', url: `/auth/login_flow/${flow_id}` });
    expect((await drop()).json()).toEqual({ message: 'Flow aborted' });
    const gone = await drop();
    expect([gone.statusCode, gone.json()]).toEqual([404, { message: 'Invalid flow specified' }]);
  });

  it('tells a new person that nobody has let them in yet', async () => {
    const { flow_id } = (await start({ ...START, handler: ['insecure_example', null] })).json();
    const json = { client_id: CLIENT_ID, username: 'bob', password: 'pw' };
    const blocked = await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json });
    expect([blocked.statusCode, blocked.json()]).toEqual([403, { message: 'Login blocked: User is not active' }]);
  });
});

describe('refused at the start', () => {
  it.each<[string, unknown, number, string]>([
    ['a client that is no URL', { ...START, client_id: 'grafana' }, 400, 'Invalid client id'],
    ['an unknown provider', { ...START, handler: ['ldap', null] }, 404, 'Invalid handler specified'],
    ['a key too many', { ...START, foo: 1 }, 400, "Message format incorrect: extra keys not allowed @ data['foo']"],
    ['a key too few', { ...START, client_id: undefined }, 400, "Message format incorrect: required key not provided @ data['client_id']"],
    [
      'a handler of three',
      { ...START, handler: ['a', 'b', 'c'] },
      400,
      "Message format incorrect: not a valid value for dictionary value @ data['handler']",
    ],
    ['null', null, 400, 'Message format incorrect: expected a dictionary'],
    [
      'a method without a challenge',
      { ...START, code_challenge_method: 'S256' },
      400,
      'code_challenge required when code_challenge_method is provided',
    ],
    ['a challenge without a method', { ...START, code_challenge: 'a'.repeat(43) }, 400, 'Transform algorithm not supported'],
    ['plain', { ...START, code_challenge: 'a'.repeat(43), code_challenge_method: 'plain' }, 400, 'Transform algorithm not supported'],
    [
      'a challenge that is one character too long', // W6
      { ...START, code_challenge: 'a'.repeat(44), code_challenge_method: 'S256' },
      400,
      "Message format incorrect: not a valid value for dictionary value @ data['code_challenge']",
    ],
    ['another response type', { ...START, response_type: 'token' }, 400, 'Response type not supported'], // W1
    ['an empty response type', { ...START, response_type: '' }, 400, 'Response type not supported'],
    [
      'a long client_id',
      { ...START, client_id: `https://e.test/${'x'.repeat(2048)}` },
      400,
      "Message format incorrect: not a valid value for dictionary value @ data['client_id']",
    ],
    [
      'a long redirect_uri',
      { ...START, redirect_uri: `${CLIENT_ID}${'x'.repeat(2048)}` },
      400,
      "Message format incorrect: not a valid value for dictionary value @ data['redirect_uri']",
    ],
    ['a public address', { ...START, client_id: 'http://8.8.8.8:8123/' }, 400, 'Invalid client id'], // W4
    [
      'a short challenge',
      { ...START, code_challenge: 'short', code_challenge_method: 'S256' },
      400,
      "Message format incorrect: not a valid value for dictionary value @ data['code_challenge']",
    ],
  ])('%s', async (_story, json, status, message) => {
    const refused = await start(json);
    expect([refused.statusCode, refused.json()]).toEqual([status, { message }]);
  });

  // H17
  it('a page of another site, whatever it calls its body', async () => {
    const headers = { 'content-type': 'text/plain', origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    const refused = await start(START, { headers });
    expect([refused.statusCode, refused.headers['set-cookie']]).toEqual([403, undefined]);
  });
});

// W1
describe("Home Assistant's own page", () => {
  // Recorded from its front-end 20261125.1; JSON.stringify leaves out what the app did not send.
  const PAGE = { 'content-type': 'text/plain;charset=UTF-8', origin: 'https://auth.example.com', 'sec-fetch-site': 'same-origin' };
  const ORIGIN = { client_id: CLIENT_ID, handler: ['homeassistant', null], redirect_uri: REDIRECT_URI };
  const PKCE = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' };
  it.each<[string, object]>([
    ['an app that sends response_type', { ...ORIGIN, response_type: 'code' }],
    ['an app that sends none', ORIGIN],
    ['an app with a challenge', { ...ORIGIN, ...PKCE, response_type: 'code' }],
    ['a caller from before', { ...ORIGIN, type: 'authorize' }],
  ])('logs in for %s', async (_story, json) => {
    const begun = await start(json, { headers: PAGE });
    expect([begun.statusCode, begun.json().type]).toEqual([200, 'form']);
    const step = { username: OWNER.username, password: OWNER.password, client_id: CLIENT_ID };
    const url = `/auth/login_flow/${begun.json().flow_id}`;
    const ended = await server.inject({ method: 'POST', url, json: step, headers: PAGE });
    expect([ended.statusCode, ended.json().type]).toEqual([200, 'create_entry']);
  });

  it('gives a flow up without a body', async () => {
    const { flow_id } = (await start(ORIGIN, { headers: PAGE })).json();
    const { 'content-type': _, ...headers } = PAGE;
    expect((await server.inject({ method: 'DELETE', url: `/auth/login_flow/${flow_id}`, headers })).statusCode).toBe(200);
  });
});

describe('answers in parallel', () => {
  it('to one flow: one is looked at, the others are 409 and change nothing', async () => {
    const { flow_id } = (await start()).json();
    const json = { client_id: CLIENT_ID, username: OWNER.username, password: OWNER.password };
    const send = () => server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json });
    const answers = await Promise.all([send(), send(), send()]);
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 409, 409]);
    const refused = answers.find(({ statusCode }) => statusCode === 409);
    expect(refused?.json()).toEqual({ message: 'Flow request already in progress' });
    expect((await send()).json()).toEqual({ message: 'Invalid flow specified' });
  });
});

describe('at the end', () => {
  it('the redirect URI is judged before the user', async () => {
    const begun = await start({ ...START, redirect_uri: 'https://evil.example/', handler: ['insecure_example', null] });
    const json = { client_id: CLIENT_ID, username: 'bob', password: 'pw' };
    const refused = await server.inject({ method: 'POST', url: `/auth/login_flow/${begun.json().flow_id}`, json });
    expect([refused.statusCode, refused.json()]).toEqual([403, { message: 'Invalid redirect URI' }]);
  });
});

describe('refused on the way', () => {
  // H26
  it.each<[string, Record<string, unknown>]>([
    ['a list', { username: ['a'], password: 'b' }],
    ['an object', { username: { a: 1 }, password: 'b' }],
    ['a number', { username: 1, password: 'b' }],
    ['null', { username: null, password: 'b' }],
    ['nothing', {}],
    ['a key too many', { username: 'a', password: 'b', is_owner: true }],
  ])('%s as a name', async (_story, json) => {
    const refused = await answer(json);
    expect([refused.statusCode, refused.json()]).toEqual([400, { message: 'User input malformed' }]);
  });

  it('__proto__ as a key', async () => {
    const { flow_id } = (await start()).json();
    const payload = `{"client_id":"${CLIENT_ID}","__proto__":{"username":"a"}}`;
    const refused = await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, payload });
    expect([refused.statusCode, refused.json()]).toEqual([400, { message: 'Invalid JSON.' }]);
  });

  it('another address', async () => {
    const refused = await answer({ username: 'a', password: 'b' }, { remote_address: '203.0.113.8' });
    expect([refused.statusCode, refused.json()]).toEqual([400, { message: 'IP address changed' }]);
  });

  // H15
  it('looking at flows', async () => {
    const { flow_id } = (await start()).json();
    expect((await server.inject({ url: '/auth/login_flow' })).statusCode).toBe(405);
    for (const id of [flow_id, '0'.repeat(32), '%00', 'x'.repeat(200)]) {
      expect([id, (await server.inject({ url: `/auth/login_flow/${id}` })).statusCode]).toEqual([id, 404]);
    }
    const json = { client_id: CLIENT_ID, username: 'a', password: 'b' };
    for (const id of ['0'.repeat(32), '%00', 'x']) {
      const refused = await server.inject({ method: 'POST', url: `/auth/login_flow/${id}`, json });
      expect([refused.statusCode, refused.json()]).toEqual([404, { message: 'Invalid flow specified' }]);
    }
  });
});
