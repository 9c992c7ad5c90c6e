import { beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { CLIENT_DEFAULTS } from '../../src/domain/client_metadata.ts';
import { sha256 } from '../../src/domain/secret.ts';
import { type ClientSecretRepository, createClientSecretRepository } from '../../src/repository/client_secrets.ts';
import { type ClientRepository, createClientRepository, type NewClient } from '../../src/repository/clients.ts';
import { createJanitor } from '../../src/repository/janitor.ts';
import { createUrlClientRepository, type UrlClientRepository } from '../../src/repository/url_clients.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addPerson, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let clients: ClientRepository;
let secrets: ClientSecretRepository;
let urlClients: UrlClientRepository;
const kysely = () => test_database.database.kysely;

const client = (client_id: string, differs: Partial<NewClient> = {}): NewClient => ({
  ...CLIENT_DEFAULTS,
  client_id,
  redirect_uris: ['https://app.example.com/cb'],
  scope: ['openid'],
  token_endpoint_auth_method: 'client_secret_basic',
  managed_by: 'database',
  created_at: NOON,
  ...differs,
});
const secret = (client_id: string, text: string, expires_at: Date | null = null, created_at = NOON) => ({
  id: sha256(text).toString('hex', 0, 16),
  client_id,
  secret_hash: sha256(text),
  created_at,
  expires_at,
});

const test_database = perFile(() => createTestDatabase());
beforeAll(() => {
  clients = createClientRepository(test_database.database);
  secrets = createClientSecretRepository(test_database.database);
  urlClients = createUrlClientRepository(test_database.database);
});
beforeEach(async () => {
  for (const table of ['clients', 'url_clients', 'users'] as const) await kysely().deleteFrom(table).execute();
});

describe('a client', () => {
  it('is found as it was written, without what only its row knows', async () => {
    const jwks = { keys: [{ kty: 'EC' }] };
    const row = client('grafana', { jwks, allowed_group_ids: ['family'], access_token_lifetime: 60, response_modes: ['query'] });
    expect(await clients.insert(kysely(), { ...row, registration_token_hash: sha256('x') })).toBe(true);
    expect(await clients.insert(kysely(), client('grafana'))).toBe(false);
    const { managed_by: _, created_at: __, ...found } = row;
    expect(await clients.find('grafana')).toEqual({ ...found, kind: 'registered', approval: null });
    expect(await clients.get('grafana')).toEqual({ ...row, is_enabled: true, approval: null });
    expect(await clients.find('Grafana')).toBeUndefined();
  });

  it('is changed as a whole', async () => {
    await clients.insert(kysely(), client('grafana', { jwks: { keys: [] } }));
    await clients.update(kysely(), 'grafana', client('ignored', { client_name: 'Grafana', scope: ['email'] }));
    expect(await clients.find('grafana')).toMatchObject({ client_name: 'Grafana', scope: ['email'], jwks: null });
  });

  it('takes what it was granted along', async () => {
    await clients.insert(kysely(), client('grafana'));
    await secrets.insert(kysely(), secret('grafana', 'a'));
    const { id: user_id } = await addPerson(test_database.database);
    await kysely()
      .insertInto('consents')
      .values({ user_id, client_id: 'grafana', scope: [], redirect_uris: [], granted_at: NOON })
      .execute();
    const grant = { user_id, client_id: 'grafana', token_type: 'normal' as const, created_at: NOON, auth_time: NOON };
    await kysely()
      .insertInto('refresh_tokens')
      .values({ id: '0'.repeat(32), token_hash: sha256('r'), access_token_expiration: 60, ...grant })
      .execute();
    expect(await clients.remove(kysely(), 'grafana')).toBe(true);
    expect(await clients.remove(kysely(), 'grafana')).toBe(false);
    await clients.removeGrants(kysely(), 'grafana');
    for (const table of ['consents', 'refresh_tokens', 'client_secrets'] as const)
      expect(await kysely().selectFrom(table).select('client_id').execute(), table).toEqual([]);
  });

  it('is listed by name, page after page', async () => {
    for (const name of ['b', 'a', 'ü', 'c d']) await clients.insert(kysely(), client(name));
    const names: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<ClientRepository['page']>> = await clients.page({ limit: 2, cursor });
      names.push(...page.items.map(({ client_id }) => client_id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(names.toSorted()).toEqual(['a', 'b', 'c d', 'ü']);
    await expect(clients.page({ limit: 2, cursor: 'AA' })).rejects.toMatchObject({ code: 'invalid_format' });
  });
});

describe('the configuration’s clients', () => {
  const configured = (client_id: string, differs: Partial<NewClient> = {}) => client(client_id, { managed_by: 'config', ...differs });

  it('are written once, rewritten when they differ, switched off when they are gone, and come back', async () => {
    expect(await clients.put(kysely(), [configured('a'), configured('b')])).toEqual(['a', 'b']);
    expect(await clients.put(kysely(), [configured('a'), configured('b')])).toEqual([]);
    expect(await clients.put(kysely(), [configured('a', { jwks: { keys: [] } })])).toEqual(['a']);
    expect(await clients.disableOthers(kysely(), ['b'])).toEqual(['a']);
    expect(await clients.find('a')).toBeUndefined();
    expect(await clients.get('a')).toMatchObject({ is_enabled: false });
    expect(await clients.put(kysely(), [configured('a')])).toEqual(['a']);
    expect(await clients.find('a')).toMatchObject({ jwks: null });
  });

  it('take over nobody else’s', async () => {
    await clients.insert(kysely(), client('a', { client_name: 'Mine' }));
    expect(await clients.taken(kysely(), ['a', 'b'])).toEqual(['a']);
    expect(await clients.put(kysely(), [configured('a')])).toEqual([]);
    expect(await clients.find('a')).toMatchObject({ client_name: 'Mine' });
    expect(await clients.disableOthers(kysely(), [])).toEqual([]);
  });

  it('have the secrets that are written there', async () => {
    await clients.put(kysely(), [configured('a'), configured('b')]);
    const replace = (...texts: string[]) =>
      secrets.replace(
        kysely(),
        ['a', 'b'],
        texts.map((text) => secret('a', text)),
      );
    expect(await replace('one', 'two')).toEqual(['a']);
    expect(await replace('two', 'one')).toEqual([]);
    expect(await replace('two')).toEqual(['a']);
    expect(await secrets.live({ client_id: 'a', now: NOON })).toEqual([{ id: expect.any(String), secret_hash: sha256('two') }]);
  });
});

test('of a client’s secrets those live that are not over', async () => {
  await clients.insert(kysely(), client('a'));
  await secrets.insert(kysely(), secret('a', 'old'));
  await secrets.insert(kysely(), secret('a', 'over', later(5)));
  await secrets.insert(kysely(), secret('a', 'new', null, later(10)));
  await secrets.expireOthers(kysely(), { client_id: 'a', id: secret('a', 'new').id, expires_at: later(60) });
  const live = async (now: Date) => (await secrets.live({ client_id: 'a', now })).map(({ secret_hash }) => secret_hash.toString('hex'));
  expect(await live(later(59))).toEqual([sha256('new').toString('hex'), sha256('old').toString('hex')]);
  expect(await live(later(60))).toEqual([sha256('new').toString('hex')]);
  for (const now of [later(59), later(60)]) {
    const found = await clients.findWithSecrets({ client_id: 'a', now });
    expect(found).toEqual({ client: await clients.find('a'), secrets: await secrets.live({ client_id: 'a', now }) });
  }
  expect((await secrets.list('a')).map(({ expires_at }) => expires_at?.getTime()).toSorted()).toEqual([
    later(5).getTime(),
    later(60).getTime(),
    undefined,
  ]);
  const { id } = secret('a', 'new');
  await secrets.rehash({ id, old_hash: sha256('another'), new_hash: sha256('x') });
  await secrets.rehash({ id, old_hash: sha256('new'), new_hash: sha256('newer') });
  expect(await live(later(60))).toEqual([sha256('newer').toString('hex')]);
  expect(await secrets.remove(kysely(), { client_id: 'b', id })).toBe(false);
  expect(await secrets.remove(kysely(), { client_id: 'a', id })).toBe(true);
});

describe('a URL client', () => {
  const CLIENT_ID = 'https://app.example.com/client';
  const ask = (metadata: string, client_id = CLIENT_ID) =>
    urlClients.ask({ client_id, metadata_hash: sha256(metadata), metadata: { metadata }, now: NOON });
  const decide = (status: 'approved' | 'refused', metadata_hash: string | null = null) =>
    urlClients.decide(kysely(), { client_id: CLIENT_ID, metadata_hash, status, now: later(9) });
  const statusNow = async () => (await urlClients.find(CLIENT_ID))?.status;

  it('waits once, is let in, and waits again when it says something else', async () => {
    expect([await ask('a'), await ask('a')]).toEqual([true, false]);
    expect(await urlClients.pending(10)).toEqual([
      {
        client_id: CLIENT_ID,
        status: 'pending',
        metadata: { metadata: 'a' },
        metadata_hash: sha256('a').toString('hex'),
        created_at: NOON,
        decided_at: null,
      },
    ]);
    expect(await decide('approved')).toBe(true);
    expect([await ask('a'), await statusNow(), await urlClients.pending(10)]).toEqual([false, 'approved', []]);
    expect([await ask('b'), await statusNow()]).toEqual([true, 'pending']);
  });

  it('is not let in by what it said before', async () => {
    await ask('a');
    await ask('b');
    expect(await decide('approved', sha256('a').toString('hex'))).toBe(false);
    expect(await decide('approved', sha256('b').toString('hex'))).toBe(true);
  });

  it('stays refused whatever it says, until somebody thinks otherwise', async () => {
    await ask('a');
    await decide('refused');
    expect([await ask('b'), await statusNow()]).toEqual([false, 'refused']);
    expect([await decide('approved'), await statusNow()]).toEqual([true, 'approved']);
  });

  it('that was never seen is not decided about', async () => {
    expect(await decide('approved')).toBe(false);
  });
});

test('the janitor takes secrets that are over, and clients that nobody let in for a month', async () => {
  const audit = { insert: async () => {}, record: () => {} };
  const lifetimes = { pending_lifetime: 30 * 86_400, audit_retention: 86_400, failure_lifetime: 3600 };
  const on_error = (error: unknown) => expect.fail(String(error));
  const at = (days: number) =>
    createJanitor({ database: test_database.database, clock: () => later(days * 86_400), audit, on_error, ...lifetimes }).run();
  await clients.insert(kysely(), client('a'));
  await secrets.insert(kysely(), secret('a', 'over', later(60)));
  await secrets.insert(kysely(), secret('a', 'good'));
  for (const client_id of ['https://a.test/', 'https://b.test/'])
    await urlClients.ask({ client_id, metadata_hash: sha256('a'), metadata: {}, now: NOON });
  await urlClients.decide(kysely(), { client_id: 'https://b.test/', metadata_hash: null, status: 'refused', now: NOON });
  expect(await at(0)).toMatchObject({ client_secrets: 0, url_clients: 0 });
  expect(await at(30)).toMatchObject({ client_secrets: 1, url_clients: 1 });
  expect([await urlClients.find('https://a.test/'), (await urlClients.find('https://b.test/'))?.status]).toEqual([undefined, 'refused']);
  expect(await secrets.list('a')).toHaveLength(1);
});
