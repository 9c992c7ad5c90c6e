// The approvals page, by its forms alone.
import { beforeEach, expect, test } from 'vitest';
import { visitor } from '../../../support/clients/page_visitor.ts';
import { addApiPerson, type Call, callerWith, type Person } from '../../../support/fixtures/api.ts';
import { perFile } from '../../../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, startServer } from '../../../support/fixtures/server.ts';
import { example, PASSWORD } from '../../../support/fixtures/someone.ts';

const PATH = '/admin/approvals';
const NAMES = ['paula', 'quentin', 'rosa', 'sam', 'tess'];

const server = perFile(() =>
  startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, example(...NAMES)],
      groups: [{ id: 'family', name: 'Family', policy: {} }],
      url_clients: { policy: 'approve' },
      http: { ip_ban_enabled: false },
    },
  }),
);
let call: Call;
type Visitor = ReturnType<typeof visitor>;
let owner: Visitor;
let person: Person;
beforeEach(async () => {
  if (!(await server.container.onboarding.isDone())) {
    call = callerWith(server, (await server.ownerTokens()).access_token);
    person = await addApiPerson(server, call, 'somebody').catch(() => ({ username: 'somebody', password: '' }) as Person);
  }
  owner = await loggedIn(OWNER);
});

/** A browser in which somebody has just logged in to our own pages. */
async function loggedIn(who: { username: string; password: string }): Promise<Visitor> {
  const browser = visitor(server, { 'accept-language': 'en' });
  const { headers } = await browser.get(`/login?next=${PATH}`);
  expect(await browser.logIn(headers.get('location') ?? '', who)).toBe(PATH);
  return browser;
}

async function comes(username: string): Promise<string> {
  await server.login({ username, password: PASSWORD }, { handler: ['insecure_example', null] }).catch(() => {});
  const { users } = await server.container.approvals.pending();
  const found = users.find(({ credentials }) => credentials.some(({ data }) => data.username === username));
  return found?.id ?? '';
}

const formFor = (html: string, action: string) => `<form${html.split('<form').find((form) => form.includes(`${action}"`)) ?? ''}`;
const pageOf = async (browser: Visitor) => (await browser.get(PATH)).text();

test('a waiting person is approved into the ticked groups', async () => {
  const id = await comes('paula');
  const html = await pageOf(owner);
  expect(html).toContain('as paula');
  const done = await owner.submit(PATH, formFor(html, `${id}/approve`), { 'group:family': 'true' });
  expect([done.status, done.headers.get('location')]).toEqual([303, PATH]);
  expect(await server.container.users.get(id)).toMatchObject({
    is_active: true,
    is_pending: false,
    group_ids: expect.arrayContaining(['family']),
  });
  expect(await pageOf(owner)).not.toContain(id);
});

test('a waiting person is declined, which deletes them; a person who no longer waits stays', async () => {
  const id = await comes('quentin');
  const html = await pageOf(owner);
  expect((await owner.submit(PATH, formFor(html, `${id}/decline`), {})).status).toBe(303);
  await expect(server.container.users.get(id)).rejects.toMatchObject({ code: 'not_found' });
  const other = await comes('rosa');
  const forms = await pageOf(owner);
  await owner.submit(PATH, formFor(forms, `${other}/approve`), {});
  expect((await owner.submit(PATH, formFor(forms, `${other}/decline`), {})).status).toBe(303);
  expect(await server.container.users.get(other)).toMatchObject({ is_active: true });
});

test('the group of administrators is not on offer', async () => {
  await comes('sam');
  const html = await pageOf(owner);
  expect(html).toContain('name="group:family"');
  expect(html).not.toContain('group:system-admin');
});

test('a waiting app is approved as it was seen, and another one is blocked', async () => {
  await server.login(OWNER).catch(() => {});
  const html = await pageOf(owner);
  expect(html).toContain('app.example.com');
  expect((await owner.submit(PATH, formFor(html, 'apps/refuse'), {})).status).toBe(303);
  const row = await server.container.repositories.urlClients.find(CLIENT_ID);
  expect(row?.status).toBe('refused');
  // A decision about metadata that has changed meanwhile changes nothing.
  const stale = formFor(html, 'apps/approve').replace(/name="metadata_hash" value="\w+"/, `name="metadata_hash" value="${'0'.repeat(64)}"`);
  expect((await owner.submit(PATH, stale, {})).status).toBe(303);
  expect((await server.container.repositories.urlClients.find(CLIENT_ID))?.status).toBe('refused');
});

test('without a session the page leads to the login; other people are refused', async () => {
  const stranger = visitor(server);
  expect((await stranger.get(PATH)).headers.get('location')).toContain('/login?next=');
  const { users, localLogins } = server.container;
  const operator = { user_id: null, is_owner: true, is_admin: true, remote_address: null };
  const { id } = await users.create({ name: 'Una', group_ids: ['system-admin'] }, operator);
  await localLogins.add(id, { username: 'una', password: 'a password of una' }, operator);
  const una = await loggedIn({ username: 'una', password: 'a password of una' });
  expect((await una.get(PATH)).status).toBe(403);
  const waiting = await comes('tess');
  const forged = formFor(await pageOf(owner), `${waiting}/approve`);
  expect((await una.submit(PATH, forged, {})).status).toBe(403);
  expect(await server.container.users.get(waiting)).toMatchObject({ is_pending: true });
  expect(person.username).toBe('somebody');
});

test('after five minutes a decision about a person leads to another login', async () => {
  const id = await comes('tess');
  const html = await pageOf(owner);
  server.advance(301);
  const answer = await owner.submit(PATH, formFor(html, `${id}/approve`), {});
  expect([answer.status, answer.headers.get('location')]).toEqual([303, expect.stringContaining('reason=reauth')]);
  expect(await server.container.users.get(id)).toMatchObject({ is_pending: true });
});
