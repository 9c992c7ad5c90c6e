// Two people at one browser, one after the other, of which the first logs out with some of the
// cookies gone: the second gets nothing of the first.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { authorizeUrl, type StandardBrowser, standardBrowser } from '../support/clients/standard_browser.ts';
import { addApiPerson, callerWith, type Person } from '../support/fixtures/api.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../support/fixtures/standard_grants.ts';

let server: TestServer;
let first: Person;
let second: Person;
let browser: StandardBrowser;
beforeAll(async () => {
  const app = { client_id: 'app', redirect_uris: [CALLBACK], trusted: true };
  server = await startServer({
    config: { clients: [app, { ...app, client_id: 'asks', trusted: false }], http: { ip_ban_enabled: false } },
  });
  const owner = callerWith(server, (await server.ownerTokens()).access_token);
  first = await addApiPerson(server, owner, 'first');
  second = await addApiPerson(server, owner, 'second');
});
afterAll(() => server.close());
beforeEach(() => {
  browser = standardBrowser(server);
});

/** Whom the app gets, when its request ends at the app. */
async function whoIs(location: URL): Promise<string> {
  const form = { grant_type: 'authorization_code', client_id: 'app', code: location.searchParams.get('code')!, code_verifier: VERIFIER };
  const { access_token } = (await server.inject({ method: 'POST', url: '/auth/token', form })).json();
  return (await server.inject({ url: '/auth/userinfo', token: access_token })).json().sub;
}

async function logOut(): Promise<void> {
  const html = await (await browser.get('/auth/end_session')).text();
  if (html.includes('<form')) expect((await browser.submit('/auth/end_session', html, {})).status).toBeLessThan(400);
}

const lose = (which: (name: string) => boolean) => {
  for (const name of [...browser.jar.keys()].filter(which)) browser.jar.delete(name);
};
const isSession = (name: string) => name.includes('session');

// H20
describe('the next person at a browser', () => {
  it.each<[string, (name: string) => boolean]>([
    ['all cookies there', () => false],
    ['the session cookie gone', isSession],
    ['every cookie but that of the session gone', (name) => !isSession(name)],
    ['every cookie gone', () => true],
  ])('is nobody else after a logout with %s', async (_story, gone) => {
    expect(await whoIs(await browser.authorize(authorizeUrl(), first))).toBe(first.id);
    expect([...browser.jar.keys()].some(isSession)).toBe(true);
    lose(gone);
    await logOut();
    const { location, seen } = await browser.follow(authorizeUrl(), second);
    expect(seen).toEqual(['login']);
    expect(await whoIs(location!)).toBe(second.id);
    expect(await whoIs(await browser.authorize(authorizeUrl({ prompt: 'none' }), second))).toBe(second.id);
  });

  it('cannot answer a page that the one before has left open', async () => {
    const url = authorizeUrl({ client_id: 'asks' });
    await browser.authorize(authorizeUrl(), first);
    const open = await (await browser.get(url)).text();
    expect(open).toContain('value="allow"');
    await logOut();
    await browser.authorize(authorizeUrl(), second);
    const answer = await browser.submit(url, open, { _decision: 'allow' });
    expect(answer.headers.get('location') ?? '').not.toContain('code=');
    for (const { id } of [first, second]) {
      const { kysely } = server.container.database;
      expect(await kysely.selectFrom('consents').selectAll().where('user_id', '=', id).where('client_id', '=', 'asks').execute()).toEqual(
        [],
      );
    }
  });
});
