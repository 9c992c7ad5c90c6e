// The commands, one by one: results and errors as Home Assistant's front-end reads them, and the
// rules of the JSON API behind them.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { byId, runArea } from '../../../support/clients/vector_driver.ts';
import type { Vector } from '../../../support/clients/vectors.ts';
import { authenticatedSocket, type Socket } from '../../../support/clients/websocket.ts';
import { addApiPerson, type Call, callerWith, type Person } from '../../../support/fixtures/api.ts';
import { perFile } from '../../../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, startServer } from '../../../support/fixtures/server.ts';
import { totpCode } from '../../../support/fixtures/totp.ts';

const NOBODY = '0'.repeat(32);
const PROVIDER = 'config/auth_provider/homeassistant';

const server = perFile(() => startServer({ config: { auth_mfa_modules: [{ type: 'totp' }], http: { ip_ban_enabled: false } } }));
let owner: Call;
let owner_id: string;
let as_owner: Socket;
beforeAll(async () => {
  const { access_token } = await server.ownerTokens();
  owner = callerWith(server, access_token);
  owner_id = (await owner('GET', '/api/me')).json().id;
  as_owner = await authenticatedSocket(server, access_token);
});

let count = 0;
let person: Person;
let socket: Socket;
beforeEach(async () => {
  count += 1;
  person = await addApiPerson(server, owner, `person${count}`);
  socket = await authenticatedSocket(server, person.access_token);
});

async function administrator(name = `admin${count}`): Promise<Person & { socket: Socket }> {
  const made = await addApiPerson(server, owner, name, ['system-admin']);
  return { ...made, socket: await authenticatedSocket(server, made.access_token) };
}
const fails = async (from: Socket, type: string, fields: object, error: object) =>
  expect([type, await from.command(type, fields)]).toMatchObject([type, { success: false, error }]);
const result = async (from: Socket, type: string, fields: object = {}) => {
  const answer = await from.command(type, fields);
  if (!answer.success) throw new Error(`${type}: ${JSON.stringify(answer.error)}`);
  return answer.result;
};
const tokens = async (from = socket) => (await result(from, 'auth/refresh_tokens')) as Record<string, unknown>[];

/** One current token, two other normal ones and a long-lived one. */
async function fourTokens(): Promise<void> {
  await server.redeem(await server.login(person));
  await server.redeem(await server.login(person));
  await result(socket, 'auth/long_lived_access_token', { client_name: 'script', lifespan: 1 });
}
async function left(): Promise<{ normal: number; long_lived: number }> {
  const rows = await server.container.database.kysely
    .selectFrom('refresh_tokens')
    .select('token_type')
    .where('user_id', '=', person.id)
    .execute();
  const of = (type: string) => rows.filter(({ token_type }) => token_type === type).length;
  return { normal: of('normal'), long_lived: of('long_lived_access_token') };
}

runArea(
  'ws-tokens',
  byId({
    'ws-tokens-001': async ({ request: { ws }, expect: want }) => {
      const { type, ...fields } = ws;
      const token = await result(socket, type, fields);
      expect((await server.inject({ url: '/api/', token })).statusCode).toBe(200);
      expect(await tokens()).toContainEqual(expect.objectContaining(want.refresh_token));
    },
    'ws-tokens-003': async ({ request: { ws }, expect: want }) => {
      const { type, ...fields } = ws;
      await fails(socket, type, fields, want.error);
    },
    'ws-tokens-004': async ({ expect: want }) => {
      const [only, ...others] = await tokens();
      expect(others).toEqual([]);
      expect(Object.keys(only!).sort()).toEqual(want.result_keys);
      expect(only).toMatchObject({ is_current: true, client_id: CLIENT_ID, created_at: expect.stringMatching(/\.\d{6}\+00:00$/) });
    },
    'ws-tokens-005': async ({ request: { ws }, expect: want }) => {
      await fourTokens();
      const other = (await tokens()).find(({ is_current }) => !is_current)!;
      expect(await result(socket, ws.type, { refresh_token_id: other.id })).toEqual(want.result);
      expect(await tokens()).toHaveLength(3);
    },
    'ws-tokens-008': deleteAll,
    'ws-tokens-009': deleteAll,
    'ws-tokens-011': deleteAll,
    'ws-tokens-014': async ({ request: { ws }, expect: want }) => {
      const answer = await result(as_owner, ws.type);
      expect(Object.keys(answer)).toEqual(want.result_keys);
      expect(answer).toMatchObject({ id: owner_id, name: OWNER.name, is_owner: true, is_admin: true, credentials: want.credentials });
      expect(answer.mfa_modules).toEqual([{ id: 'totp', name: expect.any(String), enabled: false }]);
    },
    // Disabling a person ends their grants; this one is disabled as an older version left it.
    'ws-tokens-015': async ({ request: { ws }, expect: want }) => {
      await server.container.database.kysely.updateTable('users').set({ is_active: false }).where('id', '=', person.id).execute();
      await fails(socket, ws.type, {}, want.error);
      expect(await socket.closed).toBe(1000);
    },
  }),
);

async function deleteAll({ request: { ws }, expect: want }: Vector): Promise<void> {
  await fourTokens();
  const { type, ...fields } = ws;
  expect(await result(socket, type, fields)).toEqual(want.result);
  expect(await left()).toEqual({ normal: want.left_normal, long_lived: want.left_long_lived });
  if (want.left_normal === 0) expect(await socket.closed).toBe(1000);
}

describe('tokens', () => {
  it('of others can be neither deleted nor changed', async () => {
    const [own] = await tokens(as_owner);
    const error = { code: 'invalid_token_id', message: 'Received invalid token' };
    for (const refresh_token_id of [own!.id, NOBODY, '']) {
      await fails(socket, 'auth/delete_refresh_token', { refresh_token_id }, error);
      await fails(socket, 'auth/refresh_token_set_expiry', { refresh_token_id, enable_expiry: true }, error);
    }
    expect(await tokens(as_owner)).not.toEqual([]);
  });

  it('are given an idle expiry and freed of it', async () => {
    const [{ id: refresh_token_id } = {}] = await tokens();
    expect(await result(socket, 'auth/refresh_token_set_expiry', { refresh_token_id, enable_expiry: true })).toEqual({});
    expect(await tokens()).toMatchObject([{ expire_at: expect.stringMatching(/\+00:00$/) }]);
    await result(socket, 'auth/refresh_token_set_expiry', { refresh_token_id, enable_expiry: false });
    expect(await tokens()).toMatchObject([{ expire_at: null }]);
  });

  it('that are current end the connection after the answer', async () => {
    const [{ id: refresh_token_id } = {}] = await tokens();
    expect(await result(socket, 'auth/delete_refresh_token', { refresh_token_id })).toEqual({});
    expect(await socket.closed).toBe(1000);
  });

  it('have distinct names, and at most ten years', async () => {
    const fields = { client_name: 'script', lifespan: 3650 };
    await result(socket, 'auth/long_lived_access_token', fields);
    await fails(socket, 'auth/long_lived_access_token', fields, { code: 'unknown_error', message: 'script already exists' });
    for (const lifespan of [0, -1, 3651, 1.5, '1']) {
      await fails(socket, 'auth/long_lived_access_token', { ...fields, lifespan }, { code: 'invalid_format' });
    }
  });
});

describe('second factors', () => {
  it('are set up by a flow and removed', async () => {
    const form = await result(socket, 'auth/setup_mfa', { mfa_module_id: 'totp' });
    expect(form).toMatchObject({ type: 'form', handler: 'totp', step_id: 'init', data_schema: [{ type: 'string', name: 'code' }] });
    expect(form.data_schema[0]).not.toHaveProperty('kind');
    const { flow_id } = form;
    await fails(as_owner, 'auth/setup_mfa', { flow_id, user_input: { code: '000000' } }, { code: 'unknown_flow' });
    const wrong = await result(socket, 'auth/setup_mfa', { flow_id, user_input: { code: '000000' } });
    expect(wrong).toMatchObject({ type: 'form', errors: { base: 'invalid_code' } });
    const secret = form.description_placeholders.code.replaceAll(' ', '');
    const code = totpCode(secret, server.clock());
    expect(await result(socket, 'auth/setup_mfa', { flow_id, user_input: { code } })).toMatchObject({
      type: 'create_entry',
      data: expect.anything(),
    });
    expect((await result(socket, 'auth/current_user')).mfa_modules).toMatchObject([{ id: 'totp', enabled: true }]);
    // The login of this connection did not use the factor.
    await fails(socket, 'auth/depose_mfa', { mfa_module_id: 'totp' }, { code: 'reauth_required', message: 'Log in again to do this.' });
  });

  it.each<[string, object, object]>([
    ['auth/setup_mfa', { mfa_module_id: 'none' }, { code: 'no_module', message: 'MFA module none is not found' }],
    ['auth/setup_mfa', {}, { code: 'invalid_format' }],
    ['auth/setup_mfa', { mfa_module_id: 'totp', flow_id: 'x' }, { code: 'invalid_format' }],
    ['auth/setup_mfa', { flow_id: 'x' }, { code: 'unknown_flow' }],
    [
      'auth/depose_mfa',
      { mfa_module_id: 'none' },
      { code: 'disable_failed', message: 'Cannot disable MFA Module none: MFA module none is not found' },
    ],
  ])('%s with %j is refused', async (type, fields, error) => fails(socket, type, fields, error));

  it('are not removed by somebody who has none', async () => {
    expect(await result(socket, 'auth/depose_mfa', { mfa_module_id: 'totp' })).toBe('done');
  });
});

describe('people', () => {
  it('are listed, created, changed and deleted', async () => {
    const users = await result(as_owner, 'config/auth/list');
    expect(users).toContainEqual({
      ...{ id: person.id, username: person.username, name: person.username, is_owner: false, is_active: true },
      ...{ local_only: false, system_generated: false, group_ids: ['system-users'], credentials: [{ type: 'homeassistant' }] },
    });
    const { user } = await result(as_owner, 'config/auth/create', { name: 'Bob', group_ids: ['system-users'], local_only: true });
    expect(user).toMatchObject({ name: 'Bob', group_ids: ['system-users'], local_only: true, credentials: [] });
    const changed = await result(as_owner, 'config/auth/update', { user_id: user.id, name: 'Rob', group_ids: [], local_only: false });
    expect(changed.user).toMatchObject({ name: 'Rob', group_ids: [], local_only: false });
    expect(await result(as_owner, 'config/auth/delete', { user_id: user.id })).toBeNull();
    await fails(as_owner, 'config/auth/delete', { user_id: user.id }, { code: 'not_found', message: 'User not found' });
  });

  it('get, rename and lose a local login', async () => {
    const { user } = await result(as_owner, 'config/auth/create', { name: 'Bob' });
    const [username, password] = [`bob${count}`, 'a password of bob'];
    expect(await result(as_owner, `${PROVIDER}/create`, { user_id: user.id, username, password })).toBeNull();
    await server.login({ username, password });
    expect(await result(as_owner, `${PROVIDER}/admin_change_username`, { user_id: user.id, username: `rob${count}` })).toBeNull();
    expect(await result(as_owner, `${PROVIDER}/admin_change_password`, { user_id: user.id, password: 'another password' })).toBeNull();
    await server.login({ username: `rob${count}`, password: 'another password' });
    await fails(as_owner, `${PROVIDER}/delete`, { username: `rob${count}` }, { code: 'last_credential' });
  });

  it('change their own password', async () => {
    const fields = { current_password: person.password, new_password: 'another good password' };
    const wrong = { ...fields, current_password: 'wrong' };
    await fails(socket, `${PROVIDER}/change_password`, wrong, { code: 'invalid_current_password', message: 'Invalid current password' });
    expect(await result(socket, `${PROVIDER}/change_password`, fields)).toBeNull();
    await server.login({ username: person.username, password: fields.new_password });
  });

  it.each<[string, object, object]>([
    ['config/auth/create', { name: 'x', group_ids: ['none'] }, { code: 'unknown_error', message: 'Unknown group' }],
    ['config/auth/update', { user_id: NOBODY, name: 'x' }, { code: 'not_found', message: 'User not found' }],
    [`${PROVIDER}/create`, { user_id: NOBODY, username: 'x', password: 'x' }, { code: 'not_found' }],
    [
      `${PROVIDER}/delete`,
      { username: 'nobody' },
      { code: 'home_assistant_error', translation_key: 'user_not_found', translation_domain: 'auth' },
    ],
    [`${PROVIDER}/admin_change_password`, { user_id: NOBODY, password: 'x' }, { code: 'user_not_found', message: 'User not found' }],
    [`${PROVIDER}/admin_change_username`, { user_id: NOBODY, username: 'x' }, { code: 'user_not_found' }],
  ])('%s with %j is refused', async (type, fields, error) => fails(as_owner, type, fields, error));

  it('cannot take a name that is taken or not normalized', async () => {
    const change = (username: string) => ({ user_id: person.id, username });
    const taken = { code: 'home_assistant_error', translation_key: 'username_already_exists', message: 'Username "ada" already exists' };
    await fails(as_owner, `${PROVIDER}/admin_change_username`, change('ada'), taken);
    await fails(as_owner, `${PROVIDER}/admin_change_username`, change('Ada '), { translation_key: 'username_not_normalized' });
  });
});

/** Every command, with fields that would change something for a person named by `user_id`. */
const CHANGES: Record<string, (user_id: string, username: string) => object> = {
  'config/auth/list': () => ({}),
  'config/auth/create': () => ({ name: 'Bob', group_ids: ['system-users'] }),
  'config/auth/update': (user_id) => ({ user_id, local_only: true }),
  'config/auth/delete': (user_id) => ({ user_id }),
  [`${PROVIDER}/create`]: (user_id) => ({ user_id, username: 'another', password: 'a good long password' }),
  [`${PROVIDER}/delete`]: (_, username) => ({ username }),
  [`${PROVIDER}/admin_change_password`]: (user_id) => ({ user_id, password: 'a good long password' }),
  [`${PROVIDER}/admin_change_username`]: (user_id) => ({ user_id, username: 'another' }),
};

describe('rules', () => {
  it.each(Object.keys(CHANGES))('%s is for administrators', async (type) => {
    await fails(socket, type, CHANGES[type]!(person.id, person.username), { code: 'unauthorized', message: 'Unauthorized' });
  });

  it('let no administrator change the owner', async () => {
    const admin = await administrator();
    for (const [type, fields] of Object.entries(CHANGES).filter(([type]) => !/list|auth\/create/.test(type))) {
      await fails(admin.socket, type, fields(owner_id, OWNER.username), {
        code: expect.toBeOneOf(['cannot_modify_owner', 'unauthorized']),
      });
    }
    await server.login(OWNER);
    expect(await result(as_owner, 'auth/current_user')).toMatchObject({ is_owner: true });
  });

  it('let nobody delete themselves, nor the owner be deactivated', async () => {
    const admin = await administrator();
    const message = 'Unable to delete your own account';
    await fails(admin.socket, 'config/auth/delete', { user_id: admin.id }, { code: 'no_delete_self', message });
    const fields = { user_id: owner_id, is_active: false };
    await fails(as_owner, 'config/auth/update', fields, { code: 'cannot_deactivate_owner', message: 'Unable to deactivate owner.' });
  });

  it('close every connection of a person who is deactivated or deleted', async () => {
    const other = await authenticatedSocket(server, person.access_token);
    await result(as_owner, 'config/auth/update', { user_id: person.id, is_active: false });
    expect(await Promise.all([socket.closed, other.closed])).toEqual([1000, 1000]);
  });

  it('need a login of the last five minutes, as the JSON API does', async () => {
    const admin = await administrator();
    const { access_token } = await server.redeem(await server.login(OWNER));
    const late_owner = await authenticatedSocket(server, access_token);
    const long_lived = await authenticatedSocket(
      server,
      await result(late_owner, 'auth/long_lived_access_token', { client_name: `s${count}`, lifespan: 9 }),
    );
    server.advance(301);
    const fresh: [string, object][] = [
      ['auth/long_lived_access_token', { client_name: 'late', lifespan: 1 }],
      ['auth/setup_mfa', { mfa_module_id: 'totp' }],
      ['auth/depose_mfa', { mfa_module_id: 'totp' }],
      [`${PROVIDER}/change_password`, { current_password: OWNER.password, new_password: 'another good password' }],
      ...Object.entries(CHANGES).flatMap<[string, object]>(([type, fields]) =>
        type.endsWith('list') ? [] : [[type, fields(admin.id, admin.username)]],
      ),
    ];
    for (const [type, fields] of fresh) {
      const error = { code: 'reauth_required', message: 'Log in again to do this.' };
      for (const from of [late_owner, long_lived]) await fails(from, type, fields, error);
    }
    expect(await result(late_owner, 'config/auth/update', { user_id: admin.id, name: 'Renamed' })).toMatchObject({
      user: { name: 'Renamed' },
    });
    ({ access_token: admin.access_token } = await server.redeem(await server.login(OWNER)));
    owner = callerWith(server, admin.access_token);
    as_owner = await authenticatedSocket(server, admin.access_token);
  });

  it('are explained by the reference of a refusal', async () => {
    // Of one address, only so many a minute are kept.
    server.advance(61);
    const { error } = await socket.command('config/auth/list');
    await server.container.audit.flush();
    const events = server.container.database.kysely.selectFrom('audit_events').selectAll();
    const event = await events.where('error_ref', '=', error.error_ref).executeTakeFirstOrThrow();
    expect(event).toMatchObject({
      type: 'request.refused',
      actor_user_id: person.id,
      detail: { command: 'config/auth/list', code: 'unauthorized' },
    });
  });

  it('write no secret to the log', async () => {
    const secrets = ['a-secret-password-1', 'a-secret-password-2'];
    const [current_password, new_password] = secrets;
    await socket.command(`${PROVIDER}/change_password`, { current_password, new_password });
    const token = await result(socket, 'auth/long_lived_access_token', { client_name: 'script', lifespan: 1 });
    const log = server.lines.join();
    for (const secret of [...secrets, token, token.split('.')[2]]) expect(log).not.toContain(secret);
  });
});
