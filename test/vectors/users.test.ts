// Users and the logins of the local provider, by the JSON API: what Home Assistant does over its
// WebSocket.
import type { LightMyRequestResponse } from 'fastify';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { randomId } from '../../src/domain/secret.ts';
import { byId, runArea } from '../support/clients/vector_driver.ts';
import type { Vector } from '../support/clients/vectors.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';
import { addSomeone, example } from '../support/fixtures/someone.ts';

const NOBODY = randomId();
const USER = { username: 'test-user', password: 'test-pass' };

let server: TestServer;
/** Access tokens of who calls. */
const tokens: Record<string, string> = {};
let owner_id: string;
let admin_id: string;
beforeAll(async () => {
  const local = { type: 'homeassistant', minimum_password_length: 1 };
  const people = example('reader', 'admin', 'plain', 'changing', 'newcomer');
  server = await startServer({
    config: { auth_providers: [local, { ...people, new_users: 'activate' }], http: { ip_ban_enabled: false } },
  });
  tokens.owner = (await server.ownerTokens()).access_token;
  tokens['read-only user'] = (await addSomeone(server, 'reader', { group_ids: ['system-read-only'] })).access_token;
  const admin = await addSomeone(server, 'admin', { group_ids: ['system-admin'] });
  tokens.admin = tokens['admin, not owner'] = admin.access_token;
  owner_id = (await call('GET', '/api/me', undefined, 'owner')).json().id;
  admin_id = (await call('GET', '/api/me')).json().id;
});
afterAll(() => server.close());

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
const call = (method: Method, url: string, json?: unknown, caller = 'admin') =>
  server.inject({ method, url, json, token: tokens[caller]! });
const kysely = () => server.container.database.kysely;
const users = async () => (await call('GET', '/api/users?limit=200')).json().items as Record<string, unknown>[];
const person = async (user: Parameters<typeof addPerson>[1] = {}) => (await addPerson(server.container.database, user)).id;

/** The HTTP request of a WebSocket command. */
function ask({ ws }: Vector['request'], caller: string, user_id: string = ws.user_id): Promise<LightMyRequestResponse> {
  const { type, user_id: _, username, password, ...body } = ws;
  const user = `/api/users/${user_id}`;
  const requests: Record<string, () => Promise<LightMyRequestResponse>> = {
    'config/auth/list': () => call('GET', '/api/users', undefined, caller),
    'config/auth/create': () => call('POST', '/api/users', body, caller),
    'config/auth/update': () => call('PATCH', user, body, caller),
    'config/auth/delete': () => call('DELETE', user, undefined, caller),
    'config/auth_provider/homeassistant/create': () => call('POST', `${user}/login`, { username, password }, caller),
    'config/auth_provider/homeassistant/delete': () => call('DELETE', `${user}/login`, undefined, caller),
    'config/auth_provider/homeassistant/change_password': () => call('POST', '/api/me/password', body, caller),
    'config/auth_provider/homeassistant/admin_change_password': () => call('PUT', `${user}/login/password`, { password }, caller),
    'config/auth_provider/homeassistant/admin_change_username': () => call('PUT', `${user}/login/username`, { username }, caller),
  };
  return requests[type]!();
}

const STATUS: Record<string, number> = {
  unauthorized: 403,
  not_found: 404,
  credentials_not_found: 404,
  cannot_modify_system_generated: 409,
  username_already_exists: 409,
};

/** A refusal by its code, in Home Assistant's words where the case has them. */
function expectRefusal(answer: LightMyRequestResponse, code: string, message: unknown = expect.any(String)): void {
  expect([answer.statusCode, answer.json()]).toEqual([STATUS[code] ?? 400, { code, message, error_ref: expect.any(String) }]);
}
const refused = async ({ given, request, expect: want }: Vector, user_id?: string) =>
  expectRefusal(await ask(request, given.caller, user_id ?? NOBODY), want.error.code, want.error.message);

runArea(
  'users',
  byId({
    'users-001': refused,
    'users-002': async ({ request, expect: want }) => {
      await person({ system_generated: true });
      const { items } = (await ask(request, 'admin')).json();
      for (const item of items) for (const key of want.item_keys) expect(item).toHaveProperty(key);
      expect(items.some(({ system_generated }: { system_generated: boolean }) => system_generated)).toBe(want.includes_system_users);
    },
    'users-003': async ({ expect: want }) => {
      const id = await person();
      expect((await users()).find((user) => user.id === id)).toMatchObject(want.example_without_local_credential);
    },
    'users-004': refused,
    'users-006': refused,
    'users-007': async ({ request, expect: want }) => {
      const id = await person();
      const before = (await users()).length;
      expect((await ask(request, 'admin', id)).statusCode).toBe(204);
      expect((await users()).length - before).toBe(want.users_delta);
      await server.container.audit.flush();
      const events = await kysely().selectFrom('audit_events').select('type').where('target_user_id', '=', id).execute();
      expect(events).toEqual([{ type: 'user.deleted' }]);
    },
    'users-008': async ({ request, expect: want }) => {
      const made = await ask(request, 'admin');
      expect([made.statusCode, made.json()]).toEqual([201, expect.objectContaining(want.user)]);
    },
    'users-011': refused,
    'users-012': refused,
    'users-016': async (vector) => refused(vector, await person({ system_generated: true })),
    'users-019': async ({ request, expect: want }) => {
      expect((await ask(request, 'admin', await person())).json()).toMatchObject(want.user);
    },
    'users-021': async (vector) => {
      const id = await person({ name: 'Paulus' });
      await refused(vector, id);
      expect((await users()).find((user) => user.id === id)).toMatchObject({ name: 'Paulus' });
    },
    'users-023': async ({ request }) => {
      const made = await call('POST', '/api/users', { name: request.create });
      expect(made.json()).toMatchObject({ is_owner: false, group_ids: [] });
    },
    'users-024': async ({ request: { create: name, group_ids, local_only }, expect: want }) => {
      const made = await call('POST', '/api/users', { name, group_ids, local_only });
      expect(made.json()).toMatchObject({ group_ids, local_only: want.local_only });
    },
    'users-028': async () => {
      const id = await person({ username: 'stays' });
      await sql`create function refuse() returns trigger language plpgsql as 'begin raise exception ''no''; end'`.execute(kysely());
      await sql`create trigger refuse before delete on credentials for each row execute function refuse()`.execute(kysely());
      expect((await call('DELETE', `/api/users/${id}`)).statusCode).toBe(500);
      await sql`drop trigger refuse on credentials`.execute(kysely());
      expect((await users()).find((user) => user.id === id)).toMatchObject({ username: 'stays' });
    },
    'users-029': async ({ expect: want }) => {
      const { user_id: id, access_token: token } = await addSomeone(server, 'changing');
      const me = async () => (await server.inject({ url: '/api/me', token })).json().is_admin ?? false;
      const is_owner = (owner: string) =>
        kysely()
          .transaction()
          .execute(async (trx) => {
            await trx.updateTable('users').set({ is_owner: false }).where('is_owner', '=', true).execute();
            await trx.updateTable('users').set({ is_owner: true }).where('id', '=', owner).execute();
          });
      const patch = (json: object) => call('PATCH', `/api/users/${id}`, json);
      const changes = [
        () => patch({ group_ids: [] }),
        () => is_owner(id),
        () => is_owner(owner_id),
        () => patch({ group_ids: ['system-admin'] }),
        () => patch({ is_active: false }),
      ];
      const seen = [];
      for (const change of changes) {
        await change();
        seen.push(await me());
      }
      expect(seen).toEqual(want.is_admin);
    },
  }),
  {
    'users-026': async () => {
      const token = await server.login({ username: 'newcomer', password: 'test-pass' }, { handler: ['insecure_example', null] });
      const me = await server.inject({ url: '/api/me', token: (await server.redeem(token)).access_token });
      expect(me.json()).toMatchObject({ is_owner: false, is_admin: false });
      expect(await server.container.users.get(me.json().id)).toMatchObject({ is_active: true, group_ids: ['system-users'] });
    },
  },
);

/** Whose local login is test-user. */
let user_id: string;
beforeEach(async () => {
  await kysely().deleteFrom('retired_usernames').execute();
  await kysely().deleteFrom('local_logins').where('username', '!=', OWNER.username).execute();
  await kysely().deleteFrom('users').where('name', '=', 'Paulus').execute();
  user_id = await person();
  // An administrator adds a login only to a person whom they made.
  await kysely().updateTable('users').set({ created_by: admin_id }).where('id', '=', user_id).execute();
});
const store = async ({ username, password } = USER) => {
  expect((await call('POST', `/api/users/${user_id}/login`, { username, password })).statusCode).toBe(201);
};
const stored = async () =>
  (await kysely().selectFrom('local_logins').select('username').where('username', '!=', OWNER.username).execute()).map(
    ({ username }) => username,
  );
async function logsIn([username, password]: [string, string]): Promise<boolean> {
  const code = await server.login({ username, password }).catch(() => null);
  return code !== null;
}
async function login({ request, given, expect: want }: Vector): Promise<void> {
  await store(given.stored[0]);
  expect(await logsIn(request.login)).toBe(want.ok);
}
const rename = (username: string, id = user_id) => call('PUT', `/api/users/${id}/login/username`, { username }, 'owner');
async function ownPassword({ request }: Vector): Promise<LightMyRequestResponse> {
  tokens['owner of login test-user'] = (await server.redeem(await server.login(USER))).access_token;
  return await ask(request, 'owner of login test-user');
}

runArea(
  'local-provider',
  byId({
    'local-provider-003': login,
    'local-provider-004': login,
    'local-provider-006': login,
    'local-provider-009': async ({ request: { add }, expect: want }) => {
      await store();
      const refusal = await call('POST', `/api/users/${await person()}/login`, { username: add[0], password: add[1] }, 'owner');
      expectRefusal(refusal, want.error);
    },
    'local-provider-010': async ({ request: { add } }) => {
      await store({ username: add[0], password: add[1] });
      expect(await logsIn(add)).toBe(true);
    },
    'local-provider-013': async ({ request, expect: want }) => {
      await store();
      expect((await rename(request.change_username[1])).statusCode).toBe(204);
      expect(await stored()).toEqual(want.stored);
      expect(await logsIn(['new-user', USER.password])).toBe(true);
    },
    'local-provider-014': async ({ request }) =>
      expectRefusal(await rename(request.change_username[1], NOBODY), 'not_found', 'User not found'),
    'local-provider-015': async ({ request, expect: want }) => {
      await store();
      expectRefusal(await rename(request.change_username[1]), want.error, want.message);
    },
    'local-provider-020': (vector) => refused(vector, NOBODY),
    'local-provider-021': (vector) => refused(vector, user_id),
    'local-provider-022': async ({ request, expect: want }) => {
      expect((await ask(request, 'admin', user_id)).statusCode).toBe(201);
      const { data, ...key } = want.credential;
      const credential = await kysely().selectFrom('credentials').selectAll().where('user_id', '=', user_id).executeTakeFirstOrThrow();
      expect(credential).toMatchObject({ ...key, data });
    },
    // A login always belongs to a user; it can be removed while the user has another one.
    'local-provider-024': async ({ request, expect: want }) => {
      await store();
      expect((await ask(request, 'admin', user_id)).statusCode).toBe(409);
      await addCredential(user_id);
      expect((await ask(request, 'admin', user_id)).statusCode).toBe(204);
      expect(await stored()).toEqual(want.stored);
    },
    'local-provider-026': async ({ request }) => expectRefusal(await ask(request, 'admin', user_id), 'credentials_not_found'),
    'local-provider-027': async (vector) => {
      await store();
      expect((await ownPassword(vector)).statusCode).toBe(204);
      expect([await logsIn(['test-user', 'new-pass']), await logsIn(['test-user', 'test-pass'])]).toEqual([true, false]);
    },
    'local-provider-028': async (vector) => {
      await store();
      const { code, message } = vector.expect.error;
      expectRefusal(await ownPassword(vector), code, message);
      expect(await logsIn(['test-user', 'test-pass'])).toBe(true);
    },
    'local-provider-029': async ({ request, expect: want }) =>
      expectRefusal(await ask(request, 'read-only user'), want.error.code, want.error.message),
    'local-provider-032': (vector) => refused(vector, user_id),
    'local-provider-033': async ({ request }) => {
      await store();
      expect((await ask(request, 'owner', user_id)).statusCode).toBe(204);
      expect(await logsIn(['test-user', 'new'])).toBe(true);
    },
    'local-provider-037': async ({ request, expect: want }) => {
      await store();
      expectRefusal(await ask(request, 'owner', user_id), want.error.translation_key);
    },
    'local-provider-038': async (vector) => {
      await store();
      await refused(vector, user_id);
    },
  }),
  {
    'local-provider-018': async () => {
      await store({ username: 'u', password: `${'a'.repeat(72)}X` });
      expect([await logsIn(['u', `${'a'.repeat(72)}Y`]), await logsIn(['u', `${'a'.repeat(72)}X`])]).toEqual([false, true]);
    },
  },
);

async function addCredential(user_id: string): Promise<void> {
  const key = { auth_provider_type: 'insecure_example', auth_provider_id: null, subject: 'plain', data: '{}' };
  await kysely()
    .insertInto('credentials')
    .values({ id: randomId(), user_id, ...key, created_at: new Date() })
    .execute();
}
