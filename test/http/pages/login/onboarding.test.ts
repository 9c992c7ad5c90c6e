// The page that creates the owner: the setup token comes with the printed link, or is pasted into a
// field.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { visitor } from '../../../support/clients/page_visitor.ts';
import { OWNER, startServer, type TestServer } from '../../../support/fixtures/server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

const PERSON = { ...OWNER, password_again: OWNER.password };
const token = () => server.container.onboarding.setupToken();
const FIELD = /<input id="token"[^>]*name="token"/;

async function open(url: string) {
  const person = visitor(server);
  const page = await person.get(url);
  return { person, url, status: page.status, html: await page.text() };
}

it('creates the owner by the printed link', async () => {
  const { person, url, html } = await open(`/onboarding?token=${token()}`);
  expect(html).not.toMatch(FIELD);
  expect((await person.submit(url, html, PERSON)).status).toBe(200);
  expect(await server.container.onboarding.isDone()).toBe(true);
});

// S2
it('asks for the token without the link, and takes it pasted, as a link too', async () => {
  const { person, url, status, html } = await open('/onboarding');
  expect([status, html]).toEqual([200, expect.stringMatching(FIELD)]);
  for (const wrong of [{}, { token: '' }, { token: 'lk_st_wrong' }]) {
    const refused = await person.submit(url, html, { ...PERSON, ...wrong });
    expect(refused.status).toBe(403);
    const again = await refused.text();
    expect(again).toMatch(FIELD);
    expect(again).toContain('The setup token is wrong.');
    expect(again).toContain(`value="${OWNER.username}"`);
  }
  expect(await server.container.onboarding.isDone()).toBe(false);
  const pasted = ` http://localhost:8420/onboarding?token=${token()} `;
  expect((await person.submit(url, html, { ...PERSON, token: pasted })).status).toBe(200);
  expect(await server.container.onboarding.isDone()).toBe(true);
});

// S2, S9
it('counts a wrong pasted token against the address, as the JSON route does; no missing one and no link', async () => {
  const proxied = await startServer({ config: { http: { trusted_proxies: ['127.0.0.1'] } } });
  const person = visitor(proxied, { 'x-forwarded-for': '198.51.100.1' });
  const html = await (await person.get('/onboarding')).text();
  const failures = async () =>
    (await proxied.container.database.kysely.selectFrom('failed_logins').select('failures').execute()).map((row) => row.failures);
  await person.submit('/onboarding', html, { ...PERSON, token: '' });
  await person.get('/onboarding?token=lk_st_wrong');
  expect(await failures()).toEqual([]);
  for (const _ of [1, 2]) expect((await person.submit('/onboarding', html, { ...PERSON, token: 'lk_st_wrong' })).status).toBe(403);
  expect(await failures()).toEqual([2]);
  await proxied.close();
});

it('says that a link with a wrong token is wrong', async () => {
  const { status, html } = await open('/onboarding?token=lk_st_wrong');
  expect([status, html]).toEqual([403, expect.stringMatching(FIELD)]);
  expect(html).toContain('The setup token is wrong.');
});

it('keeps the token when something else is to be corrected', async () => {
  const { person, url, html } = await open('/onboarding');
  const differs = await person.submit(url, html, { ...PERSON, password_again: 'another', token: token() });
  expect(differs.status).toBe(400);
  const again = await differs.text();
  expect(again).not.toMatch(FIELD);
  expect((await person.submit(url, again, PERSON)).status).toBe(200);
});

// U1, U9
it('folds a username in upper case, and takes an e-mail address where one is given', async () => {
  const { person, url, html } = await open(`/onboarding?token=${token()}`);
  const wrong = await person.submit(url, html, { ...PERSON, username: 'Paula', email: 'paula' });
  const again = await wrong.text();
  expect([wrong.status, again]).toEqual([400, expect.stringContaining('value="Paula"')]);
  expect((await person.submit(url, again, { ...PERSON, username: 'Paula', email: 'paula@example.com' })).status).toBe(200);
  const { items } = await server.container.users.list({ limit: 1, cursor: null });
  expect(items).toMatchObject([{ username: 'paula', email: 'paula@example.com', email_verified: true }]);
});
