import { beforeAll, describe, expect, it, test } from 'vitest';
import { addApiPerson, type Call, callerWith } from '../../support/fixtures/api.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';

const CB = 'https://grafana.example.com/cb';

let owner: Call;
let admin: Call;

const server = perFile(() =>
  startServer({
    config: {
      clients: [{ client_id: 'configured', client_secret: 'a secret of the file', redirect_uris: [CB] }],
      scopes: [{ name: 'lights', description: 'Your lights' }],
      auth_providers: [{ type: 'homeassistant' }, { type: 'insecure_example', users: [{ username: 'bob', password: 'pw', name: 'Bob' }] }],
    },
  }),
);
beforeAll(async () => {
  owner = callerWith(server, (await server.ownerTokens()).access_token);
  admin = callerWith(server, (await addApiPerson(server, owner, 'admin', ['system-admin'])).access_token);
});

const summary = ({ statusCode, body }: { statusCode: number; body: string }) => [statusCode, body && JSON.parse(body).code];

describe('a client', () => {
  it('is registered, shown without its secret, changed, given another one, and removed', async () => {
    const made = await admin('POST', '/api/clients', { client_id: 'my grafana', redirect_uris: [CB], scope: 'openid lights', jwks: null });
    const { client_secret, ...client } = made.json();
    expect([made.statusCode, client_secret]).toEqual([201, expect.stringMatching(/^lk_cs_/)]);
    expect(client).toMatchObject({ client_id: 'my grafana', scope: ['openid', 'lights'], managed_by: 'database', is_enabled: true });
    const url = '/api/clients/my%20grafana';
    const shown = await admin('GET', url);
    expect(shown.json()).toEqual(client);
    // S8: a trusted client is the owner's alone.
    expect(summary(await admin('PATCH', url, { trusted: true }))).toEqual([403, 'unauthorized']);
    const changed = await owner('PATCH', url, { trusted: true, access_token_lifetime: 60 });
    expect(changed.json()).toEqual({ ...client, trusted: true, access_token_lifetime: 60 });
    expect(client.response_modes).toEqual(['query', 'fragment', 'form_post']);
    const response_modes = ['query'];
    expect((await owner('PATCH', url, { response_modes })).json()).toEqual({ ...changed.json(), response_modes }); // A28
    const rotated = await owner('POST', `${url}/secrets`, { overlap: 60 });
    expect([rotated.statusCode, rotated.json().client_secret]).toEqual([201, expect.stringMatching(/^lk_cs_/)]);
    const { secrets } = (await owner('GET', url)).json();
    expect(secrets).toHaveLength(2);
    for (const text of [shown.body, changed.body, (await owner('GET', '/api/clients')).body])
      expect(text).not.toMatch(/lk_cs_|secret_hash|registration_token/);
    expect((await owner('DELETE', `${url}/secrets/${secrets[0].id}`)).statusCode).toBe(204);
    expect((await owner('DELETE', url)).statusCode).toBe(204);
    expect(summary(await owner('GET', url))).toEqual([404, 'not_found']);
  });

  // W11
  it('takes the profile fapi2 with all that it demands, and no part of it alone', async () => {
    const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }] };
    const made = await admin('POST', '/api/clients', { client_id: 'fapi', redirect_uris: [CB], jwks, profile: 'fapi2' });
    const demanded = {
      profile: 'fapi2',
      token_endpoint_auth_method: 'private_key_jwt',
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
    };
    expect([made.statusCode, made.json()]).toEqual([201, expect.objectContaining({ ...demanded, client_secret: null })]);
    const refused = await admin('PATCH', '/api/clients/fapi', { dpop_bound_access_tokens: false });
    expect(summary(refused)).toEqual([400, 'invalid_client_metadata']);
    await admin('POST', '/api/clients', { client_id: 'plain', redirect_uris: [CB] });
    expect(summary(await admin('PATCH', '/api/clients/plain', { profile: 'fapi2' }))).toEqual([400, 'invalid_client_metadata']);
    expect((await admin('PATCH', '/api/clients/plain', { profile: 'fapi2', jwks })).json()).toMatchObject(demanded);
    expect(summary(await admin('PATCH', '/api/clients/plain', { profile: 'fapi1' }))).toEqual([400, 'invalid_format']);
  });

  it.each<[string, object, [number, string]]>([
    ['a pattern', { redirect_uris: ['https://*.example.com/cb'] }, [400, 'invalid_redirect_uri']], // A5
    ['a fragment', { redirect_uris: [`${CB}#x`] }, [400, 'invalid_redirect_uri']], // A8
    ['a script', { redirect_uris: ['javascript:alert(1)'] }, [400, 'invalid_redirect_uri']], // A10
    ['a redirect in the clear', { redirect_uris: ['http://app.example.com/cb'] }, [400, 'invalid_redirect_uri']], // A12
    ['an unknown grant type', { redirect_uris: [CB], grant_types: ['password'] }, [400, 'invalid_client_metadata']],
    ['an unknown scope', { redirect_uris: [CB], scope: ['root'] }, [400, 'invalid_client_metadata']],
    ['a way to be answered that is none', { redirect_uris: [CB], response_modes: ['web_message'] }, [400, 'invalid_format']],
    ['a private key', { redirect_uris: [CB], jwks: { keys: [{ kty: 'EC', d: 'x' }] } }, [400, 'invalid_client_metadata']],
    ['an unknown group', { redirect_uris: [CB], allowed_group_ids: ['nobody'] }, [400, 'unknown_group']],
    ['a link that is a script', { redirect_uris: [CB], client_uri: 'javascript:x' }, [400, 'invalid_format']],
    ['a secret of its own', { redirect_uris: [CB], client_secret: 'x' }, [400, 'invalid_format']], // M5
    ['somebody who manages it', { redirect_uris: [CB], managed_by: 'config' }, [400, 'invalid_format']],
    ['the name of a URL', { redirect_uris: [CB], client_id: 'https://app.example.com/' }, [400, 'invalid_format']],
    ['a name that is taken', { redirect_uris: [CB], client_id: 'configured' }, [409, 'conflict']],
  ])('with %s is refused', async (_story, body, want) => {
    expect(summary(await admin('POST', '/api/clients', body))).toEqual(want);
  });

  it('of the configuration is shown and nothing else', async () => {
    const url = '/api/clients/configured';
    expect((await admin('GET', url)).json()).toMatchObject({ managed_by: 'config', secrets: [expect.anything()] });
    for (const refused of [admin('PATCH', url, { trusted: true }), admin('DELETE', url), admin('POST', `${url}/secrets`, {})])
      expect(summary(await refused)).toEqual([409, 'managed_by_config']);
  });

  it('that cannot be there is not found', async () => {
    for (const name of ['nobody', '%00', '%ED%A0%80'])
      expect((await admin('GET', `/api/clients/${name}`)).statusCode, name).toBeGreaterThanOrEqual(400);
  });
});

test('waiting people and apps are listed, and the owner decides about apps', async () => {
  const client_id = 'https://app.example.com/client';
  const metadata_hash = 'ab'.repeat(32);
  await server.container.database.kysely
    .insertInto('url_clients')
    .values({
      client_id,
      status: 'pending',
      metadata_hash: Buffer.from(metadata_hash, 'hex'),
      metadata: JSON.stringify({ client_name: 'An app' }),
      created_at: server.clock(),
    })
    .execute();
  await expect(server.login({ username: 'bob', password: 'pw' }, { handler: ['insecure_example', null] })).rejects.toThrow('not active');
  const waiting = (await owner('GET', '/api/approvals')).json();
  expect(waiting.users).toMatchObject([
    { name: 'Bob', group_ids: ['system-users'], credentials: [{ type: 'insecure_example', id: null }] },
  ]);
  expect(waiting.url_clients).toEqual([
    { client_id, metadata: { client_name: 'An app' }, metadata_hash, created_at: server.clock().toISOString() },
  ]);
  const approve = (call: Call, body: object) => call('POST', '/api/url_clients/approve', { client_id, ...body });
  expect(summary(await approve(admin, {}))).toEqual([403, 'unauthorized']);
  expect(summary(await approve(owner, { metadata_hash: 'cd'.repeat(32) }))).toEqual([404, 'not_found']);
  expect((await approve(owner, { metadata_hash })).statusCode).toBe(204);
  expect((await owner('GET', '/api/approvals')).json().url_clients).toEqual([]);
  expect((await owner('POST', '/api/url_clients/refuse', { client_id })).statusCode).toBe(204);
});
