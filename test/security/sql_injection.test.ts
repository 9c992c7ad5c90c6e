// SQL in every place a request has, at every route: no route fails on it, and no row of anybody
// changes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routesOf } from '../support/checks/routes.ts';
import { tableChecksums } from '../support/checks/table_checksums.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';

const SQL = [
  `'; update users set is_owner = true; --`,
  `x') union select username, password from local_logins --`,
  `"$1"::text||(select 1/0)`,
];
const FIELDS = [
  ...['client_id', 'redirect_uri', 'response_type', 'scope', 'state', 'code', 'code_verifier', 'refresh_token', 'token', 'grant_type'],
  ...['username', 'password', 'cursor', 'limit', 'sort', 'order', 'filter', 'name', 'user_code', 'device_code', 'next', 'resource'],
  ...['request_uri', 'id_token_hint', 'login_hint', 'acr_values', 'auth_provider', 'flow_id', 'user_id', 'email', 'rd', 'error_ref'],
];
/** What a refused request may leave behind, and what reading uses. */
const NOISE = [
  'audit_events',
  'failed_logins',
  'ip_bans',
  'signing_keys',
  'login_flows',
  'refresh_tokens',
  'authorization_codes',
  'cut_off',
  'mfa_failures',
];

let server: TestServer;
let token: string;
beforeAll(async () => {
  const registration = { enabled: true, initial_access_token: 'only-for-tests-and-long-enough-for-it' };
  const token_of_metrics = 'a-long-scrape-token';
  server = await startServer({
    config: {
      registration,
      metrics: { enabled: true, token: token_of_metrics },
      http: { ip_ban_enabled: false, login_attempts_threshold: -1 },
    },
  });
  ({ access_token: token } = await server.ownerTokens());
});
/** Some of the routes end every token of the owner, as they should. */
async function renewToken(): Promise<void> {
  if ((await server.inject({ url: '/api/me', token })).statusCode !== 200)
    ({ access_token: token } = await server.redeem(await server.login()));
}
afterAll(() => server.close());

const all = (value: string) => Object.fromEntries(FIELDS.map((name) => [name, value]));

// N10
describe('SQL', () => {
  it.each(SQL)('in path, query, form, JSON, headers and cookies is a value like any other: %s', { timeout: 120_000 }, async (text) => {
    const before = await tableChecksums(server.container.database, NOISE);
    for (const { url, methods } of await routesOf(server)) {
      await renewToken();
      const path = url.replaceAll(/:\w+/g, encodeURIComponent(text));
      const query = `?${new URLSearchParams(all(text))}`;
      const headers = { cookie: `session=${encodeURIComponent(text)}`, 'accept-language': 'en' };
      for (const method of methods.filter((one) => one !== 'HEAD' && one !== 'OPTIONS')) {
        const asks = [
          { method, url: path + query, headers },
          { method, url: path + query, headers, token },
          ...(method === 'GET'
            ? []
            : [{ form: all(text) }, { json: all(text) }].map((body) => ({ method, url: path, headers, token, ...body }))),
        ];
        for (const ask of asks) {
          const { statusCode, body } = await server.inject(ask as { method: 'GET'; url: string });
          expect(statusCode, `${method} ${url} ${body}`).toBeLessThan(500);
          expect(body, `${method} ${url}`).not.toMatch(/syntax error|relation "|kysely/i);
        }
      }
    }
    expect(await tableChecksums(server.container.database, NOISE)).toEqual(before);
  });

  it('gets no order of its own: lists with pages refuse a sort or filter that they do not know', async () => {
    await renewToken();
    const lists = ['/api/users', '/api/clients', '/api/me/refresh_tokens', '/api/me/sessions'];
    for (const url of lists)
      for (const name of ['sort', 'order_by', 'filter']) {
        const answer = await server.inject({ url: `${url}?${new URLSearchParams({ [name]: 'name; drop table users' })}`, token });
        expect([url, name, answer.statusCode]).toEqual([url, name, 400]);
      }
  });
});
