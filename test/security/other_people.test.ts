// What one person gets at of another by an id they have seen: nothing. Generated from the table of
// routes: one without a row to ask for fails.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiRoutes } from '../../src/http/api/api_routes.ts';
import { authorizeUrl, type StandardBrowser, standardBrowser } from '../support/clients/standard_browser.ts';
import { addApiPerson, type Call, callerWith } from '../support/fixtures/api.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { enrolTotp } from '../support/fixtures/totp.ts';

let server: TestServer;
let owner: Call;
let other: Call;
let browser: StandardBrowser;
let user_id: string;
/** Ben's rows, by the name that a path gives them. */
let ids: Record<string, string[]>;

beforeAll(async () => {
  const clients = [{ client_id: 'app', redirect_uris: [CALLBACK] }];
  server = await startServer({ config: { clients, auth_mfa_modules: [{ type: 'totp' }], http: { ip_ban_enabled: false } } });
  owner = callerWith(server, (await server.ownerTokens()).access_token);
  const ben = await addApiPerson(server, owner, 'ben');
  user_id = ben.id;
  const me = callerWith(server, ben.access_token);
  await standardBrowser(server).authorize(authorizeUrl(), ben);
  await me('POST', '/api/me/long_lived_access_tokens', { client_name: 'script' });
  await enrolTotp(me, server.clock());
  const items = async (path: string): Promise<string[]> => (await me('GET', path)).json().items.map(({ id }: { id: string }) => id);
  ids = {
    refresh_token_id: await items('/api/me/refresh_tokens'),
    session_id: await items('/api/me/sessions'),
    credential_id: (await server.container.repositories.credentials.ofUser(ben.id)).map(({ id }) => id),
    enrolment_id: (await me('GET', '/api/me/mfa')).json().enrolments.map(({ id }: { id: string }) => id),
    client_id: ['app'],
  };
  const cyd = await addApiPerson(server, owner, 'cyd');
  other = callerWith(server, cyd.access_token);
  browser = standardBrowser(server);
  await browser.follow('/login?next=/account/sessions', cyd);
});
afterAll(() => server.close());

async function rows(): Promise<string[]> {
  const { kysely } = server.container.database;
  const tables = ['credentials', 'sessions', 'refresh_tokens', 'consents', 'mfa_enrolments'] as const;
  const all = tables.map((table) => kysely.selectFrom(table).selectAll().where('user_id', '=', user_id).execute());
  return (await Promise.all(all)).flatMap((list) => (list as object[]).map((row) => JSON.stringify({ ...row, last_used_at: null })).sort());
}

const BODIES: Record<string, object> = {
  'PATCH /api/me/refresh_tokens/:refresh_token_id': { enable_expiry: true },
  'PATCH /api/me/mfa/enrolments/:enrolment_id': { name: 'mine now' },
};
const routes = () => apiRoutes(server.container).filter(({ url }) => /^\/api\/me\/.*:/.test(url) && !url.includes(':mfa_module_id'));

// M4
describe('rows of somebody else', () => {
  it('are there to be asked for', () => {
    expect(Object.entries(ids).map(([name, list]) => [name, list.length])).toEqual([
      ['refresh_token_id', expect.toSatisfy((count: number) => count >= 2)],
      ['session_id', 1],
      ['credential_id', 1],
      ['enrolment_id', 1],
      ['client_id', 1],
    ]);
    expect(routes().length).toBeGreaterThanOrEqual(7);
  });

  it('are not found by anybody, and stay as they are', async () => {
    const before = await rows();
    for (const { method, url } of routes()) {
      const [, name = ''] = /:(\w+)/.exec(url) ?? [];
      expect(ids[name], url).toBeDefined();
      for (const id of ids[name]!)
        for (const call of [other, owner]) {
          const answer = await call(method as 'GET', url.replace(`:${name}`, id), BODIES[`${method} ${url}`]);
          expect([method, url, answer.statusCode]).toEqual([method, url, 404]);
        }
    }
    expect(await rows()).toEqual(before);
  });

  it.each([
    ['/account/sessions/:session_id/end', 'session_id'],
    ['/account/security/enrolments/:enrolment_id/remove', 'enrolment_id'],
    ['/account/security/enrolments/:enrolment_id/rename', 'enrolment_id'],
  ])('are not reached by the page %s either', async (path, name) => {
    const before = await rows();
    const url = path.replace(`:${name}`, ids[name]![0]!);
    const html = await (await browser.get('/account/sessions')).text();
    expect(html).toContain('csrf_token');
    expect((await browser.get(url)).status).not.toBe(200);
    // A session that is over already, or belongs to somebody else, gets the same answer.
    const answer = await browser.submit(url, html.replace(/action="[^"]*"/, `action="${url}"`), { name: 'x' });
    expect([303, 404]).toContain(answer.status);
    expect(await rows()).toEqual(before);
  });
});
