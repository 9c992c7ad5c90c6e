// One person, both dialects: an app of Home Assistant's and a client of the standard profile hold
// tokens side by side, and neither disturbs the other.
import { expect, test } from 'vitest';
import { authorizeUrl, standardBrowser } from '../support/clients/standard_browser.ts';
import { callerWith } from '../support/fixtures/api.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { startServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../support/fixtures/standard_grants.ts';

const server = perFile(() =>
  startServer({ config: { clients: [{ client_id: 'app', redirect_uris: [CALLBACK] }], http: { ip_ban_enabled: false } } }),
);

const HOME_ASSISTANT = 'https://app.example.com/';
const post = async (url: string, form: Record<string, string>) => await server.inject({ method: 'POST', url, form });
const refresh = (client_id: string, refresh_token: string) =>
  post('/auth/token', { grant_type: 'refresh_token', client_id, refresh_token });
const api = async (token: string) => (await server.inject({ url: '/api/', token })).statusCode;
const userinfo = async (token: string) => (await server.inject({ url: '/auth/userinfo', token })).statusCode;

async function standardTokens() {
  const code = (await standardBrowser(server).authorize(authorizeUrl())).searchParams.get('code')!;
  return (await post('/auth/token', { grant_type: 'authorization_code', client_id: 'app', code, code_verifier: VERIFIER })).json();
}

test('each refreshes in its own way, is listed, and outlives the other', async () => {
  const plain = await server.ownerTokens();
  const standard = await standardTokens();
  expect(plain).toMatchObject({ ha_auth_provider: 'homeassistant', token_type: 'Bearer' });
  expect(standard).toMatchObject({ id_token: expect.any(String), scope: 'openid' });
  // Home Assistant's never rotates; the other one always does.
  expect(Object.keys((await refresh(HOME_ASSISTANT, plain.refresh_token)).json())).toEqual(['access_token', 'token_type', 'expires_in']);
  const next = (await refresh('app', standard.refresh_token)).json();
  expect(next.refresh_token).not.toBe(standard.refresh_token);
  // Neither is valid at the other's endpoint; a standard token has no scope of the API.
  expect([await api(plain.access_token), await userinfo(next.access_token)]).toEqual([200, 200]);
  expect([await api(next.access_token), await userinfo(plain.access_token)]).toEqual([403, 403]);
  for (const [client_id, token] of [
    ['app', plain.refresh_token],
    [HOME_ASSISTANT, next.refresh_token],
  ] as const) {
    expect((await refresh(client_id, token)).statusCode).toBeGreaterThanOrEqual(400);
  }
  const { items } = (await callerWith(server, plain.access_token)('GET', '/api/me/refresh_tokens')).json();
  expect(items.map(({ client_id }: { client_id: string }) => client_id).sort()).toEqual(['app', HOME_ASSISTANT]);
  // A replay in one dialect, a revocation in the other.
  server.advance(11);
  expect((await refresh('app', standard.refresh_token)).json().error).toBe('invalid_grant');
  expect([await userinfo(next.access_token), await api(plain.access_token)]).toEqual([401, 200]);
  const again = await standardTokens();
  expect((await post('/auth/revoke', { token: plain.refresh_token })).statusCode).toBe(200);
  expect([await userinfo(again.access_token), await api(plain.access_token)]).toEqual([200, 401]);
});
