import { sql } from 'kysely';
import { describe, expect, it, test } from 'vitest';
import { OPERATOR } from '../../../src/accounts/actor.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';

const INITIAL = 'an-initial-access-token';
const CB = 'https://app.example.com/cb';

const server = perFile(() =>
  startServer({
    config: { registration: { enabled: true, initial_access_token: INITIAL }, http: { login_attempts_threshold: -1 } },
  }),
);

const call = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, token: string | undefined, json?: unknown) =>
  server.inject({
    method,
    url: `/auth/register${path}`,
    ...(token === undefined ? {} : { token }),
    ...(json === undefined ? {} : { json }),
  });
const register = (metadata: object = {}) => call('POST', '', INITIAL, { redirect_uris: [CB], ...metadata });
const told = ({ statusCode, body }: { statusCode: number; body: string }) => [statusCode, JSON.parse(body).error];
const isGood = (client_id: string, client_secret: string) =>
  server.container.clientAuthentication
    .authenticate({
      authorization: undefined,
      parameters: new Map(Object.entries({ client_id, client_secret })),
      remote_address: '198.51.100.1',
      endpoint: '/auth/token',
    })
    .then(
      () => true,
      () => false,
    );

test('nobody registers unless the operator says so', async () => {
  const closed = await startServer();
  const answer = await closed.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json: { redirect_uris: [CB] } });
  expect(answer.statusCode).toBe(404);
  await closed.close();
});

test('an app registers, and gets all its metadata', async () => {
  const answer = await register({
    client_name: 'An app',
    scope: 'openid email root',
    grant_types: ['authorization_code', 'implicit'],
    response_modes: ['form_post', 'query.jwt', 'query'],
    contacts: ['x'],
  });
  const { client_id, client_secret, registration_access_token, ...information } = answer.json();
  expect([answer.statusCode, answer.headers['cache-control']]).toEqual([201, 'no-store']);
  expect(client_id).toMatch(/^[0-9a-f]{32}$/); // L11
  expect(information).toEqual({
    client_name: 'An app',
    // W12: what every client gets.
    subject_type: 'public',
    backchannel_logout_session_required: true,
    redirect_uris: [CB],
    post_logout_redirect_uris: [],
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    response_modes: ['query', 'form_post'], // A28
    scope: 'openid email',
    id_token_signed_response_alg: 'RS256',
    require_auth_time: false,
    dpop_bound_access_tokens: false,
    require_pushed_authorization_requests: false,
    client_id_issued_at: server.clock().getTime() / 1000,
    client_secret_expires_at: 0,
    registration_client_uri: `https://auth.example.com/auth/register/${client_id}`,
  });
  expect(await isGood(client_id, client_secret)).toBe(true);
  expect(registration_access_token).toMatch(/^lk_ra_/);
});

// M5
test('an app cannot say what the operator alone says', async () => {
  const { client_id } = (
    await register({
      trusted: true,
      resources: ['https://api.example.com'],
      allowed_group_ids: [],
      managed_by: 'config',
      client_id: 'mine',
    })
  ).json();
  expect(client_id).not.toBe('mine');
  expect(await server.container.clients.get(client_id)).toMatchObject({
    trusted: false,
    resources: [],
    allowed_group_ids: null,
    managed_by: 'registration',
  });
});

test.each<[string, unknown, string]>([
  ['a pattern', { redirect_uris: ['https://*.example.com'] }, 'invalid_redirect_uri'], // A5
  ['a fragment', { redirect_uris: [`${CB}#x`] }, 'invalid_redirect_uri'], // A8
  ['a script', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'], // A10
  ['a redirect in the clear', { redirect_uris: ['http://app.example.com/cb'] }, 'invalid_redirect_uri'], // A12
  ['a text for a list', { redirect_uris: CB }, 'invalid_redirect_uri'],
  ['no redirect', { redirect_uris: [] }, 'invalid_redirect_uri'],
  ['keys inside', { jwks_uri: 'https://192.168.0.1/jwks', token_endpoint_auth_method: 'private_key_jwt' }, 'invalid_client_metadata'],
  ['a logout inside', { backchannel_logout_uri: 'https://127.0.0.1/logout' }, 'invalid_client_metadata'], // L12
  ['an unknown way to prove itself', { token_endpoint_auth_method: 'tls_client_auth' }, 'invalid_client_metadata'],
  ['no grant that may be had', { grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
  ['an answer that cannot be had', { response_modes: ['web_message'] }, 'invalid_client_metadata'],
  ['a token for an answer', { response_types: ['token'] }, 'invalid_client_metadata'],
  ['an algorithm that is none', { id_token_signed_response_alg: 'none' }, 'invalid_client_metadata'],
  ['a private key', { jwks: { keys: [{ kty: 'RSA', d: 'x' }] } }, 'invalid_client_metadata'],
])('with %s an app is refused', async (_story, metadata, error) => {
  expect(told(await register(metadata as object))).toEqual([400, error]);
});

// W19: RFC 6749 section 5.2 has an alphabet for it, and people read it.
test.each<[object, string]>([
  [{ id_token_signed_response_alg: 'HS256' }, 'id_token_signed_response_alg must be one of ES256, RS256, PS256, EdDSA'],
  [{ response_types: ['token'] }, 'response_types[0] must be code'],
  [{ redirect_uris: 'x' }, 'redirect_uris must be a list'],
  [{ client_name: 7 }, 'client_name must be a text'],
  [{ client_name: '\u00e4\n"\\' }, 'client_name must be one line of text'],
  [{ jwks: 'x' }, 'jwks must be an object'],
  [{ dpop_bound_access_tokens: 'yes' }, 'dpop_bound_access_tokens must be true or false'],
  [{ grant_types: [] }, 'grant_types must not be empty'],
  [{ client_uri: `https://a.test/${'x'.repeat(3000)}` }, 'client_uri must be at most 2048 characters long'],
  [{ scope: ['"'] }, 'scope must be scopes: words with blanks between them, or a list'],
])('what is wrong with %j is reported in plain words', async (metadata, description) => {
  expect((await register(metadata)).json().error_description).toBe(description);
});

// W12
test.each<[string, unknown]>([
  ['subject_type', 'pairwise'],
  ['sector_identifier_uri', 'https://app.example.com/uris'],
  ['id_token_encrypted_response_alg', 'RSA-OAEP-256'],
  ['id_token_encrypted_response_enc', 'A256GCM'],
  ['userinfo_encrypted_response_alg', 'RSA-OAEP-256'],
  ['request_object_signing_alg', 'none'],
  ['require_signed_request_object', true],
  ['request_uris', ['https://app.example.com/request']],
  ['token_endpoint_auth_signing_alg', 'PS384'],
  ['introspection_signed_response_alg', 'PS256'],
  ['authorization_signed_response_alg', 'ES256'],
  ['default_acr_values', ['2']],
  ['frontchannel_logout_uri', 'https://app.example.com/out'],
  ['tls_client_certificate_bound_access_tokens', true],
])('an app that asks for what is not done is refused: %s', async (field, value) => {
  const answer = await register({ [field]: value });
  expect([...told(answer), answer.json().error_description]).toEqual([400, 'invalid_client_metadata', expect.stringContaining(field)]);
});

// W12
test('an app may say what holds anyway, and what nobody knows', async () => {
  const said = {
    ...{
      subject_type: 'public',
      require_auth_time: false,
      default_max_age: null,
      request_uris: [],
      frontchannel_logout_session_required: false,
    },
    ...{ software_id: 'x', application_type: 'native', 'client_name#de': 'Eine App', made_up: true },
  };
  const answer = await register(said);
  expect(answer.json()).toMatchObject({ subject_type: 'public', require_auth_time: false });
  for (const unknown of ['software_id', 'made_up', 'application_type']) expect(answer.json()).not.toHaveProperty(unknown);
  // RFC 7592 section 2.2: it sends back what it was told.
  const { registration_access_token: token, registration_client_uri: _, ...all } = answer.json();
  expect((await call('PUT', `/${all.client_id}`, token, all)).statusCode).toBe(200);
});

test('a body that is no object is refused', async () => {
  for (const body of [[], 'text', null]) expect(told(await call('POST', '', INITIAL, body))).toEqual([400, 'invalid_client_metadata']);
  expect((await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, payload: '{' })).statusCode).toBe(400);
});

test.each([
  ['no', undefined, undefined, 'Bearer'],
  ['a wrong', 'another-initial-token', 'invalid_token', 'Bearer error="invalid_token"'],
])('%s initial access token registers nobody', async (_story, token, error, challenge) => {
  const answer = await call('POST', '', token, { redirect_uris: [CB] });
  expect([...told(answer), answer.headers['www-authenticate']]).toEqual([401, error, challenge]);
});

describe('a registration', () => {
  it('is read, replaced and taken back with its own token', async () => {
    const {
      client_id,
      client_secret,
      registration_access_token: token,
      ...made
    } = (await register({ client_name: 'An app', response_modes: ['query'] })).json();
    const { client_secret_expires_at: _, ...information } = made;
    const path = `/${client_id}`;
    expect((await call('GET', path, token)).json()).toEqual({ client_id, registration_access_token: token, ...information });
    const replaced = await call('PUT', path, token, { client_id, client_secret, redirect_uris: [`${CB}/2`] });
    expect(replaced.json()).toMatchObject({ client_id, redirect_uris: [`${CB}/2`], registration_access_token: token });
    expect(replaced.json().response_modes).toEqual(['query', 'fragment', 'form_post']);
    expect(replaced.json()).not.toHaveProperty('client_name');
    expect(replaced.json()).not.toHaveProperty('client_secret');
    expect(await isGood(client_id, client_secret)).toBe(true);
    expect((await call('DELETE', path, token)).statusCode).toBe(204);
    expect(await isGood(client_id, client_secret)).toBe(false);
    expect(told(await call('GET', path, token))).toEqual([401, 'invalid_token']);
  });

  // S4
  it('keeps what an operator has set when the client replaces it', async () => {
    const { client_id, client_secret, registration_access_token: token } = (await register({ client_name: 'An app' })).json();
    const operators = {
      trusted: true,
      resources: ['https://api.example.com'],
      allowed_group_ids: ['system-users'],
      access_token_lifetime: 60,
      refresh_token_idle_lifetime: 3600,
      refresh_token_lifetime: 7200,
      // These a client may say of itself, until an operator has.
      scope: ['openid'],
      dpop_bound_access_tokens: true,
      client_name: 'Checked by us',
    };
    await server.container.clients.update(client_id, operators, OPERATOR);
    const own = { client_name: 'Your bank', scope: 'openid email', dpop_bound_access_tokens: false, redirect_uris: [`${CB}/3`] };
    for (const metadata of [own, { redirect_uris: [`${CB}/3`] }]) {
      const answer = await call('PUT', `/${client_id}`, token, { client_id, client_secret, ...metadata });
      expect(answer.json()).toMatchObject({ client_name: 'Checked by us', scope: 'openid', dpop_bound_access_tokens: true });
      expect(await server.container.clients.get(client_id)).toMatchObject({ ...operators, redirect_uris: [`${CB}/3`] });
    }
  });

  // S4
  it('keeps every field that no client can say of itself, anyone who made the row', async () => {
    const { client_id, client_secret, registration_access_token: token } = (await register()).json();
    // As the version before wrote it, which did not note whose fields they are.
    await server.container.database.kysely
      .updateTable('clients')
      .set({ access_token_lifetime: 60 })
      .where('client_id', '=', client_id)
      .execute();
    await call('PUT', `/${client_id}`, token, { client_id, client_secret, redirect_uris: [CB] });
    expect(await server.container.clients.get(client_id)).toMatchObject({ access_token_lifetime: 60 });
  });

  it('changes how it proves itself', async () => {
    const { client_id, registration_access_token: token } = (await register({ token_endpoint_auth_method: 'none' })).json();
    const put = async (method: string) =>
      (await call('PUT', `/${client_id}`, token, { client_id, redirect_uris: [CB], token_endpoint_auth_method: method })).json();
    const { client_secret } = await put('client_secret_post');
    expect(await isGood(client_id, client_secret)).toBe(true);
    expect(await put('none')).not.toHaveProperty('client_secret');
    expect(await isGood(client_id, client_secret)).toBe(false);
  });

  it('is closed to other clients', async () => {
    const { client_id, registration_access_token: token } = (await register()).json();
    const other = (await register()).json();
    const path = `/${client_id}`;
    for (const wrong of [undefined, INITIAL, other.registration_access_token, 'x'])
      for (const method of ['GET', 'PUT', 'DELETE'] as const) {
        const body = method === 'PUT' ? { client_id, redirect_uris: [CB] } : undefined;
        expect(told(await call(method, path, wrong, body)), method).toEqual([401, wrong && 'invalid_token']);
      }
    for (const name of ['%00', 'nobody', '0'.repeat(32)]) expect((await call('GET', `/${name}`, token)).statusCode).toBe(401);
    expect(told(await call('PUT', path, token, { client_id: other.client_id, redirect_uris: [CB] }))).toEqual([
      400,
      'invalid_client_metadata',
    ]);
    expect(told(await call('PUT', path, token, { client_id, client_secret: other.client_secret, redirect_uris: [CB] }))).toEqual([
      400,
      'invalid_client_metadata',
    ]);
    expect((await call('GET', path, token)).statusCode).toBe(200);
  });
});

// S13
describe('of clients that registered themselves', () => {
  const table = () => server.container.database.kysely;
  const from = async (remote_address: string) => {
    const answer = await server.inject({
      ...{ method: 'POST', url: '/auth/register', token: INITIAL, remote_address, json: { redirect_uris: [CB] } },
    });
    return { status: answer.statusCode, client_id: answer.json().client_id as string };
  };
  const isThere = async (client_id: string) =>
    (await table().selectFrom('clients').select('client_id').where('client_id', '=', client_id).execute()).length > 0;
  const count = async (like: string) =>
    (await table().selectFrom('clients').select('client_id').where('registered_from', 'like', like).execute()).length;
  const consent = (client_ids: string[], user_id: string) =>
    table()
      .insertInto('consents')
      .values(client_ids.map((client_id) => ({ user_id, client_id, scope: [], redirect_uris: [], granted_at: server.clock() })))
      .execute();

  it('one network has a hundred: its oldest that nobody has logged in to go, and it is refused when there are none', async () => {
    await server.createOwner();
    const user_id = (await server.container.users.list({ limit: 1, cursor: null })).items[0]!.id;
    const { client_id: used } = await from('2001:db8:1:2::1');
    await consent([used], user_id);
    const { client_id: edited } = await from('2001:db8:1:2::1');
    await server.container.clients.update(edited, { client_name: 'Checked by us' }, OPERATOR);
    const { client_id: unused } = await from('2001:db8:1:2::2');
    const others = [];
    for (let n = 0; n < 98; n += 1) {
      server.advance(1);
      others.push((await from(`2001:db8:1:2::${n.toString(16)}`)).client_id);
    }
    expect(await count('2001:db8:1:2::%')).toBe(100);
    expect(await Promise.all([used, edited, unused, ...others].map(isThere))).toEqual([true, true, false, ...Array(98).fill(true)]);
    await consent(others, user_id);
    expect([(await from('2001:db8:1:2::1')).status, (await from('2001:db8:1:3::1')).status]).toEqual([429, 201]);
  });

  it('an address that people share is never refused for the clients of others behind it', async () => {
    const user_id = (await server.container.users.list({ limit: 1, cursor: null })).items[0]!.id;
    const used: string[] = [];
    for (let n = 0; n < 100; n += 1) used.push((await from('127.0.0.1')).client_id);
    await consent(used, user_id);
    expect((await from('127.0.0.1')).status).toBe(201);
    expect(await count('127.0.0.1')).toBe(101);
    await table().deleteFrom('consents').where('client_id', 'in', used).execute();
    expect((await from('127.0.0.1')).status).toBe(201);
    expect(await count('127.0.0.1')).toBe(100);
  });

  it('a thousand that nobody has logged in to are kept, the oldest go first, and nobody is refused', async () => {
    const { client_id: oldest } = await from('203.0.113.1');
    const row = await table().selectFrom('clients').selectAll().where('client_id', '=', oldest).executeTakeFirstOrThrow();
    const later = new Date(row.created_at.getTime() + 1);
    const rows = Array.from({ length: 1000 }, (_, n) => ({
      ...row,
      jwks: null,
      claims: '{}',
      client_id: `other-${n}`,
      created_at: later,
      registered_from: null,
    }));
    await table().insertInto('clients').values(rows).execute();
    server.advance(1);
    const { status, client_id } = await from('203.0.113.2');
    expect([status, await isThere(oldest), await isThere(client_id)]).toEqual([201, false, true]);
    const left = table().selectFrom('clients as c').select('client_id').where('managed_by', '=', 'registration');
    const unused = left
      .where(sql<boolean>`operator_fields = '{}'`)
      .where('client_id', 'not in', table().selectFrom('consents').select('client_id'));
    expect(await unused.execute()).toHaveLength(1000);
    await table().deleteFrom('clients').where('client_id', 'like', 'other-%').execute();
  });
});

// W11
test('an app that an operator gave the profile fapi2 cannot leave it by its own update', async () => {
  const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }] };
  const key = { jwks, token_endpoint_auth_method: 'private_key_jwt' };
  const { client_id, registration_access_token: token } = (await register(key)).json();
  await server.container.clients.update(client_id, { profile: 'fapi2' }, OPERATOR);
  const metadata = { client_id, redirect_uris: [CB], ...key, dpop_bound_access_tokens: false };
  expect((await call('PUT', `/${client_id}`, token, metadata)).statusCode).toBe(200);
  expect(await server.container.clients.get(client_id)).toMatchObject({
    profile: 'fapi2',
    dpop_bound_access_tokens: true,
    require_pushed_authorization_requests: true,
    id_token_signed_response_alg: 'ES256',
  });
});
