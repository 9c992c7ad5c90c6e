// Which routes need a fresh login, generated from the list of routes: one that is not in the table
// fails.
import { beforeAll, describe, expect, it } from 'vitest';
import { randomId } from '../../src/domain/secret.ts';
import { routesOf } from '../support/checks/routes.ts';
import { visitor } from '../support/clients/page_visitor.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { OWNER, startServer } from '../support/fixtures/server.ts';

const HOME = '192.168.0.5';
const NOBODY = '0'.repeat(32);
const CLIENTS = '/api/clients/:client_id';
const SECURITY = '/account/security';

type Body = Record<string, unknown>;

/** Bodies that change how somebody logs in, and bodies that do not. */
interface Rule {
  fresh?: Body[];
  open?: Body[];
}
const FRESH: Rule = { fresh: [{}] };
const OPEN: Rule = { open: [{}] };

/** Routes that take a token of Home Assistant's dialect. */
const BY_TOKEN: Record<string, Rule> = {
  'GET /api/': OPEN,
  'GET /api/me': OPEN,
  'PATCH /api/me': { fresh: [{ email: 'ada@example.com' }, { email: null }], open: [{ name: 'Ada' }, { locale: 'de' }] },
  'GET /api/me/refresh_tokens': OPEN,
  'DELETE /api/me/refresh_tokens/:refresh_token_id': OPEN,
  'PATCH /api/me/refresh_tokens/:refresh_token_id': { open: [{ enable_expiry: false }] },
  'POST /api/me/refresh_tokens/delete_all': { open: [{ token_type: 'system' }] },
  'POST /api/me/long_lived_access_tokens': { fresh: [{ client_name: 'script' }] },
  'POST /api/me/password': { fresh: [{ current_password: 'a wrong one of them', new_password: 'another good password' }] },
  'GET /api/me/sessions': OPEN,
  'DELETE /api/me/sessions/:session_id': OPEN,
  'GET /api/me/consents': OPEN,
  'DELETE /api/me/consents/:client_id': OPEN,
  'GET /api/me/credentials': OPEN,
  'POST /api/me/credentials/link': { fresh: [{ auth_provider_type: 'insecure_example' }] },
  'DELETE /api/me/credentials/:credential_id': FRESH,
  'GET /api/me/mfa': OPEN,
  'POST /api/me/mfa/:mfa_module_id/setup': FRESH,
  'DELETE /api/me/mfa/:mfa_module_id': FRESH,
  'DELETE /api/me/mfa/enrolments/:enrolment_id': FRESH,
  'PATCH /api/me/mfa/enrolments/:enrolment_id': { open: [{ name: 'Phone' }] },
  'GET /api/users': OPEN,
  'POST /api/users': {
    fresh: [
      { name: 'Ben', group_ids: ['system-admin'] },
      { name: 'Ben', group_ids: ['nobody-has-this'] },
      { name: 'Ben', username: 'ben' },
      { name: 'Ben', email: 'ben@example.com' },
    ],
    open: [{ name: 'Ben' }, { name: 'Ben', group_ids: [] }],
  },
  'GET /api/users/:user_id': OPEN,
  'PATCH /api/users/:user_id': {
    fresh: [
      { is_active: true },
      { is_active: false },
      { email: 'ben@example.com' },
      { email_verified: false },
      { username: 'benno' },
      { group_ids: ['system-admin'] },
      { group_ids: [] },
      { local_only: true },
      { local_only: false },
    ],
    open: [{ name: 'Ben' }],
  },
  'DELETE /api/users/:user_id': FRESH,
  'POST /api/users/:user_id/approve': { fresh: [{}, { merge_into: NOBODY }] },
  'POST /api/users/:user_id/decline': FRESH,
  'POST /api/users/:user_id/login': { fresh: [{ username: 'ben', password: 'another good password' }] },
  'DELETE /api/users/:user_id/login': FRESH,
  'PUT /api/users/:user_id/login/password': { fresh: [{ password: 'another good password' }] },
  'PUT /api/users/:user_id/login/username': { fresh: [{ username: 'benjamin' }] },
  'DELETE /api/users/:user_id/mfa': FRESH,
  'GET /api/users/:user_id/sessions': OPEN,
  'DELETE /api/users/:user_id/sessions/:session_id': OPEN,
  'GET /api/groups': OPEN,
  'GET /api/apps': OPEN,
  'GET /api/apps/:app': OPEN,
  'GET /api/clients': OPEN,
  'POST /api/clients': { fresh: [{ client_name: 'App', redirect_uris: ['https://app.example.com/cb'] }] },
  [`GET ${CLIENTS}`]: OPEN,
  [`PATCH ${CLIENTS}`]: {
    fresh: [
      { trusted: true },
      { profile: 'fapi2' },
      { redirect_uris: [] },
      { token_endpoint_auth_method: 'none' },
      { jwks: null },
      { jwks_uri: null },
      { claims: { role: { value: 'admin' } } },
    ],
    open: [{ client_name: 'App' }],
  },
  [`DELETE ${CLIENTS}`]: FRESH,
  [`POST ${CLIENTS}/secrets`]: FRESH,
  [`DELETE ${CLIENTS}/secrets/:secret_id`]: FRESH,
  'GET /api/audit': OPEN,
  'GET /api/approvals': OPEN,
  'POST /api/approvals/approve': { open: [{ client_id: 'https://nobody.example/' }, { client_id: 'nobody' }] },
  'POST /api/approvals/refuse': { open: [{ client_id: 'https://nobody.example/' }, { client_id: 'nobody' }] },
  'POST /api/url_clients/approve': { open: [{ client_id: 'https://nobody.example/' }] },
  'POST /api/url_clients/refuse': { open: [{ client_id: 'https://nobody.example/' }] },
  'POST /api/permissions/check': { open: [{ category: 'entities', object: { entity_id: 'light.a' }, key: 'read' }] },
  'POST /api/refresh_tokens/revoke_all': { open: [{ before: '2000-01-01T00:00:00Z' }] },
  'POST /api/providers/:key/test': OPEN,
  'POST /api/import/home-assistant': { fresh: [{}, { auth: {} }] },
  'POST /auth/link_user': { fresh: [{ client_id: 'https://app.example.com/', code: 'x' }] },
};

/** Pages that act for the browser's session. `fresh`: what the form says. */
const BY_SESSION: Record<string, { fresh?: true }> = {
  [`GET ${SECURITY}`]: {},
  [`GET ${SECURITY}/:mfa_module_id/setup`]: {},
  [`POST ${SECURITY}/:mfa_module_id/setup`]: { fresh: true },
  [`GET ${SECURITY}/enrolments/:enrolment_id/remove`]: {},
  [`POST ${SECURITY}/enrolments/:enrolment_id/remove`]: { fresh: true },
  [`GET ${SECURITY}/enrolments/:enrolment_id/rename`]: {},
  [`POST ${SECURITY}/enrolments/:enrolment_id/rename`]: {},
  'GET /admin/approvals': {},
  'GET /admin/approvals/users/:user_id/approve': {},
  'GET /admin/approvals/users/:user_id/decline': {},
  'GET /admin/approvals/apps/approve': {},
  'GET /admin/approvals/apps/refuse': {},
  'POST /admin/approvals/users/:user_id/approve': { fresh: true },
  'POST /admin/approvals/users/:user_id/decline': { fresh: true },
  'POST /admin/approvals/apps/approve': {},
  'POST /admin/approvals/apps/refuse': {},
  'GET /account/sessions': {},
  'GET /account/sessions/:session_id/end': {},
  'POST /account/sessions/:session_id/end': {},
};

/** Routes that no logged-in person changes their login methods by, with the reason. */
const NEITHER: Record<string, string> = {
  'GET /': 'shows a page',
  'GET /healthz': 'monitoring',
  'GET /readyz': 'monitoring',
  'GET /metrics': 'monitoring',
  'GET /assets/:name': 'files',
  'GET /.well-known/change-password': 'leads to a page',
  'GET /.well-known/jwks.json': 'metadata',
  'GET /.well-known/webfinger': 'metadata',
  'GET /.well-known/oauth-authorization-server': 'metadata',
  'GET /.well-known/oauth-protected-resource': 'metadata',
  'GET /.well-known/openid-configuration': 'metadata',
  'GET /api/onboarding': 'there is nobody yet',
  'GET /api/openapi.json': 'documentation',
  'GET /api/websocket': 'command by command, in routes/websocket/commands.test.ts',
  'POST /api/onboarding/users': 'there is nobody yet: by the setup token',
  'GET /onboarding': 'there is nobody yet',
  'POST /onboarding': 'there is nobody yet: by the setup token',
  'GET /auth/authorize': 'a login itself',
  'POST /auth/authorize': 'a login itself',
  'POST /auth/authorize/consent': 'gives an app tokens, and no login method',
  'POST /auth/authorize/continue': 'a login itself',
  'POST /auth/authorize/cancel': 'gives nothing',
  'GET /auth/authorize/consent': 'leads to the login',
  'GET /auth/authorize/continue': 'leads to the login',
  'GET /auth/authorize/cancel': 'leads to the login',
  'GET /auth/callback/:provider': 'a login itself',
  'POST /auth/callback/:provider': 'a login itself',
  'GET /auth/providers': 'a login itself',
  'POST /auth/login_flow': 'a login itself',
  'GET /auth/login_flow/:flow_id': 'a login itself',
  'POST /auth/login_flow/:flow_id': 'a login itself',
  'DELETE /auth/login_flow/:flow_id': 'a login itself',
  'GET /login': 'a login itself',
  'GET /login/done': 'a login itself',
  'GET /account/link': 'by a ticket, which needs a fresh login',
  'GET /account/link/:ticket_id': 'by a ticket, which needs a fresh login',
  'POST /account/link/:ticket_id': 'by a ticket, which needs a fresh login',
  'POST /auth/token': 'an app',
  'POST /auth/par': 'an app',
  'POST /auth/device_authorization': 'an app',
  'POST /auth/revoke': 'an app',
  'POST /auth/introspect': 'an app',
  'GET /auth/userinfo': 'an app',
  'GET /auth/userinfo/emails': 'an app',
  'POST /auth/userinfo': 'an app',
  'POST /auth/register': 'an app',
  'GET /auth/register/:client_id': 'an app, by its registration access token',
  'PUT /auth/register/:client_id': 'an app, by its registration access token',
  'DELETE /auth/register/:client_id': 'an app, by its registration access token',
  '* /auth/verify': 'a proxy',
  '* /auth/forward': 'a proxy',
  'GET /auth/forward/login': 'a login at another host',
  'GET /.latchkey/login': 'a login at another host',
  'GET /.latchkey/callback': 'a login at another host',
  'GET /device/qr': 'a picture',
  'GET /device': 'gives an app tokens, and no login method',
  'POST /device': 'gives an app tokens, and no login method',
  'GET /logout': 'ends a login',
  'GET /auth/end_session': 'ends a login',
  'POST /auth/end_session': 'ends a login',
};

let owner_id: string;
const server = perFile(() =>
  startServer({
    config: {
      auth_providers: [
        { type: 'homeassistant' },
        { type: 'insecure_example', users: [] },
        { type: 'trusted_networks', trusted_networks: ['192.168.0.0/24'] },
      ],
      auth_mfa_modules: [{ type: 'totp' }],
      registration: { enabled: true, initial_access_token: 'only-for-tests-and-long-enough-for-it' },
      http: { ip_ban_enabled: false, login_attempts_threshold: -1 },
      metrics: { enabled: true, token: 'a-long-scrape-token' },
    },
  }),
);
beforeAll(async () => {
  const { access_token: token } = await server.ownerTokens();
  owner_id = (await server.inject({ url: '/api/me', token })).json().id;
});

/** A route as the server is asked; ids are those of nobody. */
const pathOf = (url: string) => url.replace(':mfa_module_id', 'totp').replaceAll(/:\w+/g, NOBODY);

async function codeOf(route: string, body: Body, token: string, remote_address?: string): Promise<string> {
  const [method = '', url = ''] = route.split(' ');
  const json = method === 'GET' || method === 'DELETE' ? {} : { json: body };
  const from = remote_address === undefined ? {} : { remote_address };
  const answer = await server.inject({ method: method as 'GET', url: pathOf(url), token, ...json, ...from });
  // Home Assistant's routes say it in words.
  if (answer.body.includes('"message":"Log in again to do this"')) return `${answer.statusCode} reauth_required`;
  return `${answer.statusCode}`;
}

const cases = Object.entries(BY_TOKEN).flatMap(([route, { fresh = [], open = [] }]) => [
  ...fresh.map((body) => ({ route, body, is_fresh: true })),
  ...open.map((body) => ({ route, body, is_fresh: false })),
]);

/** Compares every case with what the token may do. */
async function expectEach(token: string, refuses: boolean, remote_address?: string): Promise<void> {
  const answers: [string, string][] = [];
  for (const { route, body } of cases) answers.push([`${route} ${JSON.stringify(body)}`, await codeOf(route, body, token, remote_address)]);
  const refused = answers.filter(([, answer]) => answer === '403 reauth_required').map(([name]) => name);
  const wanted = cases.filter(({ is_fresh }) => is_fresh && refuses).map(({ route, body }) => `${route} ${JSON.stringify(body)}`);
  expect(refused).toEqual(wanted);
}

// S3
describe('a change that gives or takes a login method', () => {
  it('is every route that the table says, and every route is in it', async () => {
    const all = (await routesOf(server)).flatMap(({ url, methods }) =>
      methods.length > 5
        ? [`* ${url}`]
        : methods.filter((method) => method !== 'HEAD' && method !== 'OPTIONS').map((method) => `${method} ${url}`),
    );
    const named = [...Object.keys(BY_TOKEN), ...Object.keys(BY_SESSION), ...Object.keys(NEITHER)];
    expect(all.filter((route) => !named.includes(route))).toEqual([]);
    expect(named.filter((route) => !all.includes(route))).toEqual([]);
  });

  it('is made after a login of the last five minutes', async () => {
    await expectEach((await server.redeem(await server.login())).access_token, false);
  });

  it('is refused 301 seconds after the login, and by a refreshed token too', async () => {
    const { refresh_token } = await server.redeem(await server.login());
    server.advance(301);
    const form = { grant_type: 'refresh_token', client_id: 'https://app.example.com/', refresh_token };
    const { access_token } = (await server.inject({ method: 'POST', url: '/auth/token', form })).json();
    await expectEach(access_token, true);
  });

  it('is refused for a long-lived token, however new', async () => {
    const { access_token: token } = await server.redeem(await server.login());
    const json = { client_name: randomId() };
    const made = await server.inject({ method: 'POST', url: '/api/me/long_lived_access_tokens', token, json });
    await expectEach(made.json().token, true);
  });

  it('is refused after a login by an address alone', async () => {
    const from = { remote_address: HOME };
    const how = { client_id: 'https://app.example.com/', redirect_uri: 'https://app.example.com/callback' };
    const start = { ...how, handler: ['trusted_networks', null] };
    const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: start, ...from })).json();
    const json = { client_id: how.client_id, user: owner_id };
    const answer = await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json, ...from });
    const form = { grant_type: 'authorization_code', client_id: how.client_id, code: answer.json().result };
    const { access_token } = (await server.inject({ method: 'POST', url: '/auth/token', form, ...from })).json();
    await expectEach(access_token, true, HOME);
  });
});

// S3
describe('a page that changes a login method', () => {
  it.each(Object.entries(BY_SESSION))('%s', async (route, { fresh = false }) => {
    const [method, url = ''] = route.split(' ');
    const browser = visitor(server);
    const login = await browser.get(`/login?${new URLSearchParams({ next: SECURITY })}`);
    await browser.logIn(login.headers.get('location') ?? '', OWNER);
    const html = await (await browser.get(SECURITY)).text();
    const ask = async () => {
      if (method === 'GET') return await browser.get(pathOf(url));
      const form = html.replace(/<form method="post" action="[^"]*"/, `<form method="post" action="${pathOf(url)}"`);
      return await browser.submit(SECURITY, form, { name: 'Phone' });
    };
    const asksForLogin = ({ headers }: Response) => headers.get('location')?.startsWith('/login?') ?? false;
    expect(asksForLogin(await ask())).toBe(false);
    server.advance(301);
    expect(asksForLogin(await ask())).toBe(fresh);
  });
});
