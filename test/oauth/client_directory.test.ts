import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { createClientDirectory } from '../../src/oauth/client_directory.ts';
import { readDocument } from '../../src/oauth/client_metadata_document.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { type ClientServices, createClientServices, SCOPES } from '../support/fixtures/clients.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ISSUER } from '../support/fixtures/grants.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const ABROAD = '198.51.100.1';
const HERE = 'https://app.example.com/client.json';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const RULES = { allow_http_redirect_uris: false, allow_private_addresses: false, scopes: SCOPES };

let c: ClientServices;
let app: Stranger;
let answer: Parameters<typeof startStranger>[0];
let client_id: string;
let metadata: Record<string, unknown>;

const db = perFile(() => createTestDatabase());
beforeEach(async () => {
  for (const table of ['clients', 'url_clients'] as const) await db.database.kysely.deleteFrom(table).execute();
  c = createClientServices(db.database);
  app = await startStranger((socket, path) => answer(socket, path));
  client_id = `${app.url}client.json`;
  metadata = { client_id, client_name: 'An app', redirect_uris: ['https://app.example.com/cb'] };
  answer = (socket) => respond(socket, JSON.stringify(metadata), { headers: JSON_TYPE });
});
afterEach(() => app.close());

const find = (id = client_id, from = ABROAD) => c.clientDirectory.find(id, from);

describe('a client_id', () => {
  it('is a registered client’s, if that is switched on', async () => {
    await c.add('grafana');
    expect(await find('grafana')).toMatchObject({ client_id: 'grafana', kind: 'registered' });
    await db.database.kysely.updateTable('clients').set({ is_enabled: false }).execute();
    expect(await find('grafana')).toBeNull();
  });

  it.each([
    'unknown',
    '',
    ' grafana',
    'a\0',
    'ftp://app.example.com/',
    'https://app.example.com/a/../client', // L9
    'https://app.example.com/%2e%2e/client',
    'https://app.example.com/client#x',
    'https://app.example.com/client#',
    'https://user:word@app.example.com/client',
  ])('%j is nobody’s', async (id) => {
    expect(await find(id)).toBeNull();
  });

  it.each(['https://app.example.com/', 'https://app.example.com', 'https://home-assistant.io/iOS', 'http://app.example.com/client'])(
    '%s is that URL’s, and nothing is fetched',
    async (id) => {
      // DNS would be asked for, and fail.
      expect(await find(id)).toMatchObject({ client_id: id, kind: 'url', token_endpoint_auth_method: 'none', scope: SCOPES });
    },
  );

  // RFC 8707
  it('that nobody registered may ask tokens for what the operator names, whatever its document says', async () => {
    metadata.resources = ['https://elsewhere.example/'];
    for (const id of [client_id, 'https://app.example.com/'])
      expect(await find(id)).toMatchObject({ resources: ['https://mcp.example.com/mcp'] });
  });

  it('with a document is what that says', async () => {
    metadata = {
      ...metadata,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: `${app.url}jwks`,
      scope: 'openid unheard-of',
      foo: 1,
    };
    expect(await find()).toMatchObject({
      client_id,
      kind: 'metadata_document',
      client_name: 'An app',
      redirect_uris: ['https://app.example.com/cb'],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: `${app.url}jwks`,
      scope: ['openid'],
      grant_types: ['authorization_code', 'refresh_token'],
      trusted: false,
    });
  });

  it.each<[string, () => typeof answer]>([
    ['a page', () => (socket) => respond(socket, '<html>', { headers: 'Content-Type: text/html\r\n' })],
    ['nothing', () => (socket) => respond(socket, 'no', { status: '404 Not Found' })],
    ['a redirect', () => (socket) => respond(socket, '', { status: '302 Found', headers: `Location: ${app.url}other\r\n` })],
    ['JSON by another status', () => (socket) => respond(socket, JSON.stringify(metadata), { status: '201 Created', headers: JSON_TYPE })],
  ])('where there is %s is that URL’s', async (_story, talk) => {
    answer = talk();
    expect(await find()).toMatchObject({ client_id, kind: 'url' });
  });

  // A client that signs must not become one that need not because its host is down.
  it.each<[string, () => typeof answer]>([
    ['does not answer', () => () => {}],
    ['breaks off', () => (socket) => socket.destroy()],
    ['is in trouble', () => (socket) => respond(socket, '', { status: '503 Service Unavailable' })],
  ])('whose host %s is nobody’s for now', async (story, talk) => {
    if (story === 'does not answer') c = createClientServices(db.database, { document_deadline_ms: 100 });
    answer = talk();
    await expect(find()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
  });

  it('at an address inside is not fetched, unless the operator allows it', async () => {
    const { createMetadataDocuments } = await import('../../src/oauth/client_metadata_document.ts');
    const documents = createMetadataDocuments({ ...RULES, clock: c.time.clock, fetch: { resolve: async () => ['127.0.0.1'] } });
    for (const id of [client_id, `https://app.example.com:${app.port}/client.json`, `https://127.0.0.1:${app.port}/client.json`])
      expect(await documents.find(id, ABROAD)).toBeNull();
    expect(app.connections()).toBe(0);
  });
});

// U15
it('a client whose document cannot be had is refused for that reason, not for its redirect URI', async () => {
  const { createMetadataDocuments } = await import('../../src/oauth/client_metadata_document.ts');
  const documents = createMetadataDocuments({ ...RULES, clock: c.time.clock, fetch: { resolve: async () => ['127.0.0.1'] } });
  const id = 'https://app.example.com/client.json';
  expect(documents.whyMissing(id)).toBeUndefined();
  expect(await documents.find(id, ABROAD)).toBeNull();
  expect(documents.whyMissing(id)).toBe('its host has an address that may not be fetched from');
  expect(documents.whyMissing('https://other.example.com/client.json')).toBeUndefined();
});

// L9
describe('a document', () => {
  const PUBLIC = { kty: 'EC', crv: 'P-256', x: 'a', y: 'b' };
  const good = { client_id: HERE, redirect_uris: ['https://app.example.com/cb'] };
  const read = (differs: object, id = HERE) => readDocument(id, { ...good, ...differs }, RULES);

  it.each<[string, object]>([
    ['another port', { client_id: 'https://app.example.com:443/client.json' }],
    ['a slash more', { client_id: `${HERE}/` }],
    ['another case', { client_id: 'https://APP.example.com/client.json' }],
    ['no name', { client_id: undefined }],
    ['a secret', { client_secret: 'x' }],
    ['an end of a secret', { client_secret_expires_at: 0 }],
    ['Basic', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['a secret in the body', { token_endpoint_auth_method: 'client_secret_post' }],
    ['a signature by a secret', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['a private key', { jwks: { keys: [{ ...PUBLIC, d: 'x' }] } }],
    ['a shared key', { jwks: { keys: [{ kty: 'oct', k: 'x' }] } }],
    ['a signature without a key', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['a redirect in the clear', { redirect_uris: ['http://app.example.com/cb'] }],
    ['a redirect to a script', { redirect_uris: ['javascript:alert(1)'] }],
    ['no redirect', { redirect_uris: [] }],
    ['keys inside', { jwks_uri: 'https://192.168.0.1/jwks' }],
    ['a home that is a script', { client_uri: 'javascript:alert(1)' }],
    ['a list for a name', { client_name: ['x'] }],
    ['answers that cannot be had', { response_modes: ['web_message'] }],
  ])('with %s is refused', (_story, differs) => {
    expect(() => read(differs)).toThrow(expect.objectContaining({ code: 'invalid_client_id', status: 400 }));
  });

  it.each([null, [], 'text', 7])('that is %j is refused', (value) => {
    expect(() => readDocument(HERE, value, RULES)).toThrow(expect.objectContaining({ code: 'invalid_client_id' }));
  });

  it('may have public keys, and grants and ways to be answered that we do not know', () => {
    const client = read({
      jwks: { keys: [PUBLIC] },
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['authorization_code', 'implicit', 'client_credentials'],
      response_modes: ['fragment', 'fragment.jwt'],
      trusted: true,
    });
    expect(client).toMatchObject({ jwks: { keys: [PUBLIC] }, grant_types: ['authorization_code'], trusted: false });
    expect(client.response_modes).toEqual(['fragment']);
  });
});

describe('the fetch', () => {
  // L8
  it('is one for all who ask in parallel', async () => {
    await Promise.all(Array.from({ length: 100 }, () => find()));
    expect(app.connections()).toBe(1);
  });

  // L8
  it.each([
    ['max-age=10', 60],
    ['max-age=600', 600],
    ['max-age=1000000000', 86_400],
    ['no-store', 60],
    ['', 300],
  ])('of a document with %j is valid for %i seconds', async (control, seconds) => {
    answer = (socket) => respond(socket, JSON.stringify(metadata), { headers: `${JSON_TYPE}Cache-Control: ${control}\r\n` });
    await find();
    c.time.advance(seconds - 1);
    await find();
    expect(app.connections()).toBe(1);
    c.time.advance(1);
    metadata.client_name = 'Renamed';
    expect(await find()).toMatchObject({ client_name: 'Renamed' });
    expect(app.connections()).toBe(2);
  });

  // L8
  it('that fails, or finds what is wrong, is forgotten', async () => {
    const right = answer;
    answer = (socket) => socket.destroy();
    await expect(find()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    answer = (socket) => respond(socket, '{', { headers: JSON_TYPE });
    await expect(find()).rejects.toMatchObject({ code: 'invalid_client_id' });
    answer = (socket) => respond(socket, JSON.stringify({ ...metadata, pad: 'x'.repeat(5 * 1024) }), { headers: JSON_TYPE });
    await expect(find()).rejects.toMatchObject({ code: 'invalid_client_id' });
    answer = right;
    expect(await find()).toMatchObject({ kind: 'metadata_document' });
  });

  it('is made twenty times a minute for one address', async () => {
    answer = (socket) => respond(socket, '', { status: '404 Not Found' });
    for (let index = 0; index < 20; index += 1) await find();
    await expect(find()).rejects.toMatchObject({ code: 'too_many_requests' });
    expect(await find(client_id, '198.51.100.2')).toMatchObject({ kind: 'url' });
  });
});

describe('a redirect URI', () => {
  const accepts = async (redirect_uri: string, id = client_id) =>
    c.clientDirectory.acceptsRedirect((await find(id))!, redirect_uri, ABROAD);

  it('of a registered client is one of its own, byte for byte', async () => {
    await c.add('grafana', { redirect_uris: ['https://a.test/Cb?a=1', 'http://127.0.0.1/cb'] });
    expect(await accepts('https://a.test/Cb?a=1', 'grafana')).toBe(true);
    expect(await accepts('http://127.0.0.1:51234/cb', 'grafana')).toBe(true); // A11
    for (const uri of ['https://a.test/cb?a=1', 'https://a.test/Cb', 'https://a.test/Cb?a=1#x', 'http://localhost:51234/cb'])
      expect(await accepts(uri, 'grafana')).toBe(false);
  });

  it('of a document is one of those it names, not any of its host', async () => {
    expect(await accepts('https://app.example.com/cb')).toBe(true);
    expect(await accepts(`${app.url}cb`)).toBe(false);
  });

  it('of a URL is one of its host, or on its page', async () => {
    answer = (socket) => respond(socket, '<link rel="redirect_uri" href="app://cb">');
    expect(await accepts(`${app.url}cb`)).toBe(true);
    expect(await accepts('app://cb')).toBe(true);
    expect(await accepts('app://other')).toBe(false);
    expect(await accepts(`${app.url}cb#x`)).toBe(false); // A8
  });
});

describe('a client is let in', () => {
  const admission = async (id = client_id) => c.clientDirectory.admission((await find(id))!);
  const decide = (status: 'approved' | 'refused') =>
    c.urlClients.decide(db.database.kysely, { client_id, metadata_hash: null, status, now: c.time.clock() });

  it.each<[string, Parameters<typeof createClientDirectory>[0]['policy'], string]>([
    ['by the policy allow', 'allow', 'admitted'],
    ['not by the policy refuse', 'refuse', 'refused'],
    ['for its host', ['127.0.0.1'], 'admitted'],
    ['not for another host', ['app.example.com'], 'refused'],
  ])('%s', async (_story, policy, want) => {
    c = createClientServices(db.database, { policy });
    await c.add('grafana');
    const { isRefused } = c.clientDirectory;
    expect([await isRefused(client_id), await isRefused('grafana'), await isRefused(`${ISSUER}/`)]).toEqual([
      want === 'refused',
      false,
      false,
    ]);
    expect(app.connections()).toBe(0);
    expect([await admission(), await admission('grafana')]).toEqual([want, 'admitted']);
    expect(await c.urlClients.pending(10)).toEqual([]);
  });

  it('once somebody approves it, and asked about again when its document changes', async () => {
    c = createClientServices(db.database, { policy: 'approve' });
    expect([await admission(), await admission()]).toEqual(['pending', 'pending']);
    expect(c.events).toEqual(['url_client.pending']);
    const [asked] = await c.urlClients.pending(10);
    expect(asked).toMatchObject({
      client_id,
      metadata: { client_name: 'An app', redirect_uris: ['https://app.example.com/cb'], scope: SCOPES },
    });
    await decide('approved');
    expect(await admission()).toBe('admitted');
    // What was said in another order is the same.
    metadata = { redirect_uris: metadata.redirect_uris, client_name: 'An app', client_id };
    c.time.advance(300);
    expect(await admission()).toBe('admitted');
    // Fewer ways to be answered are nothing to be asked about again, nor are all of them after
    // that.
    metadata.response_modes = ['query'];
    c.time.advance(300);
    expect(await admission()).toBe('admitted');
    metadata.redirect_uris = ['https://evil.example.com/cb'];
    c.time.advance(300);
    expect([await admission(), await admission()]).toEqual(['pending', 'pending']);
  });

  it('never when somebody refused it', async () => {
    c = createClientServices(db.database, { policy: 'approve' });
    expect(await c.clientDirectory.isRefused(client_id)).toBe(false);
    expect(await c.urlClients.pending(10)).toEqual([]);
    await admission();
    expect(await c.clientDirectory.isRefused(client_id)).toBe(false);
    await decide('refused');
    expect(await c.clientDirectory.isRefused(client_id)).toBe(true);
    metadata.client_name = 'Another name';
    c.time.advance(300);
    expect(await admission()).toBe('refused');
  });
});

test('a thousand clients wait at most', async () => {
  c = createClientServices(db.database, { policy: 'approve' });
  const rows = Array.from({ length: 1000 }, (_, index) => ({
    client_id: `https://app.example.com/${index}`,
    status: 'pending' as const,
    metadata_hash: Buffer.alloc(32),
    metadata: '{}',
    created_at: c.time.clock(),
  }));
  await db.database.kysely.insertInto('url_clients').values(rows).execute();
  expect(await c.clientDirectory.admission((await find())!)).toBe('pending');
  expect(await c.urlClients.find(client_id)).toBeUndefined();
});

describe('a client of Home Assistant’s dialect', () => {
  const page = 'https://app.example.com/app';
  const admission = (id = page) => c.clientDirectory.admissionOfUrl(id, '198.51.100.1');

  it.each<[string, Parameters<typeof createClientDirectory>[0]['policy'], string]>([
    ['allow', 'allow', 'admitted'],
    ['refuse', 'refuse', 'refused'],
    ['its host', ['app.example.com'], 'admitted'],
    ['another host', ['other.example.com'], 'refused'],
  ])('is judged by the policy of %s', async (_story, policy, want) => {
    c = createClientServices(db.database, { policy });
    expect([await admission(), await admission(`${ISSUER}/`)]).toEqual([want, 'admitted']);
  });

  // S5
  it('is none that publishes a document: an approval of that admits the standard profile alone', async () => {
    c = createClientServices(db.database, { policy: 'approve' });
    await expect(admission(client_id)).rejects.toMatchObject({ code: 'invalid_client_id' });
    expect(await c.clientDirectory.admission((await find())!)).toBe('pending');
    await c.urlClients.decide(db.database.kysely, { client_id, metadata_hash: null, status: 'approved', now: c.time.clock() });
    expect(await c.clientDirectory.admission((await find())!)).toBe('admitted');
    await expect(admission(client_id)).rejects.toMatchObject({ code: 'invalid_client_id' });
    // The URL alone was never looked at.
    expect(await c.clientDirectory.admission(c.clientDirectory.urlClient(client_id))).toBe('pending');
  });

  // S5
  it('is judged by what was seen when its document cannot be had', async () => {
    c = createClientServices(db.database);
    const publishes = (id: string) => c.clientDirectory.publishesDocument(id, '198.51.100.1');
    expect(await publishes(client_id)).toBe(true);
    await c.clientDirectory.remember((await find())!);
    const gone = createClientServices(db.database, { time: c.time });
    answer = (socket) => void socket.destroy();
    expect(await gone.clientDirectory.publishesDocument(client_id, '198.51.100.1')).toBe(true);
    expect(await gone.clientDirectory.publishesDocument(client_id.replace('client', 'other'), '198.51.100.1')).toBe(false);
  });
});
