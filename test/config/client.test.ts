import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { complaints, load, MFA_MODULE_TYPES, newFolder, PROVIDER_TYPES, write } from './support.ts';

const SECRET = 'sixteen letters!';
const CB = 'https://app.example.com/cb';

test('a client needs little more than its name and where people go', async () => {
  const { clients } = await load(`clients: [{ client_id: app, redirect_uris: ['${CB}'] }]`);
  expect(clients).toEqual([
    {
      client_id: 'app',
      secrets: [],
      client_name: null,
      client_uri: null,
      logo_uri: null,
      policy_uri: null,
      tos_uri: null,
      redirect_uris: [CB],
      post_logout_redirect_uris: [],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      response_modes: ['query', 'fragment', 'form_post'],
      scope: ['openid', 'profile', 'email', 'groups', 'offline_access'],
      resources: [],
      jwks: null,
      jwks_uri: null,
      id_token_signed_response_alg: 'RS256',
      access_token_signed_response_alg: 'ES256',
      userinfo_signed_response_alg: null,
      default_max_age: null,
      require_auth_time: false,
      dpop_bound_access_tokens: false,
      require_pushed_authorization_requests: false,
      require_pkce: true,
      refuse_unknown_scopes: false,
      id_token_claims: false,
      claims: {},
      backchannel_logout_uri: null,
      profile: null,
      trusted: false,
      allowed_group_ids: null,
      access_token_lifetime: null,
      refresh_token_idle_lifetime: null,
      refresh_token_lifetime: null,
    },
  ]);
});

test('how a client proves itself follows from what it has, and its secrets come from files as well', async () => {
  const folder = newFolder();
  write(folder, 'secret', `${SECRET}\n`);
  const { clients } = await load(
    [
      'clients:',
      `  - { client_id: a, redirect_uris: ['${CB}'], client_secret_file: secret, previous_client_secret: ${SECRET.toUpperCase()} }`,
      `  - { client_id: b, redirect_uris: ['${CB}'], jwks_uri: 'https://app.example.com/jwks' }`,
      `  - { client_id: c, grant_types: [client_credentials], client_secret: ${SECRET}, token_endpoint_auth_method: client_secret_post }`,
      `  - { client_id: d, redirect_uris: ['${CB}'], scope: openid lights, access_token_lifetime: 5m, allowed_group_ids: [family] }`,
      `  - { client_id: e, redirect_uris: ['${CB}'], response_modes: [form_post, query] }`,
      'scopes: [{ name: lights, description: { en: Lights, de: Lichter } }]',
      'groups: [{ id: family, name: Family, policy: {} }]',
    ].join('\n'),
    {},
    folder,
  );
  expect(clients.map(({ token_endpoint_auth_method, secrets }) => [token_endpoint_auth_method, secrets])).toEqual([
    ['client_secret_basic', [SECRET, SECRET.toUpperCase()]],
    ['private_key_jwt', []],
    ['client_secret_post', [SECRET]],
    ['none', []],
    ['none', []],
  ]);
  expect(clients[3]).toMatchObject({ scope: ['openid', 'lights'], access_token_lifetime: 300, allowed_group_ids: ['family'] });
  expect(clients[4]).toMatchObject({ response_modes: ['form_post', 'query'] }); // A28
});

test('registration is closed unless it is opened, and asks the owner unless told otherwise', async () => {
  const read = async (yaml: string) => (await load(yaml)).registration;
  const rest = { approve: true, max_per_hour: 20, allow_resources: false };
  expect(await read('')).toEqual({ enabled: false, open: false, ...rest });
  expect(await read('registration: { open: true }')).toEqual({ enabled: false, open: true, ...rest });
  expect(await complaints('registration: { open: yes please, max_per_hour: 0, approve: 1, resources: [] }')).toEqual([
    expect.stringContaining('registration.open'),
    expect.stringContaining('registration.max_per_hour'),
    expect.stringContaining('registration.approve'),
    expect.stringContaining('registration.resources'),
  ]);
  expect(await complaints('registration: { open: true, max_per_hour: 101 }')).toEqual([expect.stringContaining('max_per_hour')]);
});

test('everything that is wrong with clients is reported at once, with its line', async () => {
  expect(
    await complaints(
      [
        'clients:', // 1
        `  - { client_id: a, redirect_uris: ['https://*.example.com/cb', 'http://nas.lan/cb', '${CB}#x'] }`, // A5, A12, A8
        `  - { client_id: a, redirect_uris: ['javascript:alert(1)'] }`, // A10
        `  - { client_id: c, redirect_uris: ['${CB}'], scope: openid lihgts, allowed_group_ids: [famly] }`,
        `  - { client_id: d, redirect_uris: ['${CB}'], client_secret: ${SECRET}, token_endpoint_auth_method: none }`,
        `  - { client_id: e, redirect_uris: ['${CB}'], token_endpoint_auth_method: client_secret_basic }`,
        `  - { client_id: 'https://app.example.com/', redirect_uris: ['${CB}'] }`,
        `  - { client_id: g, redirect_uri: '${CB}', client_secret: short }`,
        '  - { client_id: h }',
        `  - { client_id: i, redirect_uris: ['${CB}'], response_modes: [quary] }`,
        `  - { client_id: j, redirect_uris: ['${CB}'], response_modes: [] }`,
        'scopes: [{ name: openid, description: x }, { name: lights, description: x }, { name: lights, description: x }]',
        'groups: [{ id: family, name: Family, policy: {} }]',
        'url_clients: { policy: everyone }',
        'registration: { enabled: true }',
      ].join('\n'),
    ),
  ).toEqual([
    'config.yaml:2:37 clients[0].redirect_uris[0]: must be one URI: it is compared character by character, and there are no wildcards',
    'config.yaml:2:65 clients[0].redirect_uris[1]: must be https, unless it is loopback or the configuration has allow_http_redirect_uris: true',
    'config.yaml:2:86 clients[0].redirect_uris[2]: must have no fragment',
    'config.yaml:3:7 clients[1].client_id: another client has this client_id',
    'config.yaml:3:37 clients[1].redirect_uris[0]: must be an absolute URI: https, or a scheme of the app’s own',
    'config.yaml:4:68 clients[2].scope[1]: there is no such scope: lihgts',
    'config.yaml:4:110 clients[2].allowed_group_ids[0]: there is no such group; did you mean "family"?',
    'config.yaml:5:68 clients[3].client_secret: is not used by token_endpoint_auth_method none',
    'config.yaml:6:5 clients[4].client_secret: is required by client_secret_basic',
    'config.yaml:7:7 clients[5].client_id: must not be a URL, nor begin or end with a blank',
    'config.yaml:8:21 clients[6].redirect_uri: unknown setting; did you mean "redirect_uris"?',
    'config.yaml:8:65 clients[6].client_secret: must have at least 16 characters',
    'config.yaml:9:5 clients[7].redirect_uris: must not be empty with grant type authorization_code',
    'config.yaml:10:85 clients[8].response_modes[0]: must be one of query, fragment, form_post; did you mean "query"?',
    'config.yaml:11:68 clients[9].response_modes: must not be empty',
    'config.yaml:12:12 scopes[0].name: is a scope that every server has',
    'config.yaml:12:80 scopes[2].name: another scope has this name',
    'config.yaml:14:16 url_clients.policy: must be allow, approve or refuse, or a list of hosts',
    'config.yaml:15:1 registration.initial_access_token: must be given when registration is enabled; make one with: openssl rand -base64 32',
  ]);
});

// A12
test('redirects unencrypted are allowed by a switch', async () => {
  const { clients } = await load(
    "allow_http_redirect_uris: true\nclients: [{ client_id: nas, redirect_uris: ['http://nas.lan:5000/cb'] }]",
  );
  expect(clients).toHaveLength(1);
});

test('grant types that nobody knows are reported', async () => {
  const file = write(
    newFolder(),
    'config.yaml',
    `clients: [{ client_id: a, redirect_uris: ['${CB}'], grant_types: [authorization_code, password] }]`,
  );
  const source = { file, env: {}, provider_types: PROVIDER_TYPES, mfa_module_types: MFA_MODULE_TYPES, grant_types: ['authorization_code'] };
  await expect(loadConfig(source)).rejects.toThrow('clients[0].grant_types[1]: there is no such grant type: password');
});

test('hosts of URL clients are a list', async () => {
  expect((await load('url_clients: { policy: [app.example.com, "[::1]:8080"] }')).url_clients.policy).toEqual([
    'app.example.com',
    '[::1]:8080',
  ]);
  expect((await load(undefined, { LATCHKEY_URL_CLIENTS_POLICY: 'approve' })).url_clients.policy).toBe('approve');
});
