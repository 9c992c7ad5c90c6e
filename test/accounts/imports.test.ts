import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { OPERATOR } from '../../src/accounts/actor.ts';
import type { RunOptions } from '../../src/accounts/imports.ts';
import { resealSecrets } from '../../src/repository/reseal.ts';
import {
  credentialEntry,
  DASHBOARD,
  homeAssistantStorage,
  IOS,
  idOf,
  PASSWORD,
  PASSWORD_ENTRY,
  type Storage,
  secretOf,
  signedByHomeAssistant,
  TOTP_SECRET,
  tokenEntry,
  userEntry,
} from '../support/fixtures/home_assistant_storage.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { startServer } from '../support/fixtures/server.ts';
import { totpCode } from '../support/fixtures/totp.ts';

const TABLES = ['users', 'user_groups', 'credentials', 'local_logins', 'refresh_tokens', 'mfa_enrolments', 'retired_usernames'] as const;
const HOME = '192.168.1.20';

const server = perFile(() =>
  startServer({
    config: {
      auth_mfa_modules: [{ type: 'totp' }],
      auth_providers: [
        { type: 'homeassistant' },
        { type: 'trusted_networks', trusted_networks: ['192.168.0.0/16'] },
        { type: 'command_line', command: '/bin/false' },
      ],
    },
  }),
);
let storage: Storage;

beforeEach(async () => {
  const { kysely } = server.container.database;
  for (const table of ['users', 'local_logins', 'retired_usernames', 'audit_events', 'failed_logins'] as const)
    await kysely.deleteFrom(table).execute();
  await kysely.deleteFrom('groups').where('managed_by', '=', 'database').execute();
  storage = homeAssistantStorage(server.clock());
});

const bring = (options: Partial<RunOptions> = {}, files: Record<string, unknown> = storage) =>
  server.container.imports.homeAssistant(files, { apply: true, without_tokens: false, reuse_usernames: false, ...options }, OPERATOR);

/** Everything that an import writes, but the time of the audit events. */
async function content() {
  const { kysely } = server.container.database;
  const rows = await Promise.all(TABLES.map(async (table) => [table, await kysely.selectFrom(table).selectAll().execute()] as const));
  return JSON.stringify(rows.map(([table, all]) => [table, all.map((row) => JSON.stringify(row)).sort()]));
}

async function outcomes(options: Partial<RunOptions> = {}, files?: Record<string, unknown>) {
  const { people } = await bring(options, files);
  return Object.fromEntries(people.map(({ name, outcome, reason }) => [name, reason ? reason.code : outcome]));
}

const notesOf = async (name: string, options: Partial<RunOptions> = {}) =>
  (await bring(options)).people.find((person) => person.name === name)?.notes.map(({ code }) => code);
const user = (name: string) => server.container.repositories.users.find(idOf(name));
const edit = (name: string, differences: object) =>
  Object.assign(storage.auth.data.users.find(({ id }) => id === idOf(name)) ?? {}, differences);
const refresh = (name: string, client_id?: string, remote_address = HOME) =>
  server.inject({
    method: 'POST',
    url: '/auth/token',
    form: { grant_type: 'refresh_token', refresh_token: secretOf(name), ...(client_id && { client_id }) },
    remote_address,
  });

describe('a household', () => {
  test('comes over with roles, groups, logins and pictures', async () => {
    const report = await bring();
    expect(report.people.map(({ name, role, outcome }) => [name, role, outcome])).toEqual([
      ['Paula', 'owner', 'import'],
      ['Home Assistant Content', 'system', 'import'],
      ['Supervisor', 'system', 'import'],
      ['Oskar', 'person', 'import'],
      ['Wall tablet', 'person', 'import'],
      ['Dora', 'person', 'import'],
    ]);
    expect(await user('Paula')).toMatchObject({ is_owner: true, username: 'paula', group_ids: ['system-admin'], picture: null });
    expect(await user('Oskar')).toMatchObject({
      ...{ username: 'oskar', local_only: true, picture: 'https://pictures.example.com/oskar.jpg' },
      group_ids: [idOf('Guests'), 'system-users'],
      credentials: expect.arrayContaining([
        expect.objectContaining({ type: 'command_line' }),
        expect.objectContaining({ type: 'homeassistant' }),
      ]),
    });
    expect(await user('Dora')).toMatchObject({ is_active: false, username: 'dora' });
    expect(await user('Wall tablet')).toMatchObject({ username: 'wall-tablet', local_only: true });
    expect(await user('Supervisor')).toMatchObject({ system_generated: true, username: null, credentials: [] });
    expect(report.notes.map(({ code }) => code)).toEqual(['login_without_user', 'tokens_without_user', 'old_backups']);
    expect(report.groups).toEqual(['Guests']);
  });

  test('logs in with old passwords and codes, and the hashes become argon2id', async () => {
    await bring();
    const { kysely } = server.container.database;
    const hashOf = async (username: string) =>
      (await kysely.selectFrom('local_logins').select('password_hash').where('username', '=', username).executeTakeFirstOrThrow())
        .password_hash;
    expect(await hashOf('oskar')).toMatch(/^\$2y\$12\$/);
    await server.login({ username: 'oskar', password: PASSWORD }, { remote_address: HOME });
    expect(await hashOf('oskar')).toMatch(/^\$argon2id\$/);
    await expect(server.login({ username: 'dora', password: PASSWORD })).rejects.toThrow('User is not active');
    // Paula is asked for her code.
    const started = { client_id: DASHBOARD, redirect_uri: `${DASHBOARD}?auth_callback=1`, handler: ['homeassistant', null] };
    const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: started })).json();
    const step = (values: object) =>
      server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: { client_id: DASHBOARD, ...values } });
    expect((await step({ username: 'Paula', password: PASSWORD })).json()).toMatchObject({ step_id: 'mfa' });
    expect((await step({ code: '000000' })).json()).toMatchObject({ errors: { base: 'invalid_code' } });
    expect((await step({ code: totpCode(TOTP_SECRET, server.clock()) })).json()).toMatchObject({ type: 'create_entry' });
  });

  test('keeps its apps: the old refresh tokens work as before', async () => {
    await bring();
    const answer = await refresh('phone', IOS);
    expect([answer.statusCode, answer.json()]).toEqual([200, { access_token: expect.any(String), token_type: 'Bearer', expires_in: 1800 }]);
    expect((await server.inject({ url: '/api/me', token: answer.json().access_token })).json()).toMatchObject({ name: 'Paula' });
    expect((await refresh('phone', DASHBOARD)).statusCode).toBe(400);
    expect((await refresh('supervisor')).statusCode).toBe(200);
    expect((await refresh('tablet', DASHBOARD)).statusCode).toBe(200);
    expect((await refresh('tablet', DASHBOARD, '203.0.113.7')).statusCode).toBe(403);
    for (const gone of ['forgotten', 'orphan', 'script'])
      expect((await refresh(gone, DASHBOARD)).json()).toEqual({ error: 'invalid_grant' });
    expect((await refresh('dora', DASHBOARD)).statusCode).toBe(403);
    await server.inject({ method: 'POST', url: '/auth/revoke', form: { token: secretOf('phone') } });
    expect((await refresh('phone', IOS)).statusCode).toBe(400);
  });

  test('keeps its scripts: a long-lived token opens the API until it is deleted', async () => {
    await bring();
    const token = signedByHomeAssistant('script', server.clock());
    expect((await server.inject({ url: '/api/', token })).json()).toEqual({ message: 'API running.' });
    const { items } = (await server.inject({ url: '/api/me/refresh_tokens', token })).json();
    expect(items.find(({ id }: { id: string }) => id === idOf('script'))).toMatchObject({
      ...{ client_name: 'Node-RED', client_icon: 'mdi:robot', type: 'long_lived_access_token', is_current: true, expire_at: null },
    });
    // It proves no login, and is no OAuth token.
    expect(
      (await server.inject({ method: 'POST', url: '/api/me/password', token, json: { current_password: 'x', new_password: 'y' } }))
        .statusCode,
    ).toBe(403);
    expect((await server.inject({ url: '/auth/userinfo', token })).statusCode).toBe(401);
    expect((await server.inject({ method: 'DELETE', url: `/api/me/refresh_tokens/${idOf('script')}`, token })).statusCode).toBe(204);
    expect((await server.inject({ url: '/api/', token })).statusCode).toBe(401);
  });

  test('access tokens that apps still hold are refused, and ban nobody', async () => {
    await bring();
    const remote_address = '198.51.100.9';
    for (let n = 0; n < 12; n++)
      expect(
        (await server.inject({ url: '/api/', token: signedByHomeAssistant('phone', server.clock(), 40 * 86_400), remote_address }))
          .statusCode,
      ).toBe(401);
    expect(await server.container.database.kysely.selectFrom('failed_logins').selectAll().execute()).toEqual([]);
  });

  test('no secret of the files is in the database, the log or the report', async () => {
    const report = JSON.stringify(await bring());
    const rows = JSON.stringify(
      await Promise.all(TABLES.map((table) => server.container.database.kysely.selectFrom(table).selectAll().execute())),
    );
    const names = ['phone', 'browser', 'script', 'script key', 'supervisor'];
    for (const text of [...names.map(secretOf), TOTP_SECRET, PASSWORD_ENTRY]) {
      expect(rows).not.toContain(text);
      expect(rows).not.toContain(Buffer.from(text).toJSON().data.join(','));
      expect(report + server.lines.join()).not.toContain(text);
    }
  });

  test('sealed keys move to a new secret key', async () => {
    await bring();
    const { database, sealer } = server.container;
    // Nothing is sealed with an earlier key, and rows without a key are left alone.
    expect(await resealSecrets({ database, sealer })).toBe(0);
  });
});

describe('repeating', () => {
  test('a dry run changes nothing and says what the import then says', async () => {
    const before = await content();
    const planned = await bring({ apply: false });
    expect(await content()).toBe(before);
    expect({ ...(await bring()), applied: false }).toEqual(planned);
  });

  test('a second run changes nothing, not even what was deleted or renamed here', async () => {
    await bring();
    await server.inject({ method: 'POST', url: '/auth/revoke', form: { token: secretOf('phone') } });
    await server.container.users.update(idOf('Oskar'), { username: 'ossi', group_ids: [] }, OPERATOR);
    const before = await content();
    expect(new Set(Object.values(await outcomes()))).toEqual(new Set(['present']));
    expect(await content()).toBe(before);
  });

  test('an import that ends in the middle leaves whole people, and is continued', async () => {
    const { kysely } = server.container.database;
    const table = kysely.schema.alterTable('refresh_tokens');
    await table.addCheckConstraint('no_tablet', sql`id <> ${sql.lit(idOf('tablet'))}`).execute();
    await expect(bring()).rejects.toThrow('no_tablet');
    await table.dropConstraint('no_tablet').execute();
    expect([(await user('Oskar'))?.username, await user('Wall tablet'), await user('Dora')]).toEqual(['oskar', undefined, undefined]);
    expect(await outcomes()).toEqual({
      ...{ Paula: 'present', 'Home Assistant Content': 'present', Supervisor: 'present', Oskar: 'present' },
      ...{ 'Wall tablet': 'import', Dora: 'import' },
    });
  });

  test('of two imports at once each person is brought by one, whole', async () => {
    const [one, other] = await Promise.all([bring(), bring()]);
    for (const [index, { outcome }] of one.people.entries())
      expect([outcome, other.people[index]?.outcome].sort()).toEqual(['import', 'present']);
    expect((await bring()).people.every(({ outcome }) => outcome === 'present')).toBe(true);
  });
});

describe('a server with an owner', () => {
  beforeEach(async () => {
    const ada = { id: idOf('Ada'), name: 'Ada', username: 'ada', is_owner: true, is_active: true, created_at: server.clock() };
    await server.container.database.kysely.insertInto('users').values(ada).execute();
  });

  test('keeps them; the imported owner becomes an administrator, and the report says so', async () => {
    const { people } = await bring();
    expect(people.find(({ name }) => name === 'Paula')).toMatchObject({
      role: 'administrator',
      notes: expect.arrayContaining([expect.objectContaining({ code: 'becomes_administrator' })]),
    });
    expect(await user('Paula')).toMatchObject({ is_owner: false, group_ids: ['system-admin'] });
  });

  test('an owner without the group of administrators gets it', async () => {
    edit('Paula', { group_ids: [] });
    await bring();
    expect(await user('Paula')).toMatchObject({ is_owner: false, group_ids: ['system-admin'] });
  });

  test('a username of somebody here is refused with their name; the rest comes over', async () => {
    storage.auth.data.credentials.find(({ data }) => data.username === 'oskar')!.data.username = 'ADA ';
    storage['auth_provider.homeassistant'].data.users[1]!.username = 'Ada';
    const { people } = await bring();
    expect(people.find(({ name }) => name === 'Oskar')).toMatchObject({
      outcome: 'refused',
      reason: { code: 'username_taken', text: expect.stringContaining('belongs to Ada here') },
    });
    expect([await user('Oskar'), (await user('Paula'))?.username]).toEqual([undefined, 'paula']);
  });

  test('a former username is refused unless that is allowed', async () => {
    const retired = { username: 'oskar', user_id: '0'.repeat(32), retired_at: server.clock() };
    await server.container.database.kysely.insertInto('retired_usernames').values(retired).execute();
    expect(await outcomes()).toMatchObject({ Oskar: 'username_retired' });
    expect(await outcomes({ reuse_usernames: true })).toMatchObject({ Oskar: 'import' });
  });

  test('a login that belongs to somebody here is refused', async () => {
    const { kysely } = server.container.database;
    const origin = { auth_provider_type: 'command_line', auth_provider_id: null, subject: 'oskar@example.com' };
    const { id: user_id } = await kysely.selectFrom('users').select('id').where('is_owner', '=', true).executeTakeFirstOrThrow();
    await kysely
      .insertInto('credentials')
      .values({ id: '0'.repeat(32), user_id, ...origin, data: '{}', created_at: server.clock() })
      .execute();
    expect(await outcomes()).toMatchObject({ Oskar: 'identity_taken', Dora: 'import' });
  });

  test('only the owner imports, after a fresh login', async () => {
    const options = { apply: true, without_tokens: false, reuse_usernames: false };
    const administrator = { user_id: idOf('Ada'), is_owner: false, is_admin: true, remote_address: HOME };
    const { imports } = server.container;
    await expect(imports.homeAssistant(storage, options, administrator)).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(imports.homeAssistant(storage, options, { ...administrator, is_owner: true })).rejects.toMatchObject({
      code: 'reauth_required',
    });
    expect(await user('Oskar')).toBeUndefined();
  });
});

describe('what does not come over is said', () => {
  test('without tokens everybody comes, and no token', async () => {
    await bring({ without_tokens: true });
    expect(await server.container.database.kysely.selectFrom('refresh_tokens').select('id').execute()).toEqual([]);
    expect(await notesOf('Paula', { apply: false })).toEqual([]);
  });

  test('a second login of one provider: the one used last is kept, and the tokens of both', async () => {
    storage.auth.data.credentials.push(credentialEntry('Oskar', 'homeassistant', { username: 'ossi' }, 'second'));
    storage['auth_provider.homeassistant'].data.users.push({ username: 'ossi', password: PASSWORD_ENTRY });
    storage.auth.data.refresh_tokens.push(
      tokenEntry('old', 'Oskar', server.clock(), { last_used_at: '2026-01-01T00:00:00.000000+00:00' }),
      tokenEntry('new', 'Oskar', server.clock(), { credential_id: idOf('second') }),
    );
    const { people } = await bring();
    expect(people.find(({ name }) => name === 'Oskar')?.notes).toContainEqual(
      expect.objectContaining({ code: 'second_credential', kept: 'ossi', dropped: 'oskar' }),
    );
    expect(await user('Oskar')).toMatchObject({ username: 'ossi' });
    for (const name of ['old', 'new']) expect((await refresh(name, DASHBOARD)).statusCode).toBe(200);
  });

  test.each<[string, () => unknown, string, string]>([
    ['a username with a control character', () => (credentialOf('oskar').data.username = 'os\u0007kar'), 'Oskar', 'username_invalid'],
    ['two entries of one username', () => passwords().push({ username: 'Oskar', password: PASSWORD_ENTRY }), 'Oskar', 'username_twice'],
    ['a secret that is no base32', () => (storage['auth_module.totp'].data.users[idOf('Paula')] = 'x'), 'Paula', 'factor_invalid'],
    [
      'a second factor that is not configured',
      () => Object.assign(storage, { 'auth_module.notify': notify({ notify_service: 'mobile_app_oskar', target: null }) }),
      'Oskar',
      'factor_not_configured',
    ],
  ])('%s: the person stays behind, and nothing of theirs is written', async (_story, change, name, code) => {
    change();
    expect(await outcomes()).toMatchObject({ [name]: code, Dora: 'import' });
    expect(await user(name)).toBeUndefined();
  });

  test.each<[string, () => unknown, string]>([
    [
      'a custom provider',
      () => storage.auth.data.credentials.push(credentialEntry('Oskar', 'auth_oidc', { sub: 'x' })),
      'provider_unknown',
    ],
    ['a login of somebody else', () => (credentialOf('oskar@example.com').data.username = '  '), 'credential_invalid'],
    ['no password', () => passwords().splice(1, 1), 'no_password'],
    ['an MD5 hash', () => (passwords()[1]!.password = Buffer.from('$1$abc$def').toString('base64')), 'password_unreadable'],
    ['an unknown group', () => edit('Oskar', { group_ids: ['nobody-has-this'] }), 'group_unknown'],
    ['a weak key', () => pushToken({ jwt_key: 'a' }), 'tokens_unusable'],
    ['a short token', () => pushToken({ token: 'a' }), 'tokens_unusable'],
    ['a system token of a person', () => pushToken({ token_type: 'system', client_id: null }), 'tokens_unusable'],
    ['an unreadable time', () => pushToken({ created_at: 'yesterday' }), 'tokens_unusable'],
    ['an expired token', () => pushToken({ expire_at: 1 }), 'tokens_expired'],
    [
      'an expired long-lived token',
      () => pushToken({ token_type: 'long_lived_access_token', client_name: 'x', expire_at: null }),
      'tokens_expired',
    ],
  ])('%s: the person comes over without it', async (_story, change, code) => {
    change();
    expect(await notesOf('Oskar')).toContain(code);
    expect(await user('Oskar')).toMatchObject({ is_active: true, username: 'oskar' });
  });

  test('an invalid policy: the group stays behind, and nobody is in it', async () => {
    storage.auth.data.groups[3]!.policy = { entities: false };
    const report = await bring();
    expect(report.notes.map(({ code }) => code)).toContain('group_invalid');
    expect(await user('Oskar')).toMatchObject({ group_ids: ['system-users'] });
  });

  const credentialOf = (username: string) => storage.auth.data.credentials.find(({ data }) => data.username === username)!;
  const passwords = () => storage['auth_provider.homeassistant'].data.users;
  const notify = (route: object) => ({
    version: 1,
    minor_version: 1,
    key: 'auth_module.notify',
    data: { users: { [idOf('Oskar')]: route } },
  });
  const pushToken = (differences: object) =>
    storage.auth.data.refresh_tokens.push({ ...tokenEntry('odd', 'Oskar', server.clock()), ...differences });
});

test('10,000 people and as many tokens', async () => {
  const now = server.clock();
  const names = Array.from({ length: 10_000 }, (_, n) => `person ${n}`);
  storage.auth.data.users = names.map((name) => userEntry(name));
  storage.auth.data.credentials = names.map((name) => credentialEntry(name, 'homeassistant', { username: name }));
  storage.auth.data.refresh_tokens = names.map((name) => tokenEntry(`of ${name}`, name, now));
  storage['auth_provider.homeassistant'].data.users = names.map((username) => ({ username, password: PASSWORD_ENTRY }));
  const { people } = await bring({ apply: false });
  expect(people.filter(({ outcome }) => outcome === 'import')).toHaveLength(10_000);
});
