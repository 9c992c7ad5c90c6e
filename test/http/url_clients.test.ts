// Whom the policy about URL clients keeps out of Home Assistant's dialect, by JSON and on the page.
import { describe, expect, it, test } from 'vitest';
import { createCli, SECRET_KEY } from '../cli/support.ts';
import { authorizeUrl, standardBrowser } from '../support/clients/standard_browser.ts';
import { respond, startStranger } from '../support/fakes/stranger.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';

const CLIENTS = [{ client_id: 'app', redirect_uris: [CALLBACK] }];
const HOME_ASSISTANT_URL = `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, state: 's' })}`;

async function tryLogin(server: TestServer, password = OWNER.password) {
  const handler = ['homeassistant', null];
  const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler };
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json })).json();
  const answer = await server.inject({
    method: 'POST',
    url: `/auth/login_flow/${flow_id}`,
    json: { client_id: CLIENT_ID, username: OWNER.username, password },
  });
  return [answer.statusCode, answer.json().message ?? answer.json().type];
}

it.each<[unknown, unknown[]]>([
  ['refuse', [403, 'Login blocked: App is not allowed']],
  [['other.example.com'], [403, 'Login blocked: App is not allowed']],
  [['app.example.com'], [200, 'create_entry']],
  ['allow', [200, 'create_entry']],
])('under the policy %j a login ends with %j', async (policy, want) => {
  const server = await startServer({ config: { url_clients: { policy } } });
  await server.createOwner();
  expect(await tryLogin(server)).toEqual(want);
  await server.close();
});

test('an app waits until it is approved, and is put on the list only by those who may log in', async () => {
  const server = await startServer({ config: { url_clients: { policy: 'approve' } } });
  const { container } = server;
  await server.createOwner();
  await tryLogin(server, 'wrong');
  expect(await waiting(server)).toEqual([]);
  expect(await tryLogin(server)).toEqual([403, 'Login blocked: App is waiting for approval']);
  expect(await waiting(server)).toEqual([CLIENT_ID]);
  const operator = { user_id: null, is_owner: true, is_admin: true, remote_address: null };
  await container.approvals.decide({ client_id: CLIENT_ID, status: 'approved', metadata_hash: null }, operator);
  expect(await tryLogin(server)).toEqual([200, 'create_entry']);
  await server.close();
});

const waiting = async ({ container }: TestServer) => (await container.approvals.pending()).url_clients.map(({ client_id }) => client_id);
const codesFor = async ({ container: { database } }: TestServer, client_id: string) =>
  (await database.kysely.selectFrom('authorization_codes').selectAll().where('client_id', '=', client_id).execute()).length;

it.each([
  ['refuse', []],
  ['approve', [CLIENT_ID]],
])('under the policy %j, who is logged in already gets no further by one click', async (policy, on_the_list) => {
  const server = await startServer({ config: { clients: CLIENTS, url_clients: { policy } } });
  await server.createOwner();
  const browser = standardBrowser(server);
  await browser.authorize(authorizeUrl());
  const codes = await codesFor(server, CLIENT_ID);
  const { answer, location } = await browser.follow(HOME_ASSISTANT_URL);
  expect([answer.status, location, await codesFor(server, CLIENT_ID)]).toEqual([403, null, codes]);
  expect(await waiting(server)).toEqual(on_the_list);
  await server.close();
});

test('in the standard profile, too, nobody who is not logged in puts an app on the list', async () => {
  const server = await startServer({ config: { clients: CLIENTS, url_clients: { policy: 'approve' } } });
  await server.createOwner();
  const url = authorizeUrl({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI });
  const browser = standardBrowser(server);
  await browser.get(url);
  await browser.get(`${url}&prompt=none`);
  expect(await waiting(server)).toEqual([]);
  const { answer, location, seen } = await browser.follow(url);
  expect([answer.status, location, seen]).toEqual([403, null, ['login']]);
  expect(await waiting(server)).toEqual([CLIENT_ID]);
  await server.close();
});

describe('anyone who comes to an app that is kept out is refused before they log in', () => {
  const DIALECTS = { home_assistant: {}, standard: { scope: 'openid' }, silent: { scope: 'openid', prompt: 'none' } };
  const urlOf = (client_id: string, more: Record<string, string>) =>
    authorizeUrl({ scope: undefined, client_id, redirect_uri: `${client_id}cb`, ...more });

  async function expectRefused(server: TestServer, client_id: string): Promise<void> {
    for (const more of Object.values(DIALECTS)) {
      const answer = await standardBrowser(server).get(urlOf(client_id, more));
      const html = await answer.text();
      expect([answer.status, answer.headers.get('location')]).toEqual([403, null]);
      expect(html).toContain('Logins to this app are not allowed');
      expect(html).toContain(answer.headers.get('error-ref'));
      expect(html).not.toContain('name="password"');
    }
  }

  it.each(['refuse', ['other.example.com']])(
    'under the policy %j, and nothing is fetched; other apps and our own pages continue',
    async (policy) => {
      const site = await startStranger((socket) => respond(socket, ''));
      const server = await startServer({ config: { clients: CLIENTS, url_clients: { policy, allow_private_addresses: true } } });
      await server.createOwner();
      for (const client_id of [CLIENT_ID, `${site.url}client/`]) await expectRefused(server, client_id);
      expect(site.connections()).toBe(0);
      const browser = standardBrowser(server);
      expect((await browser.follow(authorizeUrl())).seen).toEqual(['login', 'consent']);
      await server.close();
      await site.close();
    },
  );

  it('under the policy "approve" once somebody refused it, not while it waits or nobody knows it', async () => {
    const server = await startServer({ config: { url_clients: { policy: 'approve' } } });
    await server.createOwner();
    const opens = async () => {
      for (const more of [DIALECTS.home_assistant, DIALECTS.standard])
        expect([200, 303]).toContain((await standardBrowser(server).get(urlOf(CLIENT_ID, more))).status);
    };
    await opens();
    expect(await waiting(server)).toEqual([]);
    await tryLogin(server);
    await opens();
    const operator = { user_id: null, is_owner: true, is_admin: true, remote_address: null };
    await server.container.approvals.decide({ client_id: CLIENT_ID, status: 'refused', metadata_hash: null }, operator);
    await expectRefused(server, CLIENT_ID);
    await server.close();
  });
});

// U15
describe('where nothing of an app can be fetched, its redirect URI is refused for that reason', () => {
  it.each([
    ['a document', 'app.json'],
    ['a page', ''],
  ])('%s, in both dialects: on the page, in the log and to `explain`', async (_what, path) => {
    const gone = await startStranger(() => {});
    const client_id = `${gone.url}${path}`;
    await gone.close();
    const cli = await createCli();
    const server = await startServer({
      database: cli.database,
      config: { secret_key: SECRET_KEY, url_clients: { allow_private_addresses: true } },
    });
    await server.createOwner();
    const dialects: Record<string, string>[] = [{}];
    // In the standard profile a client whose host is down is asked to retry: that refusal is no
    // redirect URI's.
    if (path === '') dialects.push({ scope: 'openid' });
    for (const more of dialects) {
      const redirect_uri = 'https://elsewhere.example.com/cb';
      const answer = await standardBrowser(server).get(authorizeUrl({ scope: undefined, client_id, redirect_uri, ...more }));
      const html = await answer.text();
      expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
      expect(html).toContain('could not read the description that the app publishes');
      expect(html).not.toContain('does not belong to it');
      const reference = answer.headers.get('error-ref')!;
      expect(server.lines.filter((line) => line.includes(reference)).join()).toContain('client_document_missing');
      await server.container.audit.flush();
      const { out } = await cli.run(['explain', reference]);
      expect(out).toContain('code: client_document_missing');
      expect(out).toContain(`without it ${redirect_uri} is not known to be the client's`);
    }
    await server.close();
    await cli.close();
  });
});
