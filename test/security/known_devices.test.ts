// While a name is guessed at from everywhere, its person keeps a login method by a browser that
// they have logged in from before.
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { sha256 } from '../../src/domain/secret.ts';
import { visitor } from '../support/clients/page_visitor.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer } from '../support/fixtures/server.ts';

const COOKIE = 'latchkey_device';
const PAGE = `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI })}`;
const HOME = '198.51.100.1';

const server = perFile(() => startServer({ config: { public_url: 'http://auth.example.com', http: { trusted_proxies: ['127.0.0.1'] } } }));
beforeAll(async () => {
  await server.createOwner();
});
beforeEach(async () => {
  for (const table of ['failed_logins', 'ip_bans', 'device_cookies'] as const)
    await server.container.database.kysely.deleteFrom(table).execute();
  server.advance(7200);
});

type Browser = ReturnType<typeof visitor>;
const browser = (address = HOME) => visitor(server, { 'x-forwarded-for': address });
/** The status of a login on the page, through a form of its own. */
async function logIn(from: Browser, password = OWNER.password, username = OWNER.username): Promise<number> {
  from.jar.delete('latchkey_session');
  const page = await from.get(PAGE);
  return (await from.submit(PAGE, await page.text(), { username, password })).status;
}
/** Guesses at the owner's name from four addresses, more often than it may be guessed at. */
async function attack(): Promise<void> {
  for (let n = 0; n < 36; n += 1)
    await server.container.throttle.attempt(`203.0.113.${n % 4}`, `homeassistant::${OWNER.username}`, async () => false).catch(() => {});
}
const cookies = () => server.container.database.kysely.selectFrom('device_cookies').select(['cookie_hash', 'guesses']).execute();

// S10, H2
it('the right password gets in there during the block, and nowhere else', async () => {
  const known = browser();
  expect(await logIn(known)).toBe(303);
  await attack();
  expect([await logIn(browser('198.51.100.2')), await logIn(known)]).toEqual([429, 303]);
  // By JSON there is no such way: another page could be the one that sends it.
  const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
  const headers = { cookie: `${COOKIE}=${known.jar.get(COOKIE)}` };
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json, headers })).json();
  const { username, password } = OWNER;
  const answer = await server.inject({
    ...{ method: 'POST', url: `/auth/login_flow/${flow_id}`, headers },
    json: { client_id: CLIENT_ID, username, password },
  });
  expect(answer.json().errors).toEqual({ base: 'invalid_auth' });
});

// S10
it('one address that polls a blocked name is banned, and the block ends', async () => {
  await attack();
  const statuses = [];
  for (let n = 0; n < 12; n += 1) statuses.push(await logIn(browser('198.51.100.3'), 'wrong').catch(() => 403));
  expect(statuses.slice(0, 10)).toEqual(Array(10).fill(429));
  server.advance(10);
  expect(await logIn(browser())).toBe(303);
});

it('five wrong guesses end the cookie, and none is counted while nothing is blocked', async () => {
  const known = browser();
  await logIn(known);
  expect(await logIn(known, 'wrong')).toBe(200);
  expect((await cookies()).map(({ guesses }) => guesses)).toEqual([0]);
  await attack();
  const cookie = known.jar.get(COOKIE)!;
  const statuses = [];
  for (let n = 0; n < 6; n += 1) {
    const from = browser(`198.51.100.${10 + n}`);
    from.jar.set(COOKIE, cookie);
    statuses.push(await logIn(from, 'wrong'));
  }
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
  expect(await logIn(known)).toBe(429);
});

it('the cookie is the person’s alone: 256 bits, stored as a hash, worth nothing at another name', async () => {
  const known = browser();
  await logIn(known);
  const cookie = known.jar.get(COOKIE)!;
  expect(Buffer.from(cookie.replace('lk_dv_', ''), 'base64url')).toHaveLength(32);
  expect((await cookies()).map(({ cookie_hash }) => cookie_hash)).toEqual([sha256(cookie)]);
  const { knownDevices } = server.container;
  const local = { auth_provider_type: 'homeassistant', auth_provider_id: null };
  expect(await knownDevices.mayGuess(cookie, local, 'somebody else')).toBe(false);
  expect(await knownDevices.mayGuess(cookie, { ...local, auth_provider_type: 'ldap' }, OWNER.username)).toBe(false);
  expect(await knownDevices.mayGuess(cookie, local, OWNER.username)).toBe(true);
  server.advance(365 * 86_400);
  expect(await knownDevices.mayGuess(cookie, local, OWNER.username)).toBe(false);
});

// S10
it('of thirty logins at once ten cookies count, and the next login deletes the others', async () => {
  const { users, sessions, knownDevices, repositories } = server.container;
  const [owner] = (await users.list({ limit: 1, cursor: null })).items;
  const [credential] = await repositories.credentials.ofUser(owner!.id);
  const local = { auth_provider_type: 'homeassistant', auth_provider_id: null };
  const login = { ...local, user_id: owner!.id, credential_id: credential!.id, auth_time: server.clock(), amr: ['pwd'] };
  const from = { remote_address: '203.0.113.7', user_agent: null };
  const devices = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const device = knownDevices.create(login, null);
      await sessions.start(login, { ...from, device: device?.row ?? null });
      return device!.cookie;
    }),
  );
  const may = await Promise.all(devices.map((cookie) => knownDevices.mayGuess(cookie, local, OWNER.username)));
  expect(may.filter(Boolean)).toHaveLength(10);
  server.advance(1);
  expect(await logIn(browser())).toBe(303);
  expect(await cookies()).toHaveLength(10);
});

it('a person has ten at most, a browser one, and a new password ends them all', async () => {
  for (let n = 0; n < 12; n += 1) {
    server.advance(1);
    expect(await logIn(browser())).toBe(303);
  }
  const known = browser();
  for (const _ of [1, 2]) await logIn(known);
  expect(await cookies()).toHaveLength(10);
  const { users, localLogins } = server.container;
  const [owner] = (await users.list({ limit: 1, cursor: null })).items;
  const actor = { user_id: null, is_owner: true, is_admin: true, remote_address: null };
  await localLogins.setPassword(owner!.id, { password: OWNER.password }, actor);
  expect(await cookies()).toEqual([]);
});
