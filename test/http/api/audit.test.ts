// The audit log as administrators read it by the API.
import { beforeAll, expect, it } from 'vitest';
import { AUDIT_EVENT_TEXTS } from '../../../src/domain/audit_event_texts.ts';
import { addApiPerson, type Call, callerWith, type Person } from '../../support/fixtures/api.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { REMOTE_ADDRESS, startServer } from '../../support/fixtures/server.ts';

let owner: Call;
let owner_id: string;
let bea: Person;
let times: Date[];

const server = perFile(() => startServer({ config: { http: { ip_ban_enabled: false } } }));
beforeAll(async () => {
  owner = callerWith(server, (await server.ownerTokens()).access_token);
  owner_id = (await owner('GET', '/api/me')).json().id;
  bea = await addApiPerson(server, owner, 'bea', ['system-admin']);
  await server.container.audit.flush();
  await server.container.database.kysely.deleteFrom('audit_events').execute();
  const { audit, clock } = server.container;
  times = [];
  const log = async (event: Parameters<typeof audit.record>[0]) => {
    server.advance(60);
    times.push(clock());
    audit.record(event);
    await audit.flush();
  };
  await log({ type: 'user.created', outcome: 'done', actor_user_id: owner_id, target_user_id: bea.id, remote_address: '192.0.2.1' });
  await log({ type: 'login.failed', outcome: 'refused', error_ref: 'a1b2c3', client_id: 'wiki', remote_address: '192.0.2.2' });
  await log({ type: 'user.updated', outcome: 'done', actor_user_id: bea.id, target_user_id: bea.id, detail: { name: '<b>' } });
  await log({ type: 'user.deleted', outcome: 'done', actor_user_id: bea.id, target_user_id: 'gone' });
});

const list = async (query: Record<string, string> = {}) => {
  const answer = await owner('GET', `/api/audit?${new URLSearchParams(query)}`);
  expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
  return answer.json() as { items: Record<string, unknown>[]; next_cursor: string | null };
};
const types = async (query?: Record<string, string>) => (await list(query)).items.map(({ type }) => type);

it('lists events newest first, in words and with the names of their people', async () => {
  expect(await types()).toEqual(['user.deleted', 'user.updated', 'login.failed', 'user.created']);
  const { items } = await list({ type: 'user.created' });
  expect(items).toEqual([
    {
      ...{ id: expect.any(Number), at: times[0]?.toISOString(), type: 'user.created', text: 'A user was created', outcome: 'done' },
      ...{ error_ref: null, actor_user_id: owner_id, actor_name: 'Ada', target_user_id: bea.id, target_name: 'bea' },
      ...{ client_id: null, client_name: null, remote_address: '192.0.2.1', detail: {} },
    },
  ]);
});

it.each<[string, () => Record<string, string>, string[]]>([
  ['a person, once for what they did to themselves', () => ({ user_id: bea.id }), ['user.deleted', 'user.updated', 'user.created']],
  ['an app', () => ({ client_id: 'wiki' }), ['login.failed']],
  ['a type', () => ({ type: 'user.deleted' }), ['user.deleted']],
  ['an outcome', () => ({ outcome: 'refused' }), ['login.failed']],
  ['an address', () => ({ remote_address: '192.0.2.1' }), ['user.created']],
  ['a reference', () => ({ error_ref: 'a1b2c3' }), ['login.failed']],
  ['a time', () => ({ since: times[1]!.toISOString(), until: times[2]!.toISOString() }), ['login.failed']],
  ['several', () => ({ user_id: bea.id, outcome: 'done', until: times[3]!.toISOString() }), ['user.updated', 'user.created']],
  ['nothing that exists', () => ({ client_id: "' or 1=1 --" }), []],
])('filters by %s', async (_what, query, found) => {
  expect(await types(query())).toEqual(found);
});

it.each([{}, { user_id: 'bea' }])('pages repeat and omit nothing, with the filter %j', async (filter) => {
  const query = 'user_id' in filter ? { user_id: bea.id } : {};
  const seen: unknown[] = [];
  let cursor: string | null = null;
  do {
    const page = await list({ ...query, limit: '1', ...(cursor === null ? {} : { cursor }) });
    seen.push(...page.items.map(({ type }) => type));
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(seen).toEqual(await types(query));
});

it.each([
  'limit=201',
  'cursor=x',
  'cursor=1.99999999999999999999',
  'type=login',
  'outcome=x',
  'since=yesterday',
  'user_id=%00',
  'unknown=1',
])('refuses ?%s', async (query) => {
  expect((await owner('GET', `/api/audit?${query}`)).statusCode).toBe(400);
});

it('knows every event type that this server wrote in words', async () => {
  await server.login({ username: 'bea', password: 'wrong' }).catch(() => {});
  await server.container.audit.flush();
  const { items } = await list({ remote_address: REMOTE_ADDRESS });
  expect(items.map(({ text }) => text)).toContain('A login failed');
  expect(new Set(Object.values(AUDIT_EVENT_TEXTS)).size).toBe(Object.keys(AUDIT_EVENT_TEXTS).length);
});
