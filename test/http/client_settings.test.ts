// Bad settings of a client in every interface: the configuration, the API, the command line,
// dynamic registration and metadata documents. Each is refused with the name of its field, and
// nothing is changed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuthError } from '../../src/domain/errors.ts';
import { readDocument } from '../../src/oauth/client_metadata_document.ts';
import { type Cli, createCli } from '../cli/support.ts';
import { complaints } from '../config/support.ts';
import { type Call, callerWith } from '../support/fixtures/api.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';

const REDIRECT = 'https://app.example.com/cb';
const INITIAL = 'an-initial-access-token';
const DOCUMENT = 'https://app.example.com/client.json';
const GOOD = { redirect_uris: [REDIRECT] };
const RULES = { allow_http_redirect_uris: false, allow_private_addresses: false, scopes: ['openid'] };

let server: TestServer;
let cli: Cli;
let owner: Call;
let registered: { client_id: string; registration_access_token: string };

beforeAll(async () => {
  server = await startServer({
    config: { registration: { enabled: true, initial_access_token: INITIAL }, http: { login_attempts_threshold: -1 } },
  });
  cli = await createCli();
  owner = callerWith(server, (await server.ownerTokens()).access_token);
  await owner('POST', '/api/clients', { client_id: 'app', ...GOOD });
  await cli.run(['migrate']);
  await cli.run(['client', 'add', 'App', '--redirect-uri', REDIRECT]);
  registered = (await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json: GOOD })).json();
});
afterAll(async () => {
  await cli.close();
  await server.close();
});

/**
 * The refusal; null if the settings are accepted. `words`: the settings as options of a command.
 */
type Interface = (metadata: Record<string, unknown>, words: string[]) => Promise<string | null>;

const ofApi = async (answer: ReturnType<Call>): Promise<string | null> => {
  const { statusCode, body } = await answer;
  return statusCode < 300 ? null : `${statusCode} ${JSON.parse(body).message}`;
};
const ofCli = async (words: string[]): Promise<string | null> => {
  const { code, err } = await cli.run(words);
  return code === 0 ? null : err;
};
const register = async (method: 'POST' | 'PUT', url: string, token: string, json: object): Promise<string | null> => {
  const { statusCode, body } = await server.inject({ method, url, token, json });
  return statusCode < 300 ? null : `${statusCode} ${JSON.parse(body).error_description}`;
};

const OPERATORS: Record<string, Interface> = {
  configuration: async (metadata) =>
    (await complaints(JSON.stringify({ clients: [{ client_id: 'a', ...GOOD, ...metadata }] }))).join('\n') || null,
  'POST /api/clients': (metadata) => ofApi(owner('POST', '/api/clients', { client_id: 'new', ...GOOD, ...metadata })),
  'PATCH /api/clients': (metadata) => ofApi(owner('PATCH', '/api/clients/app', metadata)),
  'client add': (_, words) => ofCli(['client', 'add', 'New', '--redirect-uri', REDIRECT, ...words]),
  'client update': (_, words) => ofCli(['client', 'update', 'app', ...words]),
};
const CLIENTS: Record<string, Interface> = {
  'POST /auth/register': (metadata) => register('POST', '/auth/register', INITIAL, { ...GOOD, ...metadata }),
  'PUT /auth/register': (metadata) =>
    register('PUT', `/auth/register/${registered.client_id}`, registered.registration_access_token, {
      client_id: registered.client_id,
      ...GOOD,
      ...metadata,
    }),
  'metadata document': async (metadata) => {
    try {
      readDocument(DOCUMENT, { client_id: DOCUMENT, ...GOOD, ...metadata }, RULES);
      return null;
    } catch (error) {
      if (error instanceof AuthError) return error.detail ?? '';
      throw error;
    }
  },
};

/**
 * A field, a bad value, and the same on the command line; without words it cannot be said there.
 */
type Bad = [field: string, value: unknown, words?: string[]];

const WRONG: Bad[] = [
  ...['id_token_signed_response_alg', 'access_token_signed_response_alg', 'userinfo_signed_response_alg'].flatMap((field): Bad[] => {
    const option = `--${field.replaceAll('_', '-')}`;
    return [
      ...['none', 'HS256', 'rs256', 'ES512', ''].map((alg): Bad => [field, alg, [option, alg]]),
      ...[256, true, ['RS256'], { alg: 'RS256' }].map((value): Bad => [field, value]),
    ];
  }),
  ...['token', 'code token', 'none', 'CODE', ''].map((type): Bad => ['response_types', [type], ['--response-type', type]]),
  ...['id_token', [], [1], {}].map((value): Bad => ['response_types', value]),
  ['require_pkce', 'no'],
  ['require_pkce', 0],
  ['id_token_claims', 'yes'],
  ['refuse_unknown_scopes', 'yes'],
  ['refuse_unknown_scopes', 1],
  ...['yes', 1, [true], {}].map((value): Bad => ['require_auth_time', value]),
  ...[true, [], {}, 1.5, 0.1].map((value): Bad => ['default_max_age', value]),
  ...[-1, 3651 * 86_400, '1 hour', '12', ''].map((value): Bad => ['default_max_age', value, ['--default-max-age', String(value)]]),
  ...[
    'role',
    5,
    true,
    ['role'],
    { role: 'admin' },
    { role: null },
    { role: {} },
    { role: { value: null } },
    { role: { value: 'a', groups: { 'system-users': 'b' } } },
    { role: { value: 'a', default: 'b' } },
    { role: { groups: 'system-users' } },
    { role: { groups: { 'system-users': null } } },
    { role: { groups: { nobodies: 'x' } } },
    { '': { value: 'x' } },
    { 'two words': { value: 'x' } },
    { _claim_names: { value: 'x' } },
    { ['a'.repeat(129)]: { value: 'x' } },
    { role: { value: 'x'.repeat(4096) } },
    Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`claim${index}`, { value: 1 }])),
    ...['iss', 'sub', 'aud', 'exp', 'acr', 'amr', 'nonce', 'sid', 'email', 'groups', 'name', 'client_id', 'scope'].map((name) => ({
      [name]: { value: 'x' },
    })),
  ].map((claims): Bad => ['claims', claims, ['--claims', JSON.stringify(claims)]]),
  ...['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'].flatMap((field): Bad[] => {
    const option = `--${field.replaceAll('_', '-')}`;
    const urls = [
      'https://user@app.example.com/',
      'https://app.example.com:99999/',
      'javascript:alert(1)',
      'data:image/svg+xml,x',
      'ftp://app.example.com/',
      '//app.example.com/',
      'app',
      '',
      'https://',
      `https://a.example/${'a'.repeat(2048)}`,
    ];
    return [...urls.map((url): Bad => [field, url, [option, url]]), [field, 5], [field, [REDIRECT]]];
  }),
];

/** What nobody but an operator may say, with good values. */
const RESERVED: Bad[] = [
  ['require_pkce', false],
  ['id_token_claims', true],
  ['refuse_unknown_scopes', true],
  ['response_types', ['id_token']],
  ['response_types', ['code', 'code id_token']],
  ['access_token_signed_response_alg', 'RS256'],
  ['claims', { role: { value: 'admin' } }],
];

/** Combinations that make no sense. */
const NONSENSE: [field: string, metadata: Record<string, unknown>, words: string[]][] = [
  ['require_pkce', { token_endpoint_auth_method: 'none', require_pkce: false }, ['--public', '--no-pkce']],
  ['response_types', { response_types: ['code', 'code'] }, ['--response-type', 'code', '--response-type', 'code']],
  ['response_types', { response_types: ['id_token'], scope: 'profile' }, ['--response-type', 'id_token', '--scope', 'profile']],
  [
    'response_types',
    { response_types: ['id_token'], response_modes: ['query'] },
    ['--response-type', 'id_token', '--response-mode', 'query'],
  ],
  [
    'response_types',
    { response_types: ['id_token'], grant_types: ['refresh_token'] },
    ['--response-type', 'id_token', '--grant-type', 'refresh_token'],
  ],
  [
    'response_types',
    { profile: 'fapi2', jwks_uri: 'https://app.example.com/jwks', response_types: ['code', 'code id_token'] },
    ['--profile', 'fapi2', '--jwks-uri', 'https://app.example.com/jwks', '--response-type', 'code', '--response-type', 'code id_token'],
  ],
  [
    'backchannel_logout_uri',
    { response_types: ['id_token'], backchannel_logout_uri: 'https://app.example.com/out' },
    ['--response-type', 'id_token', '--backchannel-logout-uri', 'https://app.example.com/out'],
  ],
  ...(['id_token', 'access_token', 'userinfo'] as const).map((of): [string, Record<string, unknown>, string[]] => [
    `${of}_signed_response_alg`,
    { profile: 'fapi2', jwks_uri: 'https://app.example.com/jwks', [`${of}_signed_response_alg`]: 'RS256' },
    ['--profile', 'fapi2', '--jwks-uri', 'https://app.example.com/jwks', `--${of.replace('_', '-')}-signed-response-alg`, 'RS256'],
  ]),
];

const text = (value: unknown) => JSON.stringify(value).slice(0, 60);
const all = { ...OPERATORS, ...CLIENTS };

describe.each(Object.keys(all))('%s', (name) => {
  const send = all[name]!;
  const by_words = name.startsWith('client ');

  it.each(WRONG.filter(([, , words]) => !by_words || words).map(([field, value, words]) => [field, text(value), value, words] as const))(
    'refuses %s %s',
    async (field, _text, value, words = []) => {
      expect(await send({ [field]: value }, words)).toContain(field);
    },
  );
});

describe.each(Object.keys(OPERATORS))('%s', (name) => {
  it.each(NONSENSE)('refuses %s where it makes no sense', async (field, metadata, words) => {
    expect(await all[name]!(metadata, words)).toContain(field);
  });
});

describe.each(Object.keys(CLIENTS))('%s', (name) => {
  it.each(RESERVED)('leaves %s to the operator', async (field, value) => {
    expect(await all[name]!({ [field]: value }, [])).toContain(field);
  });
});

it('a metadata document cannot ask for signed userinfo', async () => {
  expect(await all['metadata document']!({ userinfo_signed_response_alg: 'RS256' }, [])).toContain('userinfo_signed_response_alg');
});

it('nothing was changed or added', async () => {
  const { items } = (await owner('GET', '/api/clients')).json();
  expect(items.map(({ client_id }: { client_id: string }) => client_id).sort()).toEqual(['app', registered.client_id].sort());
  expect(
    items.every(({ require_pkce, id_token_claims }: Record<string, unknown>) => require_pkce === true && id_token_claims === false),
  ).toBe(true);
  expect(await cli.list('client', 'list')).toMatchObject([{ client_id: 'app', require_pkce: true, profile: null }]);
});
