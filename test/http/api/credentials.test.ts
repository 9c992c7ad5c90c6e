// The login methods of a person: seen, linked in a browser, unlinked.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { visitor } from '../../support/clients/page_visitor.ts';
import { backFrom, elsewhere } from '../../support/fakes/elsewhere.ts';
import { provider as insecureExample } from '../../support/fakes/insecure_example.ts';
import { type Call, callerWith } from '../../support/fixtures/api.ts';
import { linkCode } from '../../support/fixtures/linking.ts';
import { startServer, type TestServer } from '../../support/fixtures/server.ts';
import { addSomeone, example, PASSWORD } from '../../support/fixtures/someone.ts';

const SECOND = { auth_provider_type: 'insecure_example', auth_provider_id: 'second' };

let server: TestServer;
let user_id: string;
let call: Call;
beforeAll(async () => {
  const second = { ...example('second', 'other'), id: 'second', name: 'Second' };
  server = await startServer({
    config: {
      public_url: 'http://localhost:8420',
      auth_providers: [{ type: 'homeassistant' }, example('ann', 'ben'), second, { type: 'elsewhere' }],
      http: { ip_ban_enabled: false },
    },
    extra_provider_types: [insecureExample, elsewhere],
  });
});
afterAll(() => server.close());
beforeEach(async () => {
  await server.container.database.kysely.deleteFrom('users').execute();
  const ann = await addSomeone(server, 'ann');
  ({ user_id } = ann);
  call = callerWith(server, ann.access_token);
});

const summary = ({ statusCode, json }: Awaited<ReturnType<Call>>) => [statusCode, json().code];
const items = async () => (await call('GET', '/api/me/credentials')).json().items;
const subjects = async () => (await server.container.repositories.credentials.ofUser(user_id)).map(({ subject }) => subject).sort();
/** Asks for a way to the page; answers its path. */
async function ticket(key: object = SECOND, by = call): Promise<string> {
  const answer = await by('POST', '/api/me/credentials/link', key);
  expect([answer.statusCode, answer.body]).toEqual([201, expect.stringContaining('"expires_at"')]);
  return answer.json().url;
}
/** Opens the page and says that it shall begin; answers the provider's step. */
async function begin(url: string, browser = visitor(server)) {
  const location = (await browser.get(url)).headers.get('location') ?? '';
  const door = await (await browser.get(location)).text();
  return { browser, location, door, step: await browser.submit(location, door, {}) };
}

describe('the list', () => {
  it('names every login method, and which is no longer configured', async () => {
    const gone = {
      id: 'f'.repeat(32),
      user_id,
      auth_provider_type: 'ldap',
      auth_provider_id: 'gone',
      subject: 'a',
      data: '{"username":"a"}',
    };
    await server.container.database.kysely
      .insertInto('credentials')
      .values({ ...gone, created_at: server.clock() })
      .execute();
    expect(await items()).toEqual([
      expect.objectContaining({ auth_provider_type: 'insecure_example', auth_provider_id: null }),
      {
        id: gone.id,
        auth_provider_type: 'ldap',
        auth_provider_id: 'gone',
        auth_provider_name: null,
        data: { username: 'a' },
        created_at: server.clock().toISOString(),
      },
    ]);
  });
});

describe('unlinking', () => {
  it('removes a login method, but never the last usable one', async () => {
    const [first] = await items();
    expect(summary(await call('DELETE', `/api/me/credentials/${first.id}`))).toEqual([409, 'last_credential']);
    const gone = { id: 'f'.repeat(32), user_id, auth_provider_type: 'ldap', auth_provider_id: 'gone', subject: 'a', data: '{}' };
    await server.container.database.kysely
      .insertInto('credentials')
      .values({ ...gone, created_at: server.clock() })
      .execute();
    expect(summary(await call('DELETE', `/api/me/credentials/${first.id}`))).toEqual([409, 'last_credential']);
    expect((await call('DELETE', `/api/me/credentials/${gone.id}`)).statusCode).toBe(204);
    await call('POST', '/auth/link_user', {
      client_id: 'https://app.example.com/',
      code: await linkCode(server, 'second', { id: 'second' }),
    });
    expect((await call('DELETE', `/api/me/credentials/${first.id}`)).statusCode).toBe(204);
    expect(await subjects()).toEqual(['second']);
    expect(summary(await call('DELETE', `/api/me/credentials/${first.id}`))).toEqual([404, 'credentials_not_found']);
  });

  it("never reaches another's", async () => {
    const ben = await addSomeone(server, 'ben');
    const [credential] = await server.container.repositories.credentials.ofUser(ben.user_id);
    expect(summary(await call('DELETE', `/api/me/credentials/${credential!.id}`))).toEqual([404, 'credentials_not_found']);
  });
});

describe('the page of a linking', () => {
  it('names the account, takes the answer to the form, and links', async () => {
    const { browser, location, door, step } = await begin(await ticket());
    expect(location).toMatch(/^\/account\/link\/[0-9a-f]{64}$/);
    expect(door).toContain('Link Second');
    expect(door).toContain('<strong>ann</strong>');
    const wrong = await browser.submit(location, await step.text(), { username: 'second', password: 'wrong' });
    const form = await wrong.text();
    expect(form).toContain('Username or password is wrong.');
    const done = await browser.submit(location, form, { username: 'second', password: PASSWORD });
    expect([done.status, await done.text()]).toEqual([200, expect.stringContaining('You can now log in to this account with Second.')]);
    expect(await subjects()).toEqual(['ann', 'second']);
    // The way is gone.
    expect((await browser.get(location)).status).toBe(404);
    const handler: [string, string] = ['insecure_example', 'second'];
    const { access_token } = await server.redeem(await server.login({ username: 'second', password: PASSWORD }, { handler }));
    expect((await callerWith(server, access_token)('GET', '/api/me')).json().id).toBe(user_id);
  });

  it('leads to another server and continues with the return, in that browser only', async () => {
    const { browser, step } = await begin(await ticket({ auth_provider_type: 'elsewhere' }));
    expect(step.status).toBe(303);
    const back = backFrom(step.headers.get('location')!, { who: 'ann elsewhere' });
    expect(back).toMatch(/^\/auth\/callback\/elsewhere\?state=/);
    expect((await visitor(server).get(back)).status).toBe(404);
    const done = await browser.get(back);
    expect([done.status, await done.text()]).toEqual([200, expect.stringContaining('You can now log in to this account with Elsewhere.')]);
    expect(await subjects()).toEqual(['ann', 'ann elsewhere']);
    expect((await browser.get(back)).status).toBe(404);
  });

  it('offers to start again after an abort', async () => {
    const { browser, location, step } = await begin(await ticket({ auth_provider_type: 'elsewhere' }));
    const page = await (await browser.get(backFrom(step.headers.get('location')!, { error: 'access_denied' }))).text();
    expect(page).toContain(`href="${location}"`);
    expect((await browser.get(location)).status).toBe(200);
    expect(await subjects()).toEqual(['ann']);
  });

  it("says when the login is somebody else's, and the way is gone then", async () => {
    const ben = await addSomeone(server, 'ben');
    const taken = await begin(await ticket(SECOND, callerWith(server, ben.access_token)));
    await taken.browser.submit(taken.location, await taken.step.text(), { username: 'second', password: PASSWORD });
    const { browser, location, step } = await begin(await ticket());
    const refused = await browser.submit(location, await step.text(), { username: 'second', password: PASSWORD });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('This login is linked to another account')]);
    expect((await browser.get(location)).status).toBe(404);
    expect(await subjects()).toEqual(['ann']);
  });
});

describe('a ticket', () => {
  it('requires a fresh login, and a configured provider that is not linked yet', async () => {
    const link = (key: object) => call('POST', '/api/me/credentials/link', key);
    expect(summary(await link({ auth_provider_type: 'insecure_example' }))).toEqual([409, 'credential_exists']);
    expect(summary(await link({ auth_provider_type: 'ldap', auth_provider_id: 'x' }))).toEqual([404, 'not_found']);
    const long_lived = (await call('POST', '/api/me/long_lived_access_tokens', { client_name: 'script' })).json().token;
    const by_script = callerWith(server, long_lived);
    expect(summary(await by_script('POST', '/api/me/credentials/link', SECOND))).toEqual([403, 'reauth_required']);
    server.advance(300);
    await ticket();
    server.advance(1);
    expect(summary(await link(SECOND))).toEqual([403, 'reauth_required']);
  });

  it('opens in one browser, for ten minutes, and a newer one takes its place', async () => {
    const url = await ticket();
    const { browser, location } = await begin(url);
    expect((await browser.get(url)).status).toBe(303);
    expect((await visitor(server).get(url)).status).toBe(404);
    expect((await visitor(server).get(location)).status).toBe(404);
    const newer = await ticket();
    expect((await browser.get(location)).status).toBe(404);
    const again = await begin(newer, browser);
    server.advance(599);
    expect((await browser.get(again.location)).status).toBe(200);
    server.advance(1);
    expect((await browser.get(again.location)).status).toBe(404);
    expect((await server.container.janitor.run()).link_tickets).toBe(1);
    for (const bad of ['/account/link', '/account/link?ticket=x', '/account/link/x', `/account/link/${'0'.repeat(64)}`])
      expect([bad, (await browser.get(bad)).status]).toEqual([bad, 404]);
  });

  // H5: what a disabled account and a revoked grant began, nobody continues with.
  it('is refused for a user who may no longer log in, and after its grant was revoked', async () => {
    const { browser, location } = await begin(await ticket());
    const change = (flags: object) => server.container.database.kysely.updateTable('users').set(flags).where('id', '=', user_id).execute();
    for (const flags of [{ is_active: false }, { is_active: true, local_only: true }]) {
      await change(flags);
      // The page is asked for from this machine, which is local.
      expect([flags, (await browser.get(location)).status]).toEqual([flags, flags.is_active ? 200 : 404]);
    }
    await call('POST', '/api/me/refresh_tokens/delete_all', {});
    await change({ local_only: false });
    await server.container.database.kysely.deleteFrom('refresh_tokens').where('user_id', '=', user_id).execute();
    expect((await browser.get(location)).status).toBe(404);
  });

  it('is refused in another person’s browser', async () => {
    await addSomeone(server, 'ben', { is_owner: true });
    const browser = visitor(server);
    const query = { client_id: 'https://app.example.com/', redirect_uri: 'https://app.example.com/cb', auth_provider: 'insecure_example:' };
    await browser.logIn(`/auth/authorize?response_type=code&${new URLSearchParams(query)}`, { username: 'ben', password: PASSWORD });
    const location = (await browser.get(await ticket())).headers.get('location')!;
    expect((await browser.get(location)).status).toBe(403);
  });

  it('of 20 parallel answers one links', async () => {
    const { browser, location, step } = await begin(await ticket());
    const form = await step.text();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => browser.submit(location, form, { username: 'second', password: PASSWORD })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await subjects()).toEqual(['ann', 'second']);
  });

  it('is stored as its hash', async () => {
    const url = await ticket();
    const { rows } = await sql`select t::text from link_tickets t`.execute(server.container.database.kysely);
    expect(JSON.stringify(rows)).not.toContain(url.split('=')[1]);
  });
});
