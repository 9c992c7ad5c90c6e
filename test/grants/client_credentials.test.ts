import { beforeEach, expect, test } from 'vitest';
import type { TokenSet } from '../../src/domain/token.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { createTokenServices, HOME, ISSUER, newClient, post, type TokenServices } from '../support/fixtures/grants.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const PRINTER = newClient({
  client_id: 'printer',
  grant_types: ['client_credentials', 'refresh_token'],
  scope: ['openid', 'profile', 'offline_access', 'print', 'scan'],
  resources: ['https://files.example.com'],
});
const FORM = { grant_type: 'client_credentials', client_id: 'printer', client_secret: 'retnirp' };

let services: TokenServices;

const db = perFile(() => createTestDatabase());
beforeEach(async () => {
  services = await createTokenServices(db.database);
  services.clients.set(PRINTER.client_id, PRINTER);
  return () => services.close();
});

async function tokens(form: Record<string, string> = {}): Promise<TokenSet> {
  const answer = await post(services, { ...FORM, ...form });
  if (typeof answer === 'string') throw new Error(`no tokens: ${answer}`);
  return answer;
}

// C19
test('a client that proves itself gets an access token in its own name, and nothing else', async () => {
  const answer = await tokens();
  expect(answer).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 1_800, scope: 'print scan' });
  expect(services.accessTokens.read(answer.access_token)).toEqual({
    iss: ISSUER,
    sub: 'client:printer',
    aud: ISSUER,
    client_id: 'printer',
    scope: 'print scan',
    iat: expect.any(Number),
    exp: expect.any(Number),
    jti: expect.any(String),
  });
});

// C19, RFC 9700 section 4.15
test('its subject is no user’s, even if its name is', async () => {
  const client_id = '0123456789abcdef0123456789abcdef';
  services.clients.set(client_id, newClient({ client_id, grant_types: ['client_credentials'] }));
  const { access_token } = await tokens({ client_id, client_secret: 'fedcba9876543210fedcba9876543210' });
  expect(services.accessTokens.read(access_token)?.sub).toBe(`client:${client_id}`);
  expect(await services.bearer.authenticate(access_token, HOME)).toBeNull();
});

// C13, C19
test('a public client cannot ask in its own name', async () => {
  services.clients.set(
    'public',
    newClient({ client_id: 'public', token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] }),
  );
  const answer = await post(services, { grant_type: 'client_credentials', client_id: 'public' });
  expect(answer).toMatch(/^unauthorized_client/);
});

// C13
test('neither can a client that was not registered for it', async () => {
  services.clients.set('grafana', newClient());
  const answer = await post(services, { grant_type: 'client_credentials', client_id: 'grafana', client_secret: 'anafarg' });
  expect(answer).toMatch(/^unauthorized_client/);
});

test.each([
  ['less than it may', { scope: 'scan' }, 'scan', ISSUER],
  ['for a resource server of its own', { resource: 'https://files.example.com' }, 'print scan', 'https://files.example.com'],
  ['for us by name', { resource: ISSUER }, 'print scan', ISSUER],
  ['for both', { resource: `${ISSUER} https://files.example.com` }, 'print scan', [ISSUER, 'https://files.example.com']],
])('it may ask for %s', async (_what, form, scope, aud) => {
  const answer = await tokens(form as Record<string, string>);
  expect(answer.scope).toBe(scope);
  expect(services.accessTokens.read(answer.access_token, { for_anyone: true })).toMatchObject({ scope, aud });
});

test.each([
  ['what it may not', { scope: 'print admin' }, 'invalid_scope'],
  ['what only a person has', { scope: 'openid print' }, 'invalid_scope'],
  ['a refresh token', { scope: 'offline_access' }, 'invalid_scope'],
  ['another’s resource server', { resource: 'https://mail.example.com' }, 'invalid_target'],
  ['a resource that is no URI', { resource: 'files' }, 'invalid_target'],
])('it may not ask for %s', async (_what, form, error) => {
  expect(await post(services, { ...FORM, ...(form as Record<string, string>) })).toMatch(new RegExp(`^${error}`));
});

test('the lifetime of its access tokens is its own', async () => {
  services.clients.set('printer', { ...PRINTER, access_token_lifetime: 60 });
  expect((await tokens()).expires_in).toBe(60);
});
