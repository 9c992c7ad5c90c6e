// RFC 6749 sections 3.1 and 3.2: a parameter without a value is as if it were left out, at every
// endpoint of the standard profile.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseUrlencoded } from '../../../src/http/server/form_body.ts';
import { createAuthorizationCodeRepository } from '../../../src/repository/authorization_codes.ts';
import { loginOf } from '../../support/fixtures/grants.ts';
import { createReleasedCodes } from '../../support/fixtures/released_codes.ts';
import { CLIENT_ID, startServer, type TestServer } from '../../support/fixtures/server.ts';
import { CHALLENGE, VERIFIER } from '../../support/fixtures/standard_grants.ts';

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const CALLBACK = 'https://web.example.com/cb';
const SECRET = 'the secret of the web app';
const BASIC = { authorization: `Basic ${Buffer.from(`web:${SECRET}`).toString('base64')}` };
const REQUEST = {
  client_id: 'web',
  redirect_uri: CALLBACK,
  response_type: 'code',
  scope: 'openid',
  code_challenge: CHALLENGE,
  code_challenge_method: 'S256',
};

let server: TestServer;

beforeAll(async () => {
  const grant_types = ['authorization_code', 'refresh_token', 'client_credentials', DEVICE];
  const web = { client_id: 'web', client_secret: SECRET, redirect_uris: [CALLBACK], grant_types, trusted: true };
  server = await startServer({ config: { clients: [web], http: { ip_ban_enabled: false } } });
  await server.createOwner();
});
afterAll(() => server.close());

async function newCode(): Promise<string> {
  const { database, clock } = server.container;
  const codes = createReleasedCodes({ authorizationCodes: createAuthorizationCodeRepository(database), clock, lifetime: 60 });
  const owner = await database.kysely.selectFrom('users').selectAll().where('is_owner', '=', true).executeTakeFirstOrThrow();
  const standard = { scope: ['openid'], resource: [], nonce: null, claims: null, sid: null, dpop_jkt: null };
  return codes.issue(await loginOf(database, owner, { client_id: 'web', code_challenge: CHALLENGE, auth_time: clock(), standard }));
}

async function post(url: string, fields: [string, string][], headers: Record<string, string> = BASIC) {
  return await server.inject({
    method: 'POST',
    url,
    payload: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });
}

async function newTokens() {
  const fields = { grant_type: 'authorization_code', code: await newCode(), code_verifier: VERIFIER };
  return (await post('/auth/token', Object.entries(fields))).json() as { access_token: string; refresh_token: string };
}

const CREDENTIALS = ['client_id', 'client_secret', 'client_assertion', 'client_assertion_type'];

// W8
describe.each<[string, string, () => Promise<Record<string, string>>, string[]]>([
  [
    'the code grant',
    '/auth/token',
    async () => ({ grant_type: 'authorization_code', code: await newCode(), code_verifier: VERIFIER }),
    [...CREDENTIALS, 'redirect_uri', 'scope', 'resource', 'action'],
  ],
  [
    'the refresh grant',
    '/auth/token',
    async () => ({ grant_type: 'refresh_token', refresh_token: (await newTokens()).refresh_token }),
    [...CREDENTIALS, 'scope', 'resource', 'code'],
  ],
  ['client credentials', '/auth/token', async () => ({ grant_type: 'client_credentials' }), [...CREDENTIALS, 'scope', 'resource']],
  [
    'introspection',
    '/auth/introspect',
    async () => ({ token: (await newTokens()).access_token }),
    [...CREDENTIALS, 'token_type_hint', 'resource'],
  ],
  ['revocation', '/auth/revoke', async () => ({ token: (await newTokens()).refresh_token }), [...CREDENTIALS, 'token_type_hint']],
  ['device authorization', '/auth/device_authorization', async () => ({}), [...CREDENTIALS, 'scope', 'resource', 'max_age', 'acr_values']],
  [
    'a pushed request',
    '/auth/par',
    async () => REQUEST,
    [
      ...[
        'client_secret',
        'client_assertion',
        'client_assertion_type',
        'request_uri',
        'request',
        'resource',
        'prompt',
        'max_age',
        'claims',
      ],
      ...['state', 'nonce', 'response_mode', 'acr_values', 'id_token_hint', 'login_hint', 'dpop_jkt', 'ui_locales'],
    ],
  ],
])('%s', (_name, url, form, names) => {
  it('is answered alike with every other parameter there and empty', async () => {
    const without = await post(url, Object.entries(await form()));
    expect([without.statusCode, without.body]).toEqual([expect.any(Number), expect.not.stringContaining('error')]);
    expect(without.statusCode).toBeLessThan(300);
    const of_all = await post(url, [...Object.entries(await form()), ...names.map((name): [string, string] => [name, ''])]);
    expect([of_all.statusCode, of_all.body]).toEqual([without.statusCode, expect.not.stringContaining('error')]);
    for (const name of names) {
      const answer = await post(url, [[name, ''], ...Object.entries(await form())]);
      expect([name, answer.statusCode, keysOf(answer.body)]).toEqual([name, without.statusCode, keysOf(without.body)]);
    }
  });

  it('is refused when a parameter comes twice, the second or the first time without a value', async () => {
    const fields = Object.entries({ scope: 'openid', ...(await form()) });
    for (const extra of [
      [
        ['token_type_hint', ''],
        ['token_type_hint', ''],
      ],
      [
        ['state', ''],
        ['state', 'x'],
      ],
    ] as [string, string][][]) {
      const answer = await post(url, [...fields, ...extra]);
      expect([answer.statusCode, answer.json()]).toEqual([400, expect.objectContaining({ error: 'invalid_request' })]);
    }
  });
});

function keysOf(body: string): string[] {
  return body === '' ? [] : Object.keys(JSON.parse(body)).sort();
}

// W8
it('a parameter that is required and empty is reported as missing', async () => {
  const missing = async (url: string, fields: [string, string][]) => (await post(url, fields)).json();
  expect(await missing('/auth/token', [['grant_type', '']])).toEqual({
    error: 'invalid_request',
    error_description: 'grant_type is missing',
  });
  expect(await missing('/auth/introspect', [['token', '']])).toMatchObject({ error_description: 'token is missing' });
});

// W8
it('an empty parameter at the authorization endpoint is as if left out, and still a sign of the standard profile', async () => {
  const open = (more: Record<string, string>) =>
    server.inject({ url: `/auth/authorize?${new URLSearchParams({ ...REQUEST, prompt: 'none', ...more })}` });
  const location = async (more: Record<string, string>) => (await open(more)).headers.location;
  const told = await location({});
  expect(told).toMatch(/[?&]error=login_required/);
  for (const name of [
    'state',
    'nonce',
    'response_mode',
    'request',
    'request_uri',
    'resource',
    'claims',
    'max_age',
    'acr_values',
    'dpop_jkt',
  ])
    expect([name, await location({ [name]: '' })]).toEqual([name, told]);
  const of_url_client = { client_id: CLIENT_ID, redirect_uri: `${CLIENT_ID}cb`, scope: '' };
  // Home Assistant's dialect asks for no challenge.
  const { code_challenge: _, ...without } = REQUEST;
  const standard = await server.inject({ url: `/auth/authorize?${new URLSearchParams({ ...without, ...of_url_client })}` });
  expect(standard.body + standard.headers.location).toMatch(/code_challenge|refused/);
});

// W8
it('an empty field stays for the pages, and in the dialect of Home Assistant', async () => {
  expect(parseUrlencoded('a=&b=1').form).toEqual(new Map(Object.entries({ a: '', b: '1' })));
  const answer = await post('/auth/token', Object.entries({ grant_type: 'refresh_token', refresh_token: 'x', client_id: '' }), {});
  expect([answer.statusCode, answer.json()]).toEqual([400, { error: 'invalid_request', error_description: 'Invalid client id' }]);
});
