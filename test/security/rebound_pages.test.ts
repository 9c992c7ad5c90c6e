// Over plain http, a page whose name an attacker points at this server is same-origin to the
// browser, and sends no header that tells it apart. What it fails at must not ban the visitor, and
// must still be limited.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer } from '../support/fixtures/server.ts';

const VISITOR = '198.51.100.1';
const REBOUND = { host: 'evil.example:8123' };
const ORIGIN = { ...REBOUND, origin: 'http://evil.example:8123' };

const server = perFile(() => startServer({ config: { public_url: 'http://auth.example.com:8123' } }));
beforeAll(async () => {
  await server.createOwner();
});
beforeEach(async () => {
  // Beyond the time that any failure is remembered.
  server.advance(7200);
  await server.container.database.kysely.deleteFrom('failed_logins').execute();
});

const status = async (url: string, headers: Record<string, string> = {}) =>
  (await server.inject({ url, headers, remote_address: VISITOR })).statusCode;

const refresh = async (headers: Record<string, string>) => {
  const form = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: 'unknown' };
  return (await server.inject({ method: 'POST', url: '/auth/token', form, headers, remote_address: VISITOR })).statusCode;
};

const forgedBearer = (headers: Record<string, string>) => status('/api/', { ...headers, authorization: 'Bearer forged' });

/** A login by Home Assistant's JSON steps. */
async function logIn(password: string, headers: Record<string, string>, remote_address = VISITOR) {
  const post = (url: string, json: object) => server.inject({ method: 'POST', url, json, headers, remote_address });
  const begun = await post('/auth/login_flow', { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] });
  if (begun.statusCode !== 200) return begun.statusCode;
  const { flow_id } = begun.json();
  const answer = await post(`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, username: OWNER.username, password });
  return answer.statusCode === 200 ? answer.json().type : answer.statusCode;
}

// S9
describe('a page under a name that is not this server’s', () => {
  it.each<[string, (headers: Record<string, string>) => Promise<unknown>, Record<string, string>]>([
    ['unknown refresh tokens', refresh, ORIGIN],
    ['forged bearer tokens', forgedBearer, REBOUND],
    ['wrong passwords', (headers) => logIn('wrong', headers), ORIGIN],
  ])('does not get its visitor banned by %s, and is itself refused after as many', async (_what, fail, headers) => {
    for (let n = 0; n < 11; n += 1) await fail(headers);
    expect(await status('/auth/providers')).toBe(200);
    expect(await status('/auth/providers', REBOUND)).toBe(403);
    expect(await status('/auth/providers', { host: 'another.example' })).toBe(403);
    expect(await logIn(OWNER.password, {})).toBe('create_entry');
  });

  it('gives a program no more guesses at a name', async () => {
    for (let n = 0; n < 9; n += 1) await logIn('wrong', ORIGIN);
    for (let n = 0; n < 10; n += 1) await logIn('wrong', {});
    expect(await status('/auth/providers')).toBe(403);
    await logIn('wrong', ORIGIN);
    expect(await status('/auth/providers', REBOUND)).toBe(403);
  });

  it('is listed and lifted with the bans of its address', async () => {
    for (let n = 0; n < 11; n += 1) await refresh(ORIGIN);
    const { throttle } = server.container;
    expect((await throttle.listBans(10)).map(({ address, is_foreign_host }) => [address, is_foreign_host])).toEqual([[VISITOR, true]]);
    expect(await throttle.lift(VISITOR)).toBe(true);
    expect(await status('/auth/providers', REBOUND)).toBe(200);
  });
});

it('a person logs in under a name of the home network that is not configured', async () => {
  expect(await logIn(OWNER.password, { host: 'homeserver:8123', origin: 'http://homeserver:8123' }, '192.168.1.20')).toBe('create_entry');
});
