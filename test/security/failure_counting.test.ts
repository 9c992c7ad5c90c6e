// What counts against an address, route by route: a route that is not in the table fails.
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { routesOf } from '../support/checks/routes.ts';
import { startServer, type TestRequest, type TestServer } from '../support/fixtures/server.ts';

const FORGED = 'a forged bearer';
const SECRET = 'a wrong client secret';
const CODE = 'an unknown code';
const CLIENT_ID = 'a login for an unknown client';
const SETUP = 'a wrong setup token';
const ALL = ['nothing', 'an expired bearer', FORGED, SECRET, CODE, CLIENT_ID, SETUP];

/** By route, which of the requests below count. */
const COUNTED: Record<string, readonly string[]> = {
  // Every refusal counts, as in Home Assistant (HA contract 1.6); a body that cannot be read does
  // not.
  'POST /auth/token': ALL,
  'POST /auth/login_flow': [CLIENT_ID],
  // Any body with a client_id, since there is no such flow.
  'POST /auth/login_flow/:flow_id': [CLIENT_ID, SETUP],
  // A client that is unknown there or does not prove itself.
  'POST /auth/introspect': [SECRET, CODE],
  'POST /auth/revoke': [SECRET],
  'POST /auth/par': [SECRET],
  'POST /auth/device_authorization': [SECRET],
  'POST /api/onboarding/users': [SETUP],
  // Registration access tokens are opaque: any other text is a wrong one.
  'GET /auth/register/:client_id': ['an expired bearer', FORGED],
  'DELETE /auth/register/:client_id': ['an expired bearer', FORGED],
  ...Object.fromEntries(bearerRoutes().map((route) => [route, [FORGED]])),
  ...Object.fromEntries(otherRoutes().map((route) => [route, []])),
};

/** Only a token that we never signed counts; not a missing nor an expired one. */
function bearerRoutes(): string[] {
  return [
    'GET /auth/userinfo',
    'GET /auth/userinfo/emails',
    'POST /auth/userinfo',
    'POST /auth/link_user',
    'GET /api/',
    'GET /api/me',
    'PATCH /api/me',
    'GET /api/me/refresh_tokens',
    'POST /api/me/refresh_tokens/delete_all',
    'DELETE /api/me/refresh_tokens/:refresh_token_id',
    'PATCH /api/me/refresh_tokens/:refresh_token_id',
    'POST /api/me/long_lived_access_tokens',
    'POST /api/me/password',
    'GET /api/me/sessions',
    'DELETE /api/me/sessions/:session_id',
    'GET /api/me/consents',
    'DELETE /api/me/consents/:client_id',
    'GET /api/me/credentials',
    'POST /api/me/credentials/link',
    'DELETE /api/me/credentials/:credential_id',
    'GET /api/me/mfa',
    'DELETE /api/me/mfa/enrolments/:enrolment_id',
    'PATCH /api/me/mfa/enrolments/:enrolment_id',
    'DELETE /api/me/mfa/:mfa_module_id',
    'POST /api/me/mfa/:mfa_module_id/setup',
    'GET /api/users',
    'POST /api/users',
    'GET /api/users/:user_id',
    'PATCH /api/users/:user_id',
    'DELETE /api/users/:user_id',
    'GET /api/users/:user_id/sessions',
    'DELETE /api/users/:user_id/sessions/:session_id',
    'DELETE /api/users/:user_id/mfa',
    'POST /api/users/:user_id/approve',
    'POST /api/users/:user_id/decline',
    'POST /api/users/:user_id/login',
    'DELETE /api/users/:user_id/login',
    'PUT /api/users/:user_id/login/password',
    'PUT /api/users/:user_id/login/username',
    'POST /api/url_clients/approve',
    'POST /api/url_clients/refuse',
    'GET /api/groups',
    'GET /api/apps',
    'GET /api/apps/:app',
    'GET /api/clients',
    'POST /api/clients',
    'GET /api/clients/:client_id',
    'PATCH /api/clients/:client_id',
    'DELETE /api/clients/:client_id',
    'POST /api/clients/:client_id/secrets',
    'DELETE /api/clients/:client_id/secrets/:secret_id',
    'GET /api/audit',
    'GET /api/approvals',
    'POST /api/approvals/approve',
    'POST /api/approvals/refuse',
    'POST /api/permissions/check',
    'POST /api/providers/:key/test',
    'POST /api/refresh_tokens/revoke_all',
    'POST /api/import/home-assistant',
  ];
}

/**
 * Nothing counts but a wrong password or factor on the pages among them, which the login engine
 * counts.
 */
function otherRoutes(): string[] {
  return [
    'GET /',
    'GET /healthz',
    'GET /readyz',
    'GET /metrics',
    'GET /.well-known/openid-configuration',
    'GET /.well-known/oauth-authorization-server',
    'GET /.well-known/oauth-protected-resource',
    'GET /.well-known/jwks.json',
    'GET /.well-known/webfinger',
    'GET /.well-known/change-password',
    'GET /.latchkey/login',
    'GET /.latchkey/callback',
    'GET /auth/providers',
    'POST /auth/register',
    'PUT /auth/register/:client_id',
    '* /auth/verify',
    '* /auth/forward',
    'GET /auth/forward/login',
    'DELETE /auth/login_flow/:flow_id',
    'GET /auth/login_flow/:flow_id',
    'GET /auth/authorize',
    'POST /auth/authorize',
    'POST /auth/authorize/consent',
    'POST /auth/authorize/continue',
    'POST /auth/authorize/cancel',
    'GET /auth/authorize/consent',
    'GET /auth/authorize/continue',
    'GET /auth/authorize/cancel',
    'GET /auth/callback/:provider',
    'POST /auth/callback/:provider',
    'GET /auth/end_session',
    'POST /auth/end_session',
    'GET /api/onboarding',
    'GET /api/openapi.json',
    // Forged tokens arrive in its first message; see routes/websocket/connection.test.ts.
    'GET /api/websocket',
    'GET /account/link',
    'GET /account/link/:ticket_id',
    'POST /account/link/:ticket_id',
    'GET /account/security',
    'GET /account/security/enrolments/:enrolment_id/remove',
    'POST /account/security/enrolments/:enrolment_id/remove',
    'GET /account/security/enrolments/:enrolment_id/rename',
    'POST /account/security/enrolments/:enrolment_id/rename',
    'GET /account/security/:mfa_module_id/setup',
    'POST /account/security/:mfa_module_id/setup',
    'GET /admin/approvals',
    'GET /admin/approvals/users/:user_id/approve',
    'GET /admin/approvals/users/:user_id/decline',
    'GET /admin/approvals/apps/approve',
    'GET /admin/approvals/apps/refuse',
    'POST /admin/approvals/users/:user_id/approve',
    'POST /admin/approvals/users/:user_id/decline',
    'POST /admin/approvals/apps/approve',
    'POST /admin/approvals/apps/refuse',
    'GET /account/sessions',
    'GET /account/sessions/:session_id/end',
    'POST /account/sessions/:session_id/end',
    'GET /assets/:name',
    'GET /onboarding',
    'POST /onboarding',
    'GET /device',
    'POST /device',
    'GET /device/qr',
    'GET /login',
    'GET /login/done',
    'GET /logout',
  ];
}

let server: TestServer;
let expired: string;
beforeAll(async () => {
  const registration = { enabled: true, initial_access_token: 'an-initial-access-token' };
  server = await startServer({
    config: { registration, http: { ip_ban_enabled: false }, metrics: { enabled: true, token: 'a-long-scrape-token' } },
  });
  // Without an owner, so that onboarding is still open.
  expired = forgedToken({ sub: 'x', exp: 1 });
});
afterAll(() => server.close());

function forgedToken(claims: object = { sub: 'x' }): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'ES256', typ: 'at+jwt', kid: 'x' })}.${part(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const PROBES: Record<string, Partial<TestRequest>> = {
  nothing: {},
  'an expired bearer': {},
  [FORGED]: { token: forgedToken() },
  [SECRET]: { form: { client_id: 'app', client_secret: 'wrong', token: 'x' } },
  // Codes and refresh tokens are looked at, whichever site the request comes from.
  [CODE]: { form: { grant_type: 'authorization_code', client_id: 'https://app.example.com/', code: 'x' } },
  [CLIENT_ID]: { json: { client_id: 'x', redirect_uri: 'x', handler: ['homeassistant', null] } },
  [SETUP]: {
    headers: { 'x-setup-token': 'wrong' },
    json: { name: 'Eve', username: 'eve', password: 'a good long password', client_id: 'https://app.example.com/', language: 'en' },
  },
};

const ANY_METHOD = ['/auth/verify', '/auth/forward'];

let asked = 0;
/** The failures of an address that nobody has had before. */
async function failuresOf(request: TestRequest): Promise<number> {
  asked += 1;
  const remote_address = `198.18.${asked >> 8}.${asked & 255}`;
  await server.inject({ ...request, remote_address });
  const query = server.container.database.kysely.selectFrom('failed_logins').select('failures').where('address', '=', remote_address);
  return (await query.execute()).reduce((sum, { failures }) => sum + failures, 0);
}

// S9
it('every route counts what the table says against the address, and nothing of what a page of another site sends', async () => {
  const found: Record<string, string[]> = {};
  for (const { url, methods } of await routesOf(server)) {
    for (const method of methods.filter((name) => name !== 'HEAD')) {
      // A reverse proxy asks there by any method.
      const route = `${ANY_METHOD.includes(url) ? '*' : method} ${url}`;
      const path = url.replaceAll(/:\w+/g, 'x');
      found[route] ??= [];
      for (const [what, probe] of Object.entries(PROBES)) {
        const token = what === 'an expired bearer' ? { token: expired } : {};
        const request = { method: method as 'GET', url: path, ...probe, ...token };
        if ((await failuresOf(request)) > 0) found[route].push(what);
        const headers = { ...probe.headers, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
        expect([route, what, await failuresOf({ ...request, headers })]).toEqual([route, what, 0]);
      }
    }
  }
  expect(found).toEqual(COUNTED);
}, 120_000);
