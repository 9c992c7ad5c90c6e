// One server with seven login methods at once, and one person who has a login of each: linked one
// after the other, and good for coming in by every one of them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { visitor } from '../support/clients/page_visitor.ts';
import { slapdMissing } from '../support/fakes/slapd.ts';
import { type EveryProvider, startEveryProvider } from '../support/fixtures/every_provider.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, REMOTE_ADDRESS, startServer, type TestServer } from '../support/fixtures/server.ts';

const PUBLIC_URL = 'https://auth.example.com';
const TABLET = '192.168.0.10';
type Handler = [type: string, id: string | null];

/** What Ada types where. */
const FORMS: [handler: Handler, input: Record<string, string>][] = [
  [['ldap', 'office'], { username: 'alice', password: 'of the office' }],
  [['ldap', 'school'], { username: 'bob', password: 'of the school' }],
  [['command_line', 'door'], { username: 'ali', password: 'sesame' }],
];

const missing = slapdMissing();

describe.skipIf(missing !== null)('every auth provider', () => {
  let every: EveryProvider;
  let server: TestServer;
  let user_id: string;
  let access_token: string;
  beforeAll(async () => {
    every = await startEveryProvider(PUBLIC_URL);
    server = await startServer({ config: { public_url: PUBLIC_URL, auth_providers: every.auth_providers } });
    ({ access_token } = await server.ownerTokens());
    user_id = (await me(access_token)).id;
  });
  afterAll(async () => {
    await server?.close();
    await every?.close();
  });

  const me = async (token: string) => (await server.inject({ url: '/api/me', token, remote_address: REMOTE_ADDRESS })).json();
  const post = async (url: string, json: object, remote_address = REMOTE_ADDRESS) =>
    await server.inject({ method: 'POST', url, json, token: access_token, remote_address });

  /** By Home Assistant's JSON; answers the code. */
  async function flow(handler: Handler, input: Record<string, string>, { type = 'authorize', from = REMOTE_ADDRESS } = {}) {
    const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler, type };
    const { flow_id } = (await post('/auth/login_flow', start, from)).json();
    const ended = await post(`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, ...input }, from);
    expect([handler, ended.json()]).toEqual([handler, expect.objectContaining({ type: 'create_entry' })]);
    return ended.json().result as string;
  }

  /** By our page, to another server and back; answers the code. */
  async function pages(id: 'work' | 'club'): Promise<string> {
    const browser = visitor(server);
    const query = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, auth_provider: `oidc:${id}` };
    const away = await browser.press(`/auth/authorize?${new URLSearchParams(query)}`);
    const back = await browser.get(await every[id].person(`ada@${id}`)(away.headers.get('location') ?? ''));
    return new URL((await browser.agree(back)).headers.get('location') ?? '').searchParams.get('code') ?? '';
  }

  async function linkInBrowser(id: 'work' | 'club'): Promise<string> {
    const { url } = (await post('/api/me/credentials/link', { auth_provider_type: 'oidc', auth_provider_id: id })).json();
    const browser = visitor(server);
    const location = (await browser.get(url)).headers.get('location') ?? '';
    const away = await browser.submit(location, await (await browser.get(location)).text(), {});
    const done = await browser.get(await every[id].person(`ada@${id}`)(away.headers.get('location') ?? ''));
    return await done.text();
  }

  async function userOf(code: string, remote_address = REMOTE_ADDRESS): Promise<string> {
    const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code };
    const { access_token: token } = (await server.inject({ method: 'POST', url: '/auth/token', form, remote_address })).json();
    return (await me(token)).id;
  }

  test('before anything is linked, each is somebody new', async () => {
    for (const [handler, input] of FORMS) {
      const answer = await post(`/api/providers/${handler.join(':')}/test`, { values: input });
      expect([handler, answer.json()]).toEqual([
        handler,
        expect.objectContaining({ foreseen: expect.objectContaining({ outcome: 'new_user' }) }),
      ]);
    }
  });

  test('a login of each is linked, by JSON or in a browser', async () => {
    for (const [handler, input] of FORMS) {
      const linked = await post('/auth/link_user', { client_id: CLIENT_ID, code: await flow(handler, input, { type: 'link_user' }) });
      expect([handler, linked.json()]).toEqual([handler, { message: 'User linked' }]);
    }
    for (const id of ['work', 'club'] as const)
      expect(await linkInBrowser(id)).toContain(`You can now log in to this account with The ${id}.`);
    // The home network knows its people: the first login there is the link.
    await flow(['trusted_networks', null], { user: user_id }, { from: TABLET });
    const { items } = (await server.inject({ url: '/api/me/credentials', token: access_token })).json();
    expect(items.map(({ auth_provider_name }: { auth_provider_name: string }) => auth_provider_name).sort()).toEqual(
      ['Home Assistant Local', 'The club', 'The door', 'The office', 'The school', 'The work', 'Trusted Networks'].sort(),
    );
  });

  test('and every one of them is Ada', async () => {
    const seen: [string, string][] = [['homeassistant', await userOf(await server.login(OWNER))]];
    for (const [handler, input] of FORMS) seen.push([handler.join(':'), await userOf(await flow(handler, input))]);
    for (const id of ['work', 'club'] as const) seen.push([id, await userOf(await pages(id))]);
    seen.push(['trusted_networks', await userOf(await flow(['trusted_networks', null], { user: user_id }, { from: TABLET }), TABLET)]);
    expect(seen).toEqual(seen.map(([way]) => [way, user_id]));
    expect(await server.container.repositories.credentials.ofUser(user_id)).toHaveLength(7);
  });

  // The same name in two directories is two people.
  test('another one of the same name elsewhere is somebody else', async () => {
    const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['ldap', 'school'] };
    const { flow_id } = (await post('/auth/login_flow', json)).json();
    const answer = await post(`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, username: 'alice', password: 'of the school' });
    expect([answer.statusCode, answer.json()]).toEqual([403, { message: 'Login blocked: User is not active' }]);
  });

  test('a directory that is down does not block other login methods', async () => {
    await every.office.stop();
    const [[office, typed], ...others] = FORMS as [(typeof FORMS)[number], ...typeof FORMS];
    const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: office };
    const { flow_id } = (await post('/auth/login_flow', start)).json();
    const answer = (await post(`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, ...typed })).json();
    expect(answer).toMatchObject({ type: 'form', errors: { base: 'provider_unavailable' } });
    for (const [handler, input] of others) expect(await userOf(await flow(handler, input))).toBe(user_id);
    expect(await userOf(await pages('work'))).toBe(user_id);
  });
});
