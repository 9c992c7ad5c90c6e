// What people have agreed to, and what is left of it when they take it back.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { authorizeUrl, type StandardBrowser, standardBrowser } from '../../support/clients/standard_browser.ts';
import { addApiPerson, type Call, callerWith, type Person } from '../../support/fixtures/api.ts';
import { startServer, type TestServer } from '../../support/fixtures/server.ts';
import { CALLBACK } from '../../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../../support/fixtures/standard_grants.ts';

let server: TestServer;
let owner: Call;
let person: Person;
let me: Call;
let browser: StandardBrowser;
let count = 0;

beforeAll(async () => {
  const clients = [
    { client_id: 'app', client_name: 'Wiki', redirect_uris: [CALLBACK] },
    { client_id: 'other', redirect_uris: [CALLBACK] },
  ];
  server = await startServer({ config: { clients, http: { ip_ban_enabled: false } } });
  owner = callerWith(server, (await server.ownerTokens()).access_token);
});
afterAll(() => server.close());
beforeEach(async () => {
  count += 1;
  person = await addApiPerson(server, owner, `person${count}`);
  me = callerWith(server, person.access_token);
  browser = standardBrowser(server);
});

const codeFor = async (client_id = 'app') => (await browser.authorize(authorizeUrl({ client_id }), person)).searchParams.get('code')!;
const redeem = (code: string, client_id = 'app') => {
  const form = { grant_type: 'authorization_code', client_id, code, code_verifier: VERIFIER };
  return server.inject({ method: 'POST', url: '/auth/token', form });
};
const consents = async (call = me) => (await call('GET', '/api/me/consents')).json();
const opens = async (token: string) => (await server.inject({ url: '/auth/userinfo', token })).statusCode === 200;

it('are listed with the app and what it may have', async () => {
  expect(await consents()).toEqual({ items: [], next_cursor: null });
  await codeFor();
  const granted_at = server.clock().toISOString();
  const item = { client_id: 'app', client_name: 'Wiki', scope: ['openid'], resources: [], granted_at };
  expect(await consents()).toEqual({ items: [item], next_cursor: null });
});

it('are withdrawn with everything that the app got by them, and are asked for again', async () => {
  const { access_token, refresh_token } = (await redeem(await codeFor())).json();
  const unspent = await codeFor();
  const { access_token: others } = (await redeem(await codeFor('other'), 'other')).json();
  expect((await me('DELETE', '/api/me/consents/app')).statusCode).toBe(204);
  expect([await opens(access_token), await opens(others)]).toEqual([false, true]);
  const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token };
  expect((await server.inject({ method: 'POST', url: '/auth/token', form })).json().error).toBe('invalid_grant');
  expect((await redeem(unspent)).json().error).toBe('invalid_grant');
  expect((await browser.follow(authorizeUrl())).seen).toEqual(['consent']);
  expect((await consents()).items.map(({ client_id }: { client_id: string }) => client_id)).toEqual(['app', 'other']);
  const { items } = await server.container.audit.list({ limit: 200, cursor: null });
  const event = { type: 'consent.withdrawn', actor_user_id: person.id, target_user_id: person.id, client_id: 'app' };
  expect(items.filter(({ type, actor_user_id }) => type === 'consent.withdrawn' && actor_user_id === person.id)).toMatchObject([event]);
});

it('to an app of a URL are taken back by that URL, however long', async () => {
  const client_id = `https://app.example.com/${'ü'.repeat(300)}/`;
  const facts = { user_id: person.id, client_id, scope: ['openid'], redirect_uris: [CALLBACK], resources: [] };
  await server.container.repositories.consents.grant(facts, server.clock());
  expect((await consents()).items).toMatchObject([{ client_id, client_name: null }]);
  expect((await me('DELETE', `/api/me/consents/${encodeURIComponent(client_id)}`)).statusCode).toBe(204);
  expect((await consents()).items).toEqual([]);
});

it.each(['app', 'nobody', '%00', encodeURIComponent('https://app.example.com/')])(
  'where there is none is not found: %s',
  async (client_id) => {
    const answer = await me('DELETE', `/api/me/consents/${client_id}`);
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'not_found']);
  },
);

it('of others are not theirs to withdraw', async () => {
  const { access_token } = (await redeem(await codeFor())).json();
  expect((await owner('DELETE', '/api/me/consents/app')).statusCode).toBe(404);
  expect(await opens(access_token)).toBe(true);
});
