import { sql } from 'kysely';
import { beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { OPERATOR } from '../../src/accounts/actor.ts';
import { createApprovals } from '../../src/accounts/approvals.ts';
import { type Clients, createClients } from '../../src/accounts/clients.ts';
import { CLIENT_DEFAULTS } from '../../src/domain/client_metadata.ts';
import { sha256 } from '../../src/domain/secret.ts';
import { createAuditEvents } from '../../src/repository/audit_events.ts';
import { createGroupRepository } from '../../src/repository/groups.ts';
import { createUserRepository } from '../../src/repository/users.ts';
import { type ClientServices, createClientServices, SCOPES } from '../support/fixtures/clients.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { freshLoginOver } from '../support/fixtures/fresh_login.ts';
import { addPerson, addSystemGroups } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const CB = ['https://grafana.example.com/cb'];
const ADMIN = { ...OPERATOR, is_owner: false };

let services: ClientServices;
let clients: Clients;
let audit: ReturnType<typeof createAuditEvents>;
const kysely = () => db.database.kysely;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  for (const table of ['clients', 'url_clients', 'users', 'audit_events', 'refresh_tokens'] as const)
    await kysely().deleteFrom(table).execute();
  services = createClientServices(db.database);
  audit = createAuditEvents({ database: db.database, clock: services.time.clock, on_error: (error) => expect.fail(String(error)) });
  const client_rules = {
    allow_http_redirect_uris: false,
    allow_private_addresses: true,
    scopes: SCOPES,
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  };
  clients = createClients({
    ...services,
    database: db.database,
    groups: createGroupRepository(db.database),
    freshLogin: freshLoginOver(db.database, services.time.clock),
    audit,
    clock: services.time.clock,
    client_rules,
  });
  return () => audit.close();
});

const events = async () => (await audit.list({ limit: 100, cursor: null })).items.map(({ type }) => type).reverse();
const isGood = async (client_id: string, client_secret: string) =>
  await services
    .authenticate({
      authorization: undefined,
      parameters: new Map([
        ['client_id', client_id],
        ['client_secret', client_secret],
      ]),
      endpoint: '/auth/token',
      remote_address: '::1',
    })
    .then(
      () => true,
      () => false,
    );

async function addGrant(client_id: string): Promise<void> {
  const { id: user_id } = await addPerson(db.database);
  const now = services.time.clock();
  const facts = { user_id, client_id, token_type: 'normal' as const, created_at: now, auth_time: now, access_token_expiration: 60 };
  await kysely()
    .insertInto('refresh_tokens')
    .values({ id: sha256(client_id).toString('hex', 0, 16), token_hash: sha256(client_id), ...facts })
    .execute();
}
const grants = async () => (await kysely().selectFrom('refresh_tokens').select('client_id').execute()).map(({ client_id }) => client_id);

describe('a client', () => {
  it('is registered with a secret that is shown once', async () => {
    const { client_secret, ...client } = await clients.create({ client_id: 'grafana', redirect_uris: CB }, ADMIN);
    expect(client).toMatchObject({ client_id: 'grafana', managed_by: 'database', token_endpoint_auth_method: 'client_secret_basic' });
    expect(client_secret).toMatch(/^lk_cs_[\w-]{43}$/);
    expect(await isGood('grafana', client_secret!)).toBe(true);
    expect(JSON.stringify(await clients.get('grafana'))).not.toContain(client_secret);
    expect(await events()).toEqual(['client.created']);
  });

  // L11
  it('gets a name that is no URL when it has none', async () => {
    const { client_id, client_secret } = await clients.create({ redirect_uris: CB, token_endpoint_auth_method: 'none' }, ADMIN);
    expect([client_id, client_secret]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), null]);
  });

  it.each<[string, object, object]>([
    ['a pattern', { redirect_uris: ['https://*.example.com'] }, { code: 'unfit_redirect_uri', status: 400 }], // A5
    ['a fragment', { redirect_uris: ['https://a.example.com/#x'] }, { code: 'unfit_redirect_uri' }], // A8
    ['a script', { redirect_uris: ['javascript:alert(1)'] }, { code: 'unfit_redirect_uri' }], // A10
    ['a redirect in the clear', { redirect_uris: ['http://a.example.com/'] }, { code: 'unfit_redirect_uri' }], // A12
    ['an unknown scope', { redirect_uris: CB, scope: ['root'] }, { code: 'invalid_client_metadata', status: 400 }],
    ['an unknown group', { redirect_uris: CB, allowed_group_ids: ['nobody'] }, { code: 'unknown_group' }],
    ['a URL for a name', { redirect_uris: CB, client_id: 'https://a.example.com/' }, { code: 'invalid_format' }],
    ['a name that another has', { redirect_uris: CB, client_id: 'taken' }, { code: 'conflict' }],
  ])('with %s is refused', async (_story, given, refusal) => {
    await clients.create({ client_id: 'taken', redirect_uris: CB }, ADMIN);
    await expect(clients.create(given, ADMIN)).rejects.toMatchObject(refusal);
  });

  it('changes its metadata, and loses its secrets when it no longer needs one', async () => {
    await clients.create({ client_id: 'grafana', client_name: 'Grafana', redirect_uris: CB }, ADMIN);
    const patch = { redirect_uris: ['https://new.example.com/cb'], token_endpoint_auth_method: 'none' as const, client_name: undefined };
    expect(await clients.update('grafana', patch, ADMIN)).toMatchObject({ ...patch, client_name: 'Grafana', secrets: [] });
    await expect(clients.update('grafana', { grant_types: ['client_credentials'] }, ADMIN)).rejects.toMatchObject({
      code: 'invalid_client_metadata',
    });
    await expect(clients.update('nobody', {}, ADMIN)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('is deleted with its grants', async () => {
    await clients.create({ client_id: 'grafana', redirect_uris: CB }, ADMIN);
    await addGrant('grafana');
    await addGrant('another');
    await clients.remove('grafana', ADMIN);
    expect(await grants()).toEqual(['another']);
    await expect(clients.get('grafana')).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a secret', () => {
  it('is rotated with an overlap', async () => {
    const { client_secret: old } = await clients.create({ client_id: 'grafana', redirect_uris: CB }, ADMIN);
    const { client_secret } = await clients.rotateSecret('grafana', 3600, ADMIN);
    expect([await isGood('grafana', old!), await isGood('grafana', client_secret)]).toEqual([true, true]);
    services.time.advance(3600);
    expect([await isGood('grafana', old!), await isGood('grafana', client_secret)]).toEqual([false, true]);
    expect(await events()).toEqual(['client.created', 'client.secret_created']);
  });

  it('is replaced at once', async () => {
    const { client_secret: old } = await clients.create({ client_id: 'grafana', redirect_uris: CB }, ADMIN);
    await clients.rotateSecret('grafana', 0, ADMIN);
    expect(await isGood('grafana', old!)).toBe(false);
  });

  it('is removed, and there are ten at most', async () => {
    const { client_secret, secrets } = await clients.create({ client_id: 'grafana', redirect_uris: CB }, ADMIN);
    await clients.removeSecret('grafana', secrets[0]!.id, ADMIN);
    expect(await isGood('grafana', client_secret!)).toBe(false);
    await expect(clients.removeSecret('grafana', secrets[0]!.id, ADMIN)).rejects.toMatchObject({ code: 'not_found' });
    for (let index = 0; index < 10; index += 1) await clients.rotateSecret('grafana', 3600, ADMIN);
    await expect(clients.rotateSecret('grafana', 3600, ADMIN)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('is never given to a public client', async () => {
    await clients.create({ client_id: 'spa', redirect_uris: CB, token_endpoint_auth_method: 'none' }, ADMIN);
    await expect(clients.rotateSecret('spa', 0, ADMIN)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('clients of the configuration', () => {
  const configured = (client_id: string, ...secrets: string[]) => ({
    ...CLIENT_DEFAULTS,
    client_id,
    secrets,
    redirect_uris: CB,
    scope: ['openid'],
    token_endpoint_auth_method: 'client_secret_basic' as const,
  });

  it('are created, get new secrets, are removed and restored', async () => {
    await clients.reconcile([configured('grafana', 'the first secret')]);
    expect(await isGood('grafana', 'the first secret')).toBe(true);
    await clients.reconcile([configured('grafana', 'another secret', 'the first secret')]);
    expect([await isGood('grafana', 'the first secret'), await isGood('grafana', 'another secret')]).toEqual([true, true]);
    await clients.reconcile([configured('grafana', 'another secret')]);
    expect([await isGood('grafana', 'the first secret'), await isGood('grafana', 'another secret')]).toEqual([false, true]);
    await clients.reconcile([]);
    expect([await isGood('grafana', 'another secret'), await services.clientDirectory.find('grafana', '::1')]).toEqual([false, null]);
    await clients.reconcile([configured('grafana', 'another secret')]);
    expect(await isGood('grafana', 'another secret')).toBe(true);
    expect(await events()).toEqual(Array(5).fill('client.reconciled'));
  });

  // S21
  it('may share a secret, and keep it when they are renamed', async () => {
    const secret = 'one secret for several';
    await clients.reconcile([configured('grafana', secret), configured('wiki', secret)]);
    expect([await isGood('grafana', secret), await isGood('wiki', secret)]).toEqual([true, true]);
    await clients.reconcile([configured('graphs', secret), configured('wiki', secret)]);
    expect([await isGood('grafana', secret), await isGood('graphs', secret), await isGood('wiki', secret)]).toEqual([false, true, true]);
  });

  // S21
  it('keep working when an earlier version has written their secrets under other ids', async () => {
    const secret = 'one secret for several';
    await clients.reconcile([configured('grafana', secret)]);
    // It made the id of the secret alone.
    await kysely().updateTable('client_secrets').set({ id: sql`encode(substr(secret_hash, 1, 16), 'hex')` }).execute();
    expect(await isGood('grafana', secret)).toBe(true);
    await clients.reconcile([configured('grafana', secret), configured('wiki', secret)]);
    expect([await isGood('grafana', secret), await isGood('wiki', secret)]).toEqual([true, true]);
    expect((await clients.get('grafana')).secrets).toHaveLength(1);
  });

  it('are written once by replicas that start together', async () => {
    await Promise.all(Array.from({ length: 5 }, () => clients.reconcile([configured('grafana', 'the first secret')])));
    expect(await events()).toEqual(['client.reconciled']);
  });

  it('are changed only there', async () => {
    await clients.reconcile([configured('grafana', 'the first secret')]);
    const managed = { code: 'managed_by_config', status: 409 };
    await expect(clients.update('grafana', { client_name: 'x' }, ADMIN)).rejects.toMatchObject(managed);
    await expect(clients.remove('grafana', ADMIN)).rejects.toMatchObject(managed);
    await expect(clients.rotateSecret('grafana', 0, ADMIN)).rejects.toMatchObject(managed);
  });

  it('do not take over a client registered elsewhere', async () => {
    await clients.create({ client_id: 'grafana', redirect_uris: CB }, ADMIN);
    await expect(clients.reconcile([configured('grafana', 'the first secret')])).rejects.toThrow('latchkey client remove grafana');
  });
});

describe('an approval', () => {
  const CLIENT_ID = 'https://app.example.com/client';
  const approvals = (approvals_by: 'owner' | 'administrators' = 'owner') =>
    createApprovals({
      ...services,
      database: db.database,
      users: createUserRepository(db.database),
      audit,
      clock: services.time.clock,
      approvals_by,
    });
  const ask = (said: string) =>
    services.urlClients.ask({ client_id: CLIENT_ID, metadata_hash: sha256(said), metadata: {}, now: services.time.clock() });
  const decide = (status: 'approved' | 'refused', metadata_hash: string | null = null) => ({ client_id: CLIENT_ID, status, metadata_hash });

  it('lists people and apps, and is decided by the owner', async () => {
    await ask('a');
    await addPerson(db.database, { name: 'Paula', is_active: false, is_pending: true });
    await addPerson(db.database, { name: 'Active' });
    expect(await approvals().pending()).toMatchObject({ users: [{ name: 'Paula' }], url_clients: [{ client_id: CLIENT_ID }] });
    await expect(approvals().decide(decide('approved'), ADMIN)).rejects.toMatchObject({ code: 'unauthorized' });
    await approvals('administrators').decide(decide('approved'), ADMIN);
    expect((await approvals().pending()).url_clients).toEqual([]);
    expect(await events()).toEqual(['url_client.approved']);
  });

  it('applies to the metadata that was shown', async () => {
    await ask('a');
    await ask('b');
    await expect(approvals().decide(decide('approved', sha256('a').toString('hex')), OPERATOR)).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('that is refused revokes what the app was granted', async () => {
    await ask('a');
    await approvals().decide(decide('approved'), OPERATOR);
    await addGrant(CLIENT_ID);
    await approvals().decide(decide('refused'), OPERATOR);
    expect(await grants()).toEqual([]);
  });
});

test('a list contains every client, disabled ones included', async () => {
  await clients.create({ client_id: 'a', redirect_uris: CB }, ADMIN);
  await services.add('b', { managed_by: 'config' });
  await clients.reconcile([]);
  const { items } = await clients.list({ limit: 10, cursor: null });
  expect(items.map(({ client_id, is_enabled }) => [client_id, is_enabled])).toEqual([
    ['a', true],
    ['b', false],
  ]);
});
