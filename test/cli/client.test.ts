import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { clientIdFrom } from '../../src/cli/client_facts.ts';
import { CLIENT_DEFAULTS, type ClientFields } from '../../src/domain/client_metadata.ts';
import { createSealer } from '../../src/secrets/sealer.ts';
import { createClientSecretHash } from '../../src/tokens/client_secret.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli, SECRET_KEY } from './support.ts';

const CB = 'https://grafana.example.com/login/generic_oauth';
const ADD = ['client', 'add', 'Grafana', '--redirect-uri', CB];

const cli = perFile(() => createCli());
beforeAll(async () => {
  expect((await cli.run(['migrate'])).code).toBe(0);
});
beforeEach(async () => {
  for (const table of ['clients', 'url_clients'] as const) await cli.database.kysely.deleteFrom(table).execute();
});

const isGood = async (secret: string) => {
  const rows = await cli.database.kysely.selectFrom('client_secrets').select('secret_hash').execute();
  return createClientSecretHash(createSealer({ secret_key: SECRET_KEY })).find(secret, rows) !== undefined;
};

test('one line registers an app and prints all that it must be told', async () => {
  const { code, out, err } = await cli.run(ADD, { env: { LATCHKEY_PUBLIC_URL: 'https://auth.example.com' } });
  expect([code, err]).toEqual([0, 'Registered Grafana. Tell the app this; the secret is not shown again:\n']);
  const facts = Object.fromEntries(
    out
      .trim()
      .split('\n')
      .map((line) => line.split(/: +/, 2)),
  );
  expect(facts).toMatchObject({
    client_id: 'grafana',
    client_secret: expect.stringMatching(/^lk_cs_[\w-]{43}$/),
    issuer: 'https://auth.example.com',
    discovery: 'https://auth.example.com/.well-known/openid-configuration',
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: CB,
    scope: 'openid profile email groups offline_access',
  });
  expect(await isGood(facts.client_secret)).toBe(true);
  expect(await cli.list('client', 'list')).toMatchObject([{ client_id: 'grafana', client_name: 'Grafana', trusted: false }]);
});

// W11
test('an app may have the profile fapi2, and proves itself by its keys then', async () => {
  const { out } = await cli.run([...ADD, '--profile', 'fapi2', '--jwks-uri', 'https://grafana.example.com/jwks', '--json']);
  expect(JSON.parse(out)).toMatchObject({ token_endpoint_auth_method: 'private_key_jwt' });
  expect(JSON.parse(out)).not.toHaveProperty('client_secret');
  expect(JSON.parse((await cli.run(['client', 'show', 'grafana', '--json'])).out)).toMatchObject({
    profile: 'fapi2',
    require_pushed_authorization_requests: true,
    dpop_bound_access_tokens: true,
  });
  expect((await cli.run([...ADD, '--client-id', 'x', '--profile', 'fapi2'])).err).toMatch(/private_key_jwt needs jwks/);
  expect((await cli.run([...ADD, '--client-id', 'x', '--profile', 'fapi1'])).err).toMatch(/--profile: profile must be fapi2/);
});

test('the output shows the algorithms of its tokens, and custom claims', async () => {
  const words = ['--access-token-signed-response-alg', 'RS256', '--userinfo-signed-response-alg', 'ES256', '--scope', 'openid email'];
  const { out } = await cli.run([...ADD, ...words, '--claims', '{"role":{"value":"user"}}', '--json']);
  expect(JSON.parse(out)).toMatchObject({
    id_token_signed_response_alg: 'RS256',
    access_token_signed_response_alg: 'RS256',
    userinfo_signed_response_alg: 'ES256',
    claims: 'sub email email_verified role',
  });
});

test('an app may be public, trusted, and for some people and scopes alone', async () => {
  const words = ['--public', '--trusted', '--scope', 'openid groups', '--group', 'system-admin', '--client-id', 'my app', '--json'];
  const { out } = await cli.run([...ADD, ...words]);
  expect(JSON.parse(out)).not.toHaveProperty('client_secret');
  const facts = { client_id: 'my app', token_endpoint_auth_method: 'none', trusted: true, scope: ['openid', 'groups'] };
  expect(JSON.parse((await cli.run(['client', 'show', 'my app', '--json'])).out)).toMatchObject({
    ...facts,
    response_modes: ['query', 'fragment', 'form_post'],
    allowed_group_ids: ['system-admin'],
    secrets: [],
  });
});

// A28
test('an app may be kept to some ways to be answered', async () => {
  await cli.run([...ADD, '--response-mode', 'query', '--response-mode', 'form_post']);
  expect(await cli.list('client', 'list')).toMatchObject([{ response_modes: ['query', 'form_post'] }]);
  expect((await cli.run(['client', 'show', 'grafana'])).out).toMatch(/^response_modes: +query form_post$/m);
  const { code, err } = await cli.run([...ADD, '--client-id', 'other', '--response-mode', 'web_message']);
  expect([code, err]).toEqual([2, expect.stringContaining('--response-mode: response_modes[0] must be one of query, fragment, form_post')]);
});

test.each<[string, string[], string[], string[]]>([
  ['that acts for nobody', ['client_credentials'], [], ['authorization_endpoint', 'userinfo_endpoint', 'code_challenge_method']],
  [
    'on a device',
    ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    ['device_authorization_endpoint', 'userinfo_endpoint'],
    ['authorization_endpoint', 'code_challenge_method'],
  ],
])('an app %s is not shown what it does not use', async (_story, grants, told, untold) => {
  const words = ['client', 'add', 'Machine', ...grants.flatMap((grant) => ['--grant-type', grant])];
  const facts = JSON.parse((await cli.run([...words, '--json'])).out);
  expect(Object.keys(facts)).toEqual(expect.arrayContaining(['client_id', 'client_secret', 'token_endpoint', ...told]));
  for (const name of untold) expect(facts).not.toHaveProperty(name);
  expect((await cli.run(['client', 'show', 'machine'])).out).not.toMatch(/PKCE|auth\/authorize/);
});

test('an app without a redirect URI is refused with the missing option', async () => {
  expect(await cli.run(['client', 'add', 'x'])).toMatchObject({ code: 2, err: expect.stringContaining('Give --redirect-uri') });
});

test.each<[string, string[], RegExp]>([
  [
    'with a pattern',
    ['client', 'add', 'x', '--redirect-uri', CB, '--redirect-uri', 'https://*.example.com'],
    /^redirect_uris\[1\] .*no wildcards/,
  ],
  [
    'with a redirect in the clear',
    ['client', 'add', 'x', '--redirect-uri', 'http://nas.lan/cb'],
    /must be https.*allow_http_redirect_uris/,
  ],
  ['with an unknown scope', [...ADD, '--scope', 'root'], /no such scope: root/],
  ['with an unknown group', [...ADD, '--group', 'nobody'], /Unknown group/],
  ['with an unknown grant type', [...ADD, '--grant-type', 'password'], /no such grant type: password/],
  [
    'by a name that is taken',
    ['client', 'add', 'Taken!', '--redirect-uri', CB],
    /has the client_id taken: give this one another by --client-id/,
  ],
])('an app %s is refused in one line', async (_story, words, complaint) => {
  await cli.run([...ADD, '--client-id', 'taken']);
  const { code, out, err } = await cli.run(words);
  expect([code, out, err]).toEqual([1, '', expect.stringMatching(complaint)]);
  expect(err.trim().split('\n')).toHaveLength(1);
});

test('a secret is changed while the old one is still good, and an app is forgotten', async () => {
  const { client_secret } = JSON.parse((await cli.run([...ADD, '--json'])).out);
  const { code, out, err } = await cli.run(['client', 'rotate-secret', 'grafana', '--overlap', '2h']);
  expect([code, err]).toEqual([0, expect.stringMatching(/^Made a secret for grafana; those from before are good until \d{4}-/)]);
  expect([await isGood(client_secret), await isGood(out.trim())]).toEqual([true, true]);
  expect((await cli.run(['client', 'show', 'grafana'])).out).toMatch(/secret [0-9a-f]{8}: +since .*, until /);
  expect((await cli.run(['client', 'rotate-secret', 'grafana', '--overlap', 'soon'])).code).toBe(2);
  // U4
  expect(await cli.run(['client', 'remove', 'grafana'])).toEqual({ code: 2, out: '', err: 'stdin is not a terminal; pass --yes\n' });
  expect(await cli.run(['client', 'remove', 'grafana', '--yes'])).toMatchObject({ code: 0, out: 'Removed grafana\n' });
  expect(await cli.run(['client', 'remove', 'grafana'])).toMatchObject({ code: 1, err: 'Client not found\n' });
});

describe('client update', () => {
  const shown = async () => JSON.parse((await cli.run(['client', 'show', 'grafana', '--json'])).out);
  const KEYS = join(mkdtempSync(join(tmpdir(), 'latchkey-')), 'keys.json');
  const JWKS = { keys: [{ kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }] };
  writeFileSync(KEYS, JSON.stringify(JWKS));

  it.each<[keyof ClientFields, string[], unknown]>([
    ['client_name', ['--name', 'Graphs'], 'Graphs'],
    ['client_uri', ['--client-uri', 'https://grafana.example.com'], 'https://grafana.example.com'],
    ['logo_uri', ['--logo-uri', 'https://grafana.example.com/logo.png'], 'https://grafana.example.com/logo.png'],
    ['policy_uri', ['--policy-uri', 'https://grafana.example.com/privacy'], 'https://grafana.example.com/privacy'],
    ['tos_uri', ['--tos-uri', 'https://grafana.example.com/terms'], 'https://grafana.example.com/terms'],
    ['redirect_uris', ['--redirect-uri', `${CB}/1`, '--redirect-uri', `${CB}/2`], [`${CB}/1`, `${CB}/2`]],
    ['post_logout_redirect_uris', ['--post-logout-redirect-uri', 'https://grafana.example.com/'], ['https://grafana.example.com/']],
    ['token_endpoint_auth_method', ['--token-endpoint-auth-method', 'client_secret_post'], 'client_secret_post'],
    ['token_endpoint_auth_method', ['--public'], 'none'],
    ['grant_types', ['--grant-type', 'authorization_code'], ['authorization_code']],
    ['response_types', ['--response-type', 'code', '--response-type', 'code id_token'], ['code', 'code id_token']],
    ['response_modes', ['--response-mode', 'form_post'], ['form_post']],
    ['scope', ['--scope', 'openid email'], ['openid', 'email']],
    ['resources', ['--resource', 'https://api.example.com/'], ['https://api.example.com/']],
    ['jwks', ['--jwks-file', KEYS], JWKS],
    ['jwks_uri', ['--jwks-uri', 'https://grafana.example.com/jwks'], 'https://grafana.example.com/jwks'],
    ['id_token_signed_response_alg', ['--id-token-signed-response-alg', 'ES256'], 'ES256'],
    ['access_token_signed_response_alg', ['--access-token-signed-response-alg', 'PS256'], 'PS256'],
    ['userinfo_signed_response_alg', ['--userinfo-signed-response-alg', 'EdDSA'], 'EdDSA'],
    ['default_max_age', ['--default-max-age', '12h'], 43_200],
    ['require_auth_time', ['--require-auth-time'], true],
    ['dpop_bound_access_tokens', ['--dpop-bound-access-tokens'], true],
    ['require_pushed_authorization_requests', ['--require-pushed-authorization-requests'], true],
    ['require_pkce', ['--no-pkce'], false],
    ['refuse_unknown_scopes', ['--refuse-unknown-scopes'], true],
    ['id_token_claims', ['--id-token-claims'], true],
    ['claims', ['--claims', '{"role":{"value":"user"}}'], { role: { value: 'user' } }],
    ['backchannel_logout_uri', ['--backchannel-logout-uri', 'https://grafana.example.com/out'], 'https://grafana.example.com/out'],
    ['trusted', ['--trusted'], true],
    ['allowed_group_ids', ['--group', 'system-admin', '--group', 'system-users'], ['system-admin', 'system-users']],
    ['access_token_lifetime', ['--access-token-lifetime', '10m'], 600],
    ['refresh_token_idle_lifetime', ['--refresh-token-idle-lifetime', '30d'], 2_592_000],
    ['refresh_token_lifetime', ['--refresh-token-lifetime', '365d'], 31_536_000],
  ])('sets %s by %s, and nothing else, and back', async (field, words, value) => {
    await cli.run(ADD);
    const before = await shown();
    expect(await cli.run(['client', 'update', 'grafana', ...words])).toMatchObject({ code: 0, err: 'Updated grafana\n' });
    const after = await shown();
    const secrets = value === 'none' ? [] : before.secrets;
    expect(after).toEqual({ ...before, [field]: value, secrets });
    if (field === 'redirect_uris' || field === 'token_endpoint_auth_method') return;
    await cli.run(['client', 'update', 'grafana', '--unset', field]);
    expect((await shown())[field]).toEqual(field === 'client_name' ? null : before[field]);
  });

  it('turns switches on and off', async () => {
    await cli.run([...ADD, '--trusted', '--no-pkce']);
    expect(await shown()).toMatchObject({ trusted: true, require_pkce: false });
    await cli.run(['client', 'update', 'grafana', '--no-trusted', '--pkce']);
    expect(await shown()).toMatchObject({ trusted: false, require_pkce: true });
  });

  it.each<[string, string[], number, RegExp]>([
    ['nothing', [], 2, /^Nothing to change/],
    ['an unknown setting', ['--unset', 'colour'], 2, /^--unset "colour" must be one of/],
    ['a file that is not there', ['--jwks-file', '/nowhere/keys.json'], 2, /there is no such file/],
    ['a private key', ['--jwks-file', write('{"keys":[{"kty":"EC","d":"x"}]}')], 1, /^jwks must be public keys/],
    ['a file that is no JSON', ['--jwks-file', write('keys')], 2, /^--jwks-file: jwks is not JSON/],
    [
      'a lifetime without a unit',
      ['--access-token-lifetime', '600'],
      2,
      /^--access-token-lifetime: access_token_lifetime must be a duration/,
    ],
    ['a lifetime of two days', ['--access-token-lifetime', '2d'], 2, /access_token_lifetime must be at most 86400/],
    ['a public app without PKCE', ['--public', '--no-pkce'], 1, /^require_pkce must be true for a public client/],
  ])('refuses %s', async (_story, words, code, complaint) => {
    await cli.run(ADD);
    const before = await shown();
    expect(await cli.run(['client', 'update', 'grafana', ...words])).toMatchObject({ code, err: expect.stringMatching(complaint) });
    expect(await shown()).toEqual(before);
  });

  it('finds no unknown app', async () => {
    expect(await cli.run(['client', 'update', 'nobody', '--trusted'])).toMatchObject({ code: 1, err: 'Client not found\n' });
  });

  function write(text: string): string {
    const file = join(mkdtempSync(join(tmpdir(), 'latchkey-')), 'file.json');
    writeFileSync(file, text);
    return file;
  }
});

test('client show tells what is the app’s own apart from what it must be told', async () => {
  await cli.run([...ADD, '--jwks-uri', 'https://grafana.example.com/jwks', '--claims', '{"role":{"value":"user"}}']);
  const [told = '', settings = ''] = (await cli.run(['client', 'show', 'grafana'])).out.split('\n\n');
  expect(told).toMatch(/^jwks_uri: +http.*\/\.well-known\/jwks\.json$/m);
  expect(told).toMatch(/^claims: +sub .* role$/m);
  expect(settings).toMatch(/^jwks_uri: +https:\/\/grafana\.example\.com\/jwks$/m);
  expect(settings).toMatch(/^claims: +\{"role":\{"value":"user"\}\}$/m);
});

test('client show prints every setting', async () => {
  await cli.run(ADD);
  const names = (await cli.run(['client', 'show', 'grafana'])).out.split('\n').map((line) => line.split(':')[0]);
  expect(names).toEqual(expect.arrayContaining([...Object.keys(CLIENT_DEFAULTS), 'managed_by', 'state', 'scope']));
});

test('an app that waits is let in or kept out', async () => {
  const client_id = 'https://app.example.com/client';
  const metadata = JSON.stringify({ client_name: 'An app', redirect_uris: ['https://app.example.com/cb'], scope: ['openid'] });
  const row = { client_id, status: 'pending' as const, metadata_hash: Buffer.alloc(32), metadata, created_at: new Date(0) };
  await cli.database.kysely.insertInto('url_clients').values(row).execute();
  expect((await cli.run(['client', 'pending'])).out).toMatch(
    /https:\/\/app.example.com\/client +An app +https:\/\/app.example.com\/cb +openid/,
  );
  const status = async () => (await cli.database.kysely.selectFrom('url_clients').select('status').executeTakeFirst())?.status;
  expect([(await cli.run(['client', 'approve', client_id])).out, await status()]).toEqual([`Approved ${client_id}\n`, 'approved']);
  expect([(await cli.run(['client', 'refuse', client_id])).out, await status()]).toEqual([`Refused ${client_id}\n`, 'refused']);
  expect((await cli.run(['client', 'approve', 'https://other.example.com/'])).code).toBe(1);
});

// L11
test.each([
  ['Grafana', 'grafana'],
  ['My Grafana!', 'my-grafana'],
  ['Café — Zürich', 'cafe-zurich'],
  ['https://app.example.com/', 'app-https-app.example.com'],
  ['日本', 'app'],
])('%j is called %s', (name, client_id) => {
  expect(clientIdFrom(name)).toBe(client_id);
});

describe('an app with a recipe', () => {
  const URL_OPTION = ['--url', 'https://grafana.example.com'];
  const APP = ['client', 'add', '--app', 'grafana', ...URL_OPTION];
  const env = { LATCHKEY_PUBLIC_URL: 'https://auth.example.com' };

  it('is registered as it needs it, and its side is printed ready to paste', async () => {
    const { code, out, err } = await cli.run([...APP, '--group', 'system-users'], { env });
    expect([code, err]).toEqual([0, 'Registered Grafana as grafana. Enter this in the app; the secret is not shown again:\n\n']);
    const [, secret = ''] = /^client_secret = (lk_cs_[\w-]{43})$/m.exec(out) ?? [];
    expect(await isGood(secret)).toBe(true);
    expect(out).toMatch(/^== grafana\.ini\n\n\[server\]\nroot_url = https:\/\/grafana\.example\.com\/\n/);
    expect(out).toMatch(/^auth_url = https:\/\/auth\.example\.com\/auth\/authorize$/m);
    expect(out).not.toMatch(/\{\{|…/);
    expect(JSON.parse((await cli.run(['client', 'show', 'grafana', '--json'])).out)).toMatchObject({
      client_name: 'Grafana',
      client_uri: 'https://grafana.example.com',
      redirect_uris: [CB],
      token_endpoint_auth_method: 'client_secret_basic',
      allowed_group_ids: ['system-users'],
    });
  });

  it('has what the other options say instead', async () => {
    const words = ['Graphs', ...APP.slice(2), '--scope', 'openid email', '--redirect-uri', 'https://other.example.com/cb', '--json'];
    const { out } = await cli.run(['client', 'add', ...words], { env });
    const { app_side, ...facts } = JSON.parse(out);
    expect(facts).toMatchObject({ client_id: 'graphs', scope: 'openid email', redirect_uris: ['https://other.example.com/cb'] });
    expect(app_side.steps[0].text).toMatch(/^client_id = graphs\n(.*\n)*scopes = openid email$/m);
  });

  it('in the home network without https needs a setting, which is named in one sentence', async () => {
    const words = ['client', 'add', '--app', 'grafana', '--url', 'http://192.168.1.20:3000'];
    const { code, out, err } = await cli.run(words);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(
      /^http:\/\/192\.168\.1\.20:3000 is not encrypted, which needs allow_http_redirect_uris: true in the YAML file[^\n]*\n$/,
    );
    expect(await cli.list('client', 'list')).toEqual([]);
    const allowed = await cli.run(words, { env: { LATCHKEY_ALLOW_HTTP_REDIRECT_URIS: 'true' } });
    expect([allowed.code, allowed.out]).toEqual([0, expect.stringContaining('root_url = http://192.168.1.20:3000/\n')]);
  });

  test.each<[string, string[], number, RegExp]>([
    ['a recipe that does not exist', ['--app', 'nothing', ...URL_OPTION], 1, /no recipe for this app/],
    ['a path in place of a recipe', ['--app', '../recipes/grafana', ...URL_OPTION], 1, /no recipe for this app/],
    ['no address', ['--app', 'grafana'], 1, /url is missing: the address of Grafana, such as https:\/\/grafana\.example\.com/],
    ['an address that would need quotes', ['--app', 'grafana', '--url', "https://a.example/'x"], 1, /url must be the address of the app/],
    ['a client_id that would need quotes', [...APP.slice(2), '--client-id', 'a "b"'], 1, /client_id must be letters/],
    ['no secret, though its side needs one', [...APP.slice(2), '--public'], 1, /needs a client_secret/],
    ['a proxy, which is not registered', ['--app', 'nginx', ...URL_OPTION], 1, /nginx is not registered: "latchkey apps nginx/],
    ['an unknown group', [...APP.slice(2), '--group', 'nobody'], 1, /Unknown group/],
    ['an address without a recipe', ['Grafana', ...URL_OPTION], 2, /--url needs --app/],
    ['neither name nor recipe', [], 2, /Give the name of the app, or --app/],
  ])('%s is refused, and nothing is registered', async (_story, words, code, complaint) => {
    const outcome = await cli.run(['client', 'add', ...words]);
    expect([outcome.code, outcome.out]).toEqual([code, '']);
    expect(outcome.err).toMatch(complaint);
    expect(await cli.list('client', 'list')).toEqual([]);
  });

  it('registered twice is refused with the option that helps', async () => {
    await cli.run(APP);
    expect((await cli.run(APP)).err).toMatch(/has the client_id grafana: give this one another by --client-id/);
  });
});
