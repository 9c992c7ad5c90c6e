// The page of a person's browsers, by its forms alone.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { authorizeUrl, type StandardBrowser, standardBrowser } from '../../../support/clients/standard_browser.ts';
import { addApiPerson, callerWith, type Person } from '../../../support/fixtures/api.ts';
import { startServer, type TestServer } from '../../../support/fixtures/server.ts';
import { CALLBACK } from '../../../support/fixtures/standard_clients.ts';

const PATH = '/account/sessions';
const PHONE = 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36';

let server: TestServer;
let person: Person;
let desk: StandardBrowser;
let phone: StandardBrowser;

beforeAll(async () => {
  const clients = [{ client_id: 'app', redirect_uris: [CALLBACK], trusted: true }];
  server = await startServer({ config: { clients, http: { ip_ban_enabled: false } } });
  const owner = callerWith(server, (await server.ownerTokens()).access_token);
  person = await addApiPerson(server, owner, 'grace');
});
afterAll(() => server.close());
beforeEach(async () => {
  await server.container.database.kysely.deleteFrom('sessions').execute();
  desk = standardBrowser(server, { 'accept-language': 'en' });
  phone = standardBrowser(server, { 'user-agent': PHONE });
  await desk.authorize(authorizeUrl(), person);
  server.advance(1);
  await phone.authorize(authorizeUrl(), person);
});

/** The page's forms, each as its own text. */
const formsOf = (html: string) => html.split('<li>').slice(1);
const statusOf = async (browser: StandardBrowser) => (await browser.get(PATH)).status;

test('each browser is named, this one as such, and each can be logged out', async () => {
  const page = await (await desk.get(PATH)).text();
  const [mine = '', other = ''] = formsOf(page);
  expect(mine).toContain('This browser');
  expect(mine).toContain('Logged in March 14, 2026 from 127.0.0.1');
  expect(other).toContain('Chrome on Android');
  expect(other).not.toContain('This browser');
  const done = await desk.submit(PATH, other, {});
  expect([done.status, done.headers.get('location')]).toEqual([303, PATH]);
  expect([await statusOf(desk), await statusOf(phone)]).toEqual([200, 303]);
  // Twice is as good as once.
  expect((await desk.submit(PATH, other, {})).status).toBe(303);
});

test('anyone who logs this browser out is led to the login', async () => {
  const [mine = ''] = formsOf(await (await desk.get(PATH)).text());
  await desk.submit(PATH, mine, {});
  const answer = await desk.get(PATH);
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/login?next=%2Faccount%2Fsessions']);
  expect(await statusOf(phone)).toBe(200);
});

test('a form of another origin, and one of somebody who is not logged in, end nothing', async () => {
  const [, other = ''] = formsOf(await (await desk.get(PATH)).text());
  expect((await desk.submit(PATH, other.replace(/value="[^"]*"/, 'value="wrong"'), {})).status).toBe(403);
  const stranger = standardBrowser(server);
  await stranger.get('/login');
  expect((await stranger.submit(PATH, other, {})).status).toBe(403);
  expect(await statusOf(phone)).toBe(200);
});

test('what is no session of theirs, or no id at all, ends nothing', async () => {
  const [, other = ''] = formsOf(await (await desk.get(PATH)).text());
  for (const id of ['0'.repeat(32), '%00', 'x'])
    expect((await desk.submit(PATH, other.replace(/sessions\/\w+\/end/, `sessions/${id}/end`), {})).status).toBe(303);
  expect([await statusOf(desk), await statusOf(phone)]).toEqual([200, 200]);
  expect((await desk.get(`${PATH}/x/end`)).headers.get('location')).toBe(PATH);
});
