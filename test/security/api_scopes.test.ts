// Standard tokens at the JSON API: accepted by scope, for every route; who can have the scopes; and
// that a scope for one's own account never leads to the rights of an administrator.
import { beforeAll, describe, expect, it } from 'vitest';
import { apiRoutes } from '../../src/http/api/api_routes.ts';
import { authorizeUrl, standardBrowser } from '../support/clients/standard_browser.ts';
import { callerWith } from '../support/fixtures/api.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { startServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../support/fixtures/standard_grants.ts';

const CLIENT = { redirect_uris: [CALLBACK], client_name: 'Backup' };
const SECRET = 'the-secret-of-the-machine';
const REGISTRATION = 'initial-access-token';

const server = perFile(() =>
  startServer({
    config: {
      http: { ip_ban_enabled: false },
      registration: { enabled: true, initial_access_token: REGISTRATION },
      clients: [
        { client_id: 'plain', ...CLIENT },
        { client_id: 'account', scope: 'openid api:account', ...CLIENT },
        { client_id: 'admin', scope: 'openid api:account api:admin', ...CLIENT },
        { client_id: 'machine', client_secret: SECRET, grant_types: ['client_credentials'], redirect_uris: [], scope: 'api:admin openid' },
      ],
    },
  }),
);

const tokens: Record<string, string> = {};

async function standardToken(client_id: string, scope: string): Promise<string> {
  const browser = standardBrowser(server);
  const { location, seen } = await browser.follow(authorizeUrl({ client_id, scope }));
  expect(seen).toContain('login');
  const code = location!.searchParams.get('code')!;
  const form = { grant_type: 'authorization_code', client_id, code, code_verifier: VERIFIER, redirect_uri: CALLBACK };
  const answer = (await server.inject({ method: 'POST', url: '/auth/token', form })).json();
  expect(answer.scope).toBe(scope);
  return answer.access_token;
}

beforeAll(async () => {
  await server.ownerTokens();
  tokens.plain = await standardToken('plain', 'openid');
  tokens.account = await standardToken('account', 'openid api:account');
  tokens.admin = await standardToken('admin', 'openid api:account api:admin');
  tokens.only_admin = await standardToken('admin', 'openid api:admin');
});

const SCOPE_OF = { anyone: 'api:account', admin: 'api:admin', approver: 'api:admin', owner: 'api:admin' };

it.each([
  ['plain', []],
  ['account', ['api:account']],
  ['admin', ['api:account', 'api:admin']],
  ['only_admin', ['api:admin']],
] as const)('the owner’s token %s may call exactly the routes of %j', async (name, scopes) => {
  const call = callerWith(server, tokens[name]);
  for (const { method, url, who } of apiRoutes(server.container)) {
    const body = method === 'GET' || method === 'DELETE' ? undefined : { unknown: 1 };
    const answer = await call(method, url.replace(/:\w+/g, '0'.repeat(32)), body);
    const needed = SCOPE_OF[who];
    if ((scopes as readonly string[]).includes(needed)) {
      // Past the guard: an unknown id, or a body that does not fit.
      expect([method, url, answer.headers['www-authenticate']]).toEqual([method, url, undefined]);
      expect([method, url, [200, 204, 400, 403, 404].includes(answer.statusCode)]).toEqual([method, url, true]);
    } else {
      expect([method, url, answer.statusCode, answer.json().code]).toEqual([method, url, 403, 'insufficient_scope']);
      expect(answer.headers['www-authenticate']).toBe(`Bearer error="insufficient_scope", scope="${needed}"`);
    }
  }
});

describe('a token for the account of an administrator', () => {
  it('reads and changes the account', async () => {
    const call = callerWith(server, tokens.account);
    expect((await call('GET', '/api/me')).json()).toMatchObject({ is_owner: true });
    expect((await call('PATCH', '/api/me', { locale: 'de' })).json()).toMatchObject({ locale: 'de' });
  });

  it('adds no login method, which would have the rights that it lacks', async () => {
    const call = callerWith(server, tokens.account);
    const answer = await call('POST', '/api/me/long_lived_access_tokens', { client_name: 'escape' });
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'insufficient_scope']);
    const { items } = (await call('GET', '/api/me/refresh_tokens')).json();
    expect(items.filter(({ type }: { type: string }) => type === 'long_lived_access_token')).toEqual([]);
  });

  it('asks for no rights of others', async () => {
    const question = { user_id: '0'.repeat(32), category: 'entities', object: { entity_id: 'light.a' }, key: 'read' };
    expect((await callerWith(server, tokens.account)('POST', '/api/permissions/check', question)).statusCode).toBe(403);
    expect((await callerWith(server, tokens.admin)('POST', '/api/permissions/check', question)).statusCode).not.toBe(403);
  });
});

it('a token with both scopes creates a long-lived token after a fresh login, and is challenged later', async () => {
  const call = callerWith(server, await standardToken('admin', 'openid api:account api:admin'));
  expect((await call('POST', '/api/me/long_lived_access_tokens', { client_name: 'script' })).statusCode).toBe(201);
  server.advance(301);
  const late = await call('POST', '/api/me/long_lived_access_tokens', { client_name: 'late' });
  expect([late.statusCode, late.headers['www-authenticate']]).toEqual([401, expect.stringContaining('max_age=300')]);
});

describe('the scopes', () => {
  it('are dropped for a client whose operator did not name them', async () => {
    const browser = standardBrowser(server);
    const { location } = await browser.follow(authorizeUrl({ client_id: 'plain', scope: 'openid api:account api:admin' }));
    const form = { grant_type: 'authorization_code', client_id: 'plain', code_verifier: VERIFIER, redirect_uri: CALLBACK };
    const answer = await server.inject({
      method: 'POST',
      url: '/auth/token',
      form: { ...form, code: location!.searchParams.get('code')! },
    });
    expect(answer.json().scope).toBe('openid');
  });

  it('are never given to a client that registered itself', async () => {
    const answer = await server.inject({
      method: 'POST',
      url: '/auth/register',
      token: REGISTRATION,
      json: { redirect_uris: [CALLBACK], scope: 'openid api:account api:admin' },
    });
    expect([answer.statusCode, answer.json().scope]).toEqual([201, 'openid']);
  });

  it('are never given to client credentials, which concern no person', async () => {
    const form = { grant_type: 'client_credentials', client_id: 'machine', client_secret: SECRET };
    const answer = await server.inject({ method: 'POST', url: '/auth/token', form });
    expect(answer.json()).toMatchObject({ access_token: expect.any(String), scope: '' });
    expect((await callerWith(server, answer.json().access_token)('GET', '/api/me')).statusCode).toBe(401);
  });

  it('are named on the consent page', async () => {
    const browser = standardBrowser(server);
    const request = { client_id: 'admin', scope: 'openid api:account api:admin' };
    await browser.follow(authorizeUrl(request));
    const html = await (await browser.get(authorizeUrl({ ...request, prompt: 'consent' }))).text();
    expect(html).toContain('manage your account here');
    expect(html).toContain('administer this server with your rights');
  });
});
