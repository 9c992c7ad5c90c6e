// Logins as they are made, kept and used: names, passwords, imported hashes, and flows in other
// hands.
import bcrypt from '@node-rs/bcrypt';
import { beforeAll, describe, expect, it } from 'vitest';
import { visitor } from '../support/clients/page_visitor.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, REMOTE_ADDRESS, startServer } from '../support/fixtures/server.ts';

let token: string;
const server = perFile(() => startServer());
beforeAll(async () => {
  token = (await server.ownerTokens()).access_token;
});

const kysely = () => server.container.database.kysely;
async function newUser(): Promise<string> {
  const answer = await server.inject({ method: 'POST', url: '/api/users', json: { name: 'Somebody' }, token });
  expect(answer.statusCode).toBe(201);
  return answer.json().id;
}
async function addLogin(username: string, password: string, user_id?: string) {
  const url = `/api/users/${user_id ?? (await newUser())}/login`;
  return await server.inject({ method: 'POST', url, json: { username, password }, token });
}
const logsIn = (username: string, password: string) =>
  server.login({ username, password }).then(
    () => true,
    () => false,
  );
const forgive = () => kysely().deleteFrom('failed_logins').execute();

// H7
it('a made-up X-Forwarded-For is refused, and what fails is held against the peer', async () => {
  const headers = { 'x-forwarded-for': '1.2.3.4' };
  const refused = await server.inject({ method: 'POST', url: '/auth/token', form: {}, headers });
  expect([refused.statusCode, refused.body]).toEqual([400, expect.stringMatching(/^400: Bad Request\n/)]);
  await server.inject({ method: 'POST', url: '/auth/token', form: {} });
  const rows = await kysely().selectFrom('failed_logins').select('address').execute();
  expect(rows).toEqual([{ address: REMOTE_ADDRESS }]);
  await forgive();
});

// H2
it('a name that was guessed at from everywhere gets 429 with Retry-After on the page, and soon a guess again', async () => {
  const username = 'often guessed';
  expect((await addLogin(username, 'a long password')).statusCode).toBe(201);
  for (let n = 1; n <= 31; n += 1) {
    const from = { remote_address: `192.0.2.${n}` };
    const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
    const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json, ...from })).json();
    const wrong = { client_id: CLIENT_ID, username, password: 'wrong' };
    await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: wrong, ...from });
  }
  const url = `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI })}`;
  // A browser of loopback is never held up, so this one asks as somebody else.
  const page = await server.inject({ url });
  const cookie = String(page.headers['set-cookie']).split(';')[0]!;
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(page.body)![1]!;
  const submit = () =>
    server.inject({ method: 'POST', url, form: { csrf_token, username, password: 'a long password' }, headers: { cookie } });
  const refused = await submit();
  expect([refused.statusCode, Number(refused.headers['retry-after'])]).toEqual([429, expect.any(Number)]);
  server.advance(Number(refused.headers['retry-after']));
  expect((await submit()).statusCode).toBe(303);
  await forgive();
});

describe('a new password', () => {
  // H9
  it.each<[string, string, number]>([
    ['of seven characters', 'sevench', 400],
    ['of eight', 'eightchr', 201],
    ['of fourteen', 'fourteenchars!', 201],
    ['of fifteen', 'fifteen chars !', 201],
    ['of 64', 'x'.repeat(64), 201],
    ['of 128', 'x'.repeat(128), 201],
    ['of eight emoji', '🔑'.repeat(8), 201],
    ['that everybody has', 'password1', 400],
    ['that is the name', 'Of-A-Name', 400],
  ])('%s is taken or refused with a reason', async (story, password, status) => {
    const username = story === 'that is the name' ? 'of-a-name' : story;
    const answer = await addLogin(username, password);
    expect(answer.statusCode).toBe(status);
    if (status === 201) expect(await logsIn(username, password)).toBe(true);
    else expect(answer.json()).toMatchObject({ code: 'invalid_password', message: expect.stringMatching(/^Password /) });
  });

  // H8
  it('counts to its last character, exactly as it was typed', async () => {
    const long = 'x'.repeat(72);
    await addLogin('exact', `${long}caf\u00e9 `);
    const near = [`${long}caf\u00e9`, `${long}CAF\u00c9 `, ` ${long}caf\u00e9 `, long];
    for (const password of near) expect([password, await logsIn('exact', password)]).toEqual([password, false]);
    // The same characters, as a Mac composes them.
    for (const password of [`${long}caf\u00e9 `, `${long}cafe\u0301 `]) expect(await logsIn('exact', password)).toBe(true);
    expect((await addLogin('nul', 'with \0 inside')).statusCode).toBe(400);
    await forgive();
  });
});

// H11
it('a hash that came from Home Assistant becomes ours at the first login, and stays at a wrong password', async () => {
  expect((await addLogin('imported', 'some other password')).statusCode).toBe(201);
  const hash = Buffer.from(await bcrypt.hash('from home', 4)).toString('base64');
  const row = kysely().updateTable('local_logins').set({ password_hash: hash }).where('username', '=', 'imported');
  await row.execute();
  const stored = () =>
    kysely().selectFrom('local_logins').select('password_hash').where('username', '=', 'imported').executeTakeFirstOrThrow();
  expect(await logsIn('imported', 'wrong')).toBe(false);
  expect((await stored()).password_hash).toBe(hash);
  expect(await logsIn('imported', 'from home')).toBe(true);
  expect((await stored()).password_hash).toMatch(/^\$argon2id\$/);
  expect(await logsIn('imported', 'from home')).toBe(true);
});

describe('a name', () => {
  // H12
  it('is one name in any case, and its twins are refused', async () => {
    await addLogin('alice', 'a long password');
    for (const twin of [' alice', 'Alice', 'ALICE ', 'alice\u0085']) {
      expect([twin, (await addLogin(twin, 'a long password')).json().code]).toEqual([
        twin,
        expect.stringMatching(/^(username_already_exists|username_not_normalized|invalid_format)$/),
      ]);
    }
    for (const typed of [' Alice ', 'ALICE']) expect(await logsIn(typed, 'a long password')).toBe(true);
    expect(await logsIn('\u0430lice', 'a long password')).toBe(false);
  });

  // H12
  it('claimed for 20 people at once is given to one', async () => {
    const user_ids: string[] = [];
    for (let n = 0; n < 20; n += 1) user_ids.push(await newUser());
    const answers = await Promise.all(user_ids.map((user_id) => addLogin('wanted', 'a long password', user_id)));
    const [first, ...others] = answers.map(({ statusCode }) => statusCode).sort();
    expect(first).toBe(201);
    // 503: its password waited too long to be hashed.
    for (const status of others) expect([409, 503]).toContain(status);
    expect(await kysely().selectFrom('local_logins').select('username').where('username', '=', 'wanted').execute()).toHaveLength(1);
  });
});

describe('a flow', () => {
  const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
  const begin = async () => (await server.inject({ method: 'POST', url: '/auth/login_flow', json })).json().flow_id as string;
  const answer = (flow_id: string, from = {}) =>
    server.inject({
      method: 'POST',
      url: `/auth/login_flow/${flow_id}`,
      json: { client_id: CLIENT_ID, username: OWNER.username, password: OWNER.password },
      ...from,
    });

  // H13
  it('is gone on with from its own address, within ten minutes, and once', async () => {
    const moved = await begin();
    expect((await answer(moved, { remote_address: '198.51.100.50' })).json()).toEqual({ message: 'IP address changed' });
    expect((await answer(moved)).json().type).toBe('create_entry');
    expect((await answer(moved)).statusCode).toBe(404);
    const late = await begin();
    server.advance(601);
    expect((await answer(late)).statusCode).toBe(404);
  });

  // H13
  it('is given up by anyone who knows its id, from anywhere', async () => {
    const flow_id = await begin();
    const drop = () => server.inject({ method: 'DELETE', url: `/auth/login_flow/${flow_id}`, remote_address: '198.51.100.50' });
    expect([(await drop()).statusCode, (await drop()).statusCode, (await answer(flow_id)).statusCode]).toEqual([200, 404, 404]);
  });

  // H15
  it('has an id of 128 random bits, which nobody lists', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, begin));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(ids).size).toBe(20);
    expect((await server.inject({ url: '/auth/login_flow' })).statusCode).toBe(405);
    expect((await server.inject({ url: `/auth/login_flow/${ids[0]}` })).statusCode).toBe(404);
  });

  // H13
  it('of the page is of its browser', async () => {
    const url = `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI })}`;
    const [person, thief] = [visitor(server), visitor(server)];
    const wrong = await (await person.submit(url, await (await person.get(url)).text(), { username: 'ada', password: 'wrong' })).text();
    const flow_id = /name="_flow_id" value="([^"]+)"/.exec(wrong)![1]!;
    const { username, password } = OWNER;
    const stolen = await thief.submit(url, await (await thief.get(url)).text(), { _flow_id: flow_id, username, password });
    expect([stolen.status, stolen.headers.get('location')]).toEqual([404, null]);
    expect((await answer(flow_id)).statusCode).toBe(404);
    expect((await person.submit(url, wrong, { username, password })).status).toBe(303);
  });
});
