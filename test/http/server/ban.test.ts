import { afterEach, describe, expect, it } from 'vitest';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer, type TestServer } from '../../support/fixtures/server.ts';

let server: TestServer;
afterEach(() => server.close());

const START = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
const junk = (remote_address: string) =>
  server.inject({ method: 'POST', url: '/auth/token', remote_address, form: { grant_type: 'refresh_token', refresh_token: 'junk' } });

async function failures(): Promise<number> {
  const rows = await server.container.database.kysely.selectFrom('failed_logins').select('failures').execute();
  return rows.reduce((sum, row) => sum + row.failures, 0);
}

describe('a ban', () => {
  it('follows the tenth failure, refuses everything, and ends', async () => {
    server = await startServer();
    await server.createOwner();
    for (let n = 0; n < 10; n++) expect((await junk('198.51.100.1')).statusCode).toBe(400);
    for (const url of ['/', '/auth/providers', '/api/me', '/nothing', '/.well-known/jwks.json']) {
      const answer = await server.inject({ url, remote_address: '198.51.100.1' });
      expect([url, answer.statusCode, answer.body]).toEqual([url, 403, '403: Forbidden']);
    }
    expect((await server.inject({ url: '/auth/providers', remote_address: '198.51.100.2' })).statusCode).toBe(200);
    expect((await server.inject({ url: '/healthz', remote_address: '198.51.100.1' })).statusCode).toBe(200);
    server.advance(3601);
    expect((await server.inject({ url: '/auth/providers', remote_address: '198.51.100.1' })).statusCode).toBe(200);
  });

  it('of one IPv6 address is that of its /64', async () => {
    server = await startServer();
    for (let n = 0; n < 10; n++) await junk(`2001:db8:1:2::${n + 1}`);
    expect((await server.inject({ url: '/', remote_address: '2001:db8:1:2:ffff::1' })).statusCode).toBe(403);
    expect((await server.inject({ url: '/api/', remote_address: '2001:db8:1:3::1' })).statusCode).toBe(401);
  });

  it.each(['127.0.0.1', '10.0.0.9'])('never hits %s, our own machine or proxy', async (address) => {
    server = await startServer({ config: { http: { trusted_proxies: ['10.0.0.0/24'] } } });
    for (let n = 0; n < 12; n++) await junk(address);
    expect((await server.inject({ url: '/api/', remote_address: address })).statusCode).toBe(401);
  });

  it('lets the owner in by the session of their browser', async () => {
    server = await startServer();
    await server.createOwner();
    const { user_id, credential_id } = await server.container.database.kysely
      .selectFrom('credentials')
      .select(['user_id', 'id as credential_id'])
      .executeTakeFirstOrThrow();
    const login = { user_id, credential_id, auth_provider_type: 'homeassistant', auth_provider_id: null };
    const how = { auth_time: server.clock(), amr: ['pwd'], redirect_uri: REDIRECT_URI };
    const cookie = await server.container.sessions.start({ ...login, ...how }, { remote_address: '198.51.100.1', user_agent: null });
    for (let n = 0; n < 10; n++) await junk('198.51.100.1');
    const ask = async (headers: Record<string, string>) =>
      (await server.inject({ url: '/api/', remote_address: '198.51.100.1', headers })).statusCode;
    expect(await ask({})).toBe(403);
    expect(await ask({ cookie: '__Host-latchkey_session=lk_se_wrong' })).toBe(403);
    expect(await ask({ cookie: `__Host-latchkey_session=${cookie}` })).toBe(401);
  });
});

describe('what counts', () => {
  async function flow(): Promise<string> {
    return (await server.inject({ method: 'POST', url: '/auth/login_flow', json: START })).json().flow_id;
  }

  it('is every refusal of the login routes, once, and no malformed body', async () => {
    server = await startServer();
    await server.createOwner();
    const flow_id = await flow();
    const step = (json: object) =>
      server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: { client_id: CLIENT_ID, ...json } });
    const counted: [string, () => Promise<unknown>, number][] = [
      ['a wrong password', () => step({ username: OWNER.username, password: 'wrong' }), 1],
      ['an unknown name', () => step({ username: 'nobody', password: 'wrong' }), 1],
      ['malformed input', () => step({ username: 'x' }), 1],
      ['a bad client', () => step({ client_id: 'x' }), 1],
      ['an unsupported grant', () => server.inject({ method: 'POST', url: '/auth/token', form: { grant_type: 'x' } }), 1],
      ['no JSON', () => server.inject({ method: 'POST', url: '/auth/login_flow', payload: 'x' }), 0],
      ['the wrong shape', () => server.inject({ method: 'POST', url: '/auth/login_flow', json: {} }), 0],
      [
        'a cross-site page',
        () => server.inject({ method: 'POST', url: '/auth/login_flow', json: START, headers: { origin: 'https://evil' } }),
        0,
      ],
      ['an unknown revocation', () => server.inject({ method: 'POST', url: '/auth/revoke', form: { token: 'x' } }), 0],
      ['giving up nothing', () => server.inject({ method: 'DELETE', url: `/auth/login_flow/${'0'.repeat(32)}` }), 0],
      ['an unknown path', () => server.inject({ url: '/nothing' }), 0],
    ];
    for (const [story, act, want] of counted) {
      const before = await failures();
      await act();
      expect([story, (await failures()) - before]).toEqual([story, want]);
    }
  });
});
