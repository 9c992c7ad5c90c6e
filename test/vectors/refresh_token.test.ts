// Refresh tokens by the JSON API, with the idle expiry that Home Assistant has and an operator may
// configure.
import { beforeAll, expect } from 'vitest';
import { OPERATOR } from '../../src/accounts/actor.ts';
import { byId, runArea } from '../support/clients/vector_driver.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, startServer } from '../support/fixtures/server.ts';
import { addSomeone, example, logInAs } from '../support/fixtures/someone.ts';

const DAY = 86_400;

let user_id: string;
const server = perFile(() =>
  startServer({
    config: { auth_providers: [{ type: 'homeassistant' }, example('someone')], tokens: { refresh_token_idle_lifetime: '90d' } },
  }),
);
beforeAll(async () => {
  ({ user_id } = await addSomeone(server, 'someone'));
});

const inDays = (days: number) => new Date(server.clock().getTime() + days * DAY * 1000).toISOString();

/** The newest grant of a new login, as its user sees it. */
async function current(token: string) {
  await server.container.lastUsed.flush();
  const { items } = (await server.inject({ url: '/api/me/refresh_tokens?limit=200', token })).json();
  return items.find(({ is_current }: { is_current: boolean }) => is_current);
}
async function setExpiry(token: string, enable_expiry: boolean) {
  const { id } = await current(token);
  const answer = await server.inject({ method: 'PATCH', url: `/api/me/refresh_tokens/${id}`, json: { enable_expiry }, token });
  expect(answer.statusCode).toBe(200);
  return answer.json();
}
const longLived = async (json: object) => {
  const { access_token: token } = await logInAs(server, 'someone');
  return await server.inject({ method: 'POST', url: '/api/me/long_lived_access_tokens', json, token });
};

runArea(
  'refresh-token',
  byId({
    'refresh-token-002': async ({ expect: want }) => {
      const { access_token, expires_in } = await logInAs(server, 'someone');
      expect(expires_in).toBe(want.access_token_expiration);
      expect(await current(access_token)).toMatchObject({ type: want.type, expire_at: inDays(90) });
    },
    'refresh-token-005': async ({ given: { client_id, type: token_type } }) => {
      await expect(server.container.refreshTokens.create(user_id, { client_id, token_type }, OPERATOR)).rejects.toThrow();
    },
    'refresh-token-006': async () => expect((await longLived({ lifespan: 1 })).statusCode).toBe(400),
    'refresh-token-008': async ({ given: { client_name }, expect: want }) => {
      expect((await longLived({ client_name })).statusCode).toBe(201);
      const again = await longLived({ client_name });
      expect([again.statusCode, again.json().message]).toEqual([409, want.error]);
    },
    'refresh-token-011': async ({ given, expect: want }) => {
      const access_token_expiration = given.access_token_expiration_days * DAY;
      const made = await server.container.refreshTokens.create(user_id, { client_id: given.client_id, access_token_expiration }, OPERATOR);
      const { items } = await server.container.refreshTokens.list(user_id, { limit: 200, cursor: null });
      const { type, expire_at } = items.find(({ id }) => id === made.id)!;
      expect([type, expire_at?.toISOString()]).toEqual([want.type, inDays(90)]);
    },
    'refresh-token-013': async () => {
      const { refresh_token } = await logInAs(server, 'someone');
      server.advance(90 * DAY + 5);
      const form = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token };
      expect((await server.inject({ method: 'POST', url: '/auth/token', form })).json()).toEqual({ error: 'invalid_grant' });
    },
    'refresh-token-015': async () => {
      const { access_token } = await logInAs(server, 'someone');
      expect(await setExpiry(access_token, false)).toMatchObject({ expire_at: null });
      expect(await current(access_token)).toMatchObject({ expire_at: null });
    },
    'refresh-token-016': async () => {
      const { access_token } = await logInAs(server, 'someone');
      await setExpiry(access_token, false);
      const used = inDays(90);
      server.advance(60);
      expect(await setExpiry(access_token, true)).toMatchObject({ expire_at: used });
    },
    'refresh-token-017': async () => {
      const { access_token } = await logInAs(server, 'someone');
      const { expire_at } = await current(access_token);
      server.advance(60);
      expect(await setExpiry(access_token, true)).toMatchObject({ expire_at });
    },
  }),
);
