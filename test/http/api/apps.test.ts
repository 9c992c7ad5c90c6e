// /api/apps, and POST /api/clients by a recipe: for administrators only, with the rules of the
// command line.
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { addApiPerson, type Call, callerWith } from '../../support/fixtures/api.ts';
import { startServer, type TestServer } from '../../support/fixtures/server.ts';

const URL_PART = encodeURIComponent('https://graphs.example.net');
const NEW = { app: 'grafana', url: 'https://grafana.example.com' };

let server: TestServer;
let owner: Call;
beforeAll(async () => {
  server = await startServer();
  owner = callerWith(server, (await server.ownerTokens()).access_token);
});
afterAll(() => server.close());

it('lists the recipes', async () => {
  const { items, next_cursor } = (await owner('GET', '/api/apps')).json();
  expect(next_cursor).toBeNull();
  expect(items).toContainEqual(expect.objectContaining({ id: 'grafana', name: 'Grafana', icon: 'G', needs_client: true }));
});

it('shows one for an address', async () => {
  const shown = (await owner('GET', `/api/apps/grafana?url=${URL_PART}`)).json();
  expect(shown).toMatchObject({
    client: { client_name: 'Grafana', redirect_uris: ['https://graphs.example.net/login/generic_oauth'] },
    server: null,
    steps: [{ where: 'grafana.ini', text: expect.stringContaining('client_id = grafana\n') }],
  });
  expect((await owner('GET', '/api/apps/caddy')).json()).toMatchObject({ client: null, server: expect.stringContaining('forward_auth:') });
});

it('registers one, with what is said besides', async () => {
  const made = await owner('POST', '/api/clients', { ...NEW, allowed_group_ids: ['system-users'] });
  expect(made.statusCode).toBe(201);
  const { client_secret, app_side, ...client } = made.json();
  expect(client).toMatchObject({ client_id: 'grafana', client_uri: NEW.url, allowed_group_ids: ['system-users'], managed_by: 'database' });
  expect(app_side.steps[0].text).toContain(`client_secret = ${client_secret}\n`);
  expect((await owner('POST', '/api/clients', NEW)).statusCode).toBe(409);
  const other = await owner('POST', '/api/clients', { client_name: 'By hand', redirect_uris: ['https://a.example.com/cb'] });
  expect(other.json()).not.toHaveProperty('app_side');
});

it('registers every app that needs a client, and says what to enter on its side', async () => {
  const { items } = (await owner('GET', '/api/apps')).json();
  expect(items.length).toBeGreaterThan(40);
  const apps = items.filter(({ id, needs_client }: { id: string; needs_client: boolean }) => needs_client && id !== 'grafana');
  for (const { id, url } of apps) {
    const { statusCode, body } = await owner('POST', '/api/clients', { app: id, ...(url !== null && { url }) });
    expect([id, statusCode, statusCode === 201 ? '' : body]).toEqual([id, 201, '']);
    const { client_secret, app_side } = JSON.parse(body);
    expect(JSON.stringify(app_side)).toContain(client_secret ?? id);
  }
});

test.each<[string, object, number, string]>([
  ['no address', { app: 'grafana' }, 400, 'url is missing: the address of Grafana'],
  ['an unknown recipe', { app: 'nothing', url: NEW.url }, 404, 'no recipe'],
  ['an address without a recipe', { url: NEW.url, redirect_uris: ['https://a.example.com/cb'] }, 400, 'url'],
  ['an address in the clear', { app: 'grafana', url: 'http://10.0.0.9:3000' }, 400, 'allow_http_redirect_uris: true'],
  ['an address of another kind', { app: 'grafana', url: 'javascript:alert(1)' }, 400, 'url must be the address'],
  ['a proxy', { app: 'nginx', url: NEW.url }, 400, 'nginx is not registered'],
  ['a name that needs quotes', { ...NEW, client_id: "a'b" }, 400, 'client_id must be letters'],
])('refuses %s', async (_story, body, status, message) => {
  const answer = await owner('POST', '/api/clients', body);
  expect([answer.statusCode, answer.json().message]).toEqual([status, expect.stringContaining(message)]);
});

test.each([
  ['/api/apps/nothing', 404],
  ['/api/apps/..%2Fgrafana', 404],
  ['/api/apps/grafana?url=nowhere', 400],
  ['/api/apps/grafana?uri=https://a.example', 400],
])('GET %s is %i', async (path, status) => {
  expect((await owner('GET', path)).statusCode).toBe(status);
});

it('tells nobody else', async () => {
  const { access_token } = await addApiPerson(server, owner, 'member');
  for (const path of ['/api/apps', '/api/apps/grafana']) {
    expect((await server.inject({ url: path })).statusCode, path).toBe(401);
    expect((await callerWith(server, access_token)('GET', path)).statusCode, path).toBe(403);
  }
});
