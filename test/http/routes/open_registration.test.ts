// Registration without a token: who may register, who is let in after whose approval, and what a
// flood or hostile metadata leaves behind.

import { decodeJwt } from 'jose';
import { sql } from 'kysely';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { OPERATOR } from '../../../src/accounts/actor.ts';
import { authorizeUrl, type Fields, ISSUER, standardBrowser } from '../../support/clients/standard_browser.ts';
import { type Call, callerWith } from '../../support/fixtures/api.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';
import { VERIFIER } from '../../support/fixtures/standard_grants.ts';

const INITIAL = 'an-initial-access-token';
const CB = 'https://app.example.com/cb';
const MCP = 'https://mcp.example.com/mcp';
/** As an MCP client says it. */
const METADATA = {
  client_name: 'An assistant',
  redirect_uris: [CB],
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};
const HOUR = 3600;
const DAY = 24 * HOUR;
/** `npm run test:floods:long` sends 5,000 from one address and twice as many from others. */
const FLOOD = Number(process.env.LATCHKEY_TEST_FLOOD ?? 200);

const server = perFile(() =>
  startServer({
    config: {
      registration: { open: true, initial_access_token: INITIAL, max_per_hour: 5, allow_resources: true },
      url_clients: { resources: [MCP] },
      http: { login_attempts_threshold: -1 },
    },
  }),
);
let owner: Call;
let address = 0;
beforeEach(async () => {
  address += 1;
  if (!(await server.container.onboarding.isDone())) {
    const { access_token } = await server.ownerTokens();
    owner = callerWith(server, access_token);
  }
  await table().deleteFrom('clients').execute();
});

const table = () => server.container.database.kysely;
/** From an address of its own for every test, unless said otherwise. */
const register = (metadata: object = {}, { from = `198.51.100.${address}`, token }: { from?: string; token?: string } = {}) =>
  server.inject({
    method: 'POST',
    url: '/auth/register',
    remote_address: from,
    json: { ...METADATA, ...metadata },
    ...(token === undefined ? {} : { token }),
  });
const put = ({ client_id, registration_access_token: token }: Registered, metadata: object) =>
  server.inject({ method: 'PUT', url: `/auth/register/${client_id}`, token, json: { ...METADATA, client_id, ...metadata } });
interface Registered {
  client_id: string;
  registration_access_token: string;
}
const registered = async (metadata: object = {}): Promise<Registered> => (await register(metadata)).json();
const askFor = ({ client_id }: { client_id: string }, fields: Fields = {}) =>
  authorizeUrl({ client_id, redirect_uri: CB, scope: 'openid profile', ...fields });
const approvalOf = async ({ client_id }: { client_id: string }) =>
  (await table().selectFrom('clients').select('approval').where('client_id', '=', client_id).executeTakeFirst())?.approval;
const waiting = async () => (await server.container.approvals.pending()).clients.map(({ client_id }) => client_id);
const decide = (client_id: string, status: 'approved' | 'refused', metadata_hash: string | null = null) =>
  server.container.approvals.decide({ client_id, status, metadata_hash }, OPERATOR);
const count = async (where = sql<boolean>`true`) =>
  (await table().selectFrom('clients').select('client_id').where('managed_by', '=', 'registration').where(where).execute()).length;
/** Somebody logs in to reach the app. */
async function reach(client: Registered) {
  const { answer, html, seen } = await standardBrowser(server).follow(askFor(client));
  return { status: answer.status, html, seen };
}

describe('a registration', () => {
  it('without a token needs an approval, with the token none, and with a wrong token is refused', async () => {
    expect(await approvalOf(await registered())).toBe('new');
    expect(await approvalOf((await register({}, { token: INITIAL })).json())).toBeNull();
    const answer = await register({}, { token: 'another-initial-token' });
    expect([answer.statusCode, answer.json().error]).toEqual([401, 'invalid_token']);
    const metadata = (await server.inject({ url: '/.well-known/oauth-authorization-server' })).json();
    expect(metadata.registration_endpoint).toBe(`${ISSUER}/auth/register`);
  });

  it('needs none where the operator says so, and is not vouched for', async () => {
    const open = await startServer({ config: { registration: { open: true, approve: false }, http: { login_attempts_threshold: -1 } } });
    await open.createOwner();
    const client = (await open.inject({ method: 'POST', url: '/auth/register', json: METADATA })).json();
    expect((await open.container.clients.get(client.client_id)).approval).toBe('waived');
    const browser = standardBrowser(open);
    for (const seen of [['login', 'consent'], ['consent']]) expect((await browser.follow(askFor(client))).seen).toEqual(seen);
    await open.close();
  });

  it.each([{ enabled: false }, { enabled: true, initial_access_token: INITIAL }])(
    'is refused without a token unless registration is open: %j',
    async (registration) => {
      const closed = await startServer({ config: { registration } });
      const { statusCode } = await closed.inject({ method: 'POST', url: '/auth/register', json: METADATA });
      expect(statusCode).toBe(registration.enabled ? 401 : 404);
      await closed.close();
    },
  );
});

describe('an app without approval', () => {
  it('reaches the inbox when somebody has logged in for it, who reads that it waits', async () => {
    const client = await registered();
    const browser = standardBrowser(server);
    await browser.get(askFor(client));
    await browser.get(askFor(client, { prompt: 'none' }));
    expect([await approvalOf(client), await waiting()]).toEqual(['new', []]);
    const { answer, html, seen, location } = await browser.follow(askFor(client));
    expect([answer.status, seen, location]).toEqual([403, ['login'], null]);
    expect(html).toContain('An assistant (app.example.com) waits for the approval of the owner of this server.');
    expect(html).toContain('href="/admin/approvals"');
    expect([await approvalOf(client), await waiting()]).toEqual(['pending', [client.client_id]]);
    expect(await table().selectFrom('authorization_codes').selectAll().where('client_id', '=', client.client_id).execute()).toEqual([]);
    // From now on it is known to wait.
    expect((await browser.follow(askFor(client))).seen).toEqual([]);
  });

  it('does not reach it by sending a browser with a session there, or by a wrong password', async () => {
    const client = await registered();
    const browser = standardBrowser(server);
    await browser.follow(askFor(await registered()));
    const before = await waiting();
    const { headers } = await browser.get(askFor(client));
    expect(headers.get('location')).toMatch(/^\/login\?/);
    await browser.get(askFor(client, { prompt: 'none' }));
    await standardBrowser(server)
      .follow(askFor(client), { password: 'wrong' })
      .catch(() => {});
    expect([await waiting(), await approvalOf(client)]).toEqual([before, 'new']);
  });

  it('does not reach it by somebody who waits for approval', async () => {
    const client = await registered();
    const { users, localLogins } = server.container;
    const { id } = await users.create({ name: `Ben ${address}` }, OPERATOR);
    await localLogins.add(id, { username: `ben${address}`, password: 'a password of ben' }, OPERATOR);
    await table().updateTable('users').set({ is_active: false, is_pending: true }).where('id', '=', id).execute();
    const answer = await standardBrowser(server)
      .follow(askFor(client), { username: `ben${address}`, password: 'a password of ben' })
      .catch(() => null);
    expect(answer?.location ?? null).toBeNull();
    expect(await approvalOf(client)).toBe('new');
  });

  it('is asked about by a device code that somebody enters, and gets no tokens', async () => {
    const grant = 'urn:ietf:params:oauth:grant-type:device_code';
    const client = await registered({ grant_types: [grant], redirect_uris: [] });
    const { client_id } = client;
    const asked = await server.inject({ method: 'POST', url: '/auth/device_authorization', form: { client_id, scope: 'openid' } });
    const { verification_uri_complete, device_code } = asked.json();
    const { answer, html } = await standardBrowser(server).follow(verification_uri_complete);
    expect([answer.status, await approvalOf(client)]).toEqual([403, 'pending']);
    expect(html).toContain('must be approved');
    const form = { grant_type: grant, client_id, device_code };
    expect((await server.inject({ method: 'POST', url: '/auth/token', form })).json().error).toBe('authorization_pending');
  });
});

describe('an approval', () => {
  it('lets the app in, and makes it assured: its consent is remembered, its name believed', async () => {
    const client = await registered();
    await reach(client);
    await decide(client.client_id, 'approved');
    expect(await waiting()).toEqual([]);
    const browser = standardBrowser(server);
    const { html } = await browser.follow(`${ISSUER}/login?next=/account/security`);
    expect(html).not.toContain('error');
    const page = await (await browser.get(askFor(client))).text();
    expect(page).toContain('An assistant');
    expect(page).not.toContain('it has not been verified');
    expect((await browser.follow(askFor(client))).seen).toEqual(['consent']);
    const again = await browser.follow(askFor(client));
    expect([again.seen, again.location?.searchParams.get('code')]).toEqual([[], expect.stringMatching(/^lk_acs_/)]);
    const silent = await standardBrowser(server).authorize(askFor(client, { prompt: 'none' }));
    expect(silent.searchParams.get('error')).toBe('login_required');
  });

  it('is for what was seen, and ends with it', async () => {
    const client = await registered();
    await reach(client);
    const [app] = (await server.container.approvals.pending()).clients;
    expect(app).toMatchObject({ client_id: client.client_id, metadata: { client_name: 'An assistant', redirect_uris: [CB] } });
    expect((await put(client, { client_name: 'Your bank' })).statusCode).toBe(200);
    await expect(decide(client.client_id, 'approved', app!.metadata_hash)).rejects.toMatchObject({ code: 'not_found' });
    await decide(client.client_id, 'approved', (await server.container.approvals.pending()).clients[0]!.metadata_hash);
    expect((await put(client, { client_name: 'Your bank' })).statusCode).toBe(200);
    expect(await approvalOf(client)).toBe('approved');
    await put(client, { client_name: 'Your bank', redirect_uris: ['https://evil.example/cb'] });
    expect([await approvalOf(client), await waiting()]).toEqual(['pending', [client.client_id]]);
  });

  it('can be refused: the app is blocked, before anybody logs in, with all its tokens', async () => {
    const client = await registered();
    const { client_id } = client;
    await decide(client_id, 'approved');
    const code = (await standardBrowser(server).authorize(askFor(client))).searchParams.get('code')!;
    const form = { grant_type: 'authorization_code', client_id, redirect_uri: CB, code, code_verifier: VERIFIER };
    const { refresh_token } = (await server.inject({ method: 'POST', url: '/auth/token', form })).json();
    await decide(client_id, 'refused');
    const refresh = { grant_type: 'refresh_token', client_id, refresh_token };
    const answer = await server.inject({ method: 'POST', url: '/auth/token', form: refresh });
    expect([answer.statusCode, answer.json().error]).toEqual([401, 'invalid_client']);
    expect((await server.inject({ method: 'POST', url: '/auth/par', form: { client_id } })).json().error).toBe('invalid_client');
    const { status, html, seen } = await reach(client);
    expect([status, seen]).toEqual([403, []]);
    expect(html).toContain('Logins to this app are not allowed');
    await put(client, { client_name: 'Another' });
    expect(await approvalOf(client)).toBe('refused');
  });

  it('is not for a client that needs none, nor for one that nobody knows', async () => {
    const with_token = (await register({}, { token: INITIAL })).json();
    for (const id of [with_token.client_id, '0'.repeat(32), 'nobody'])
      await expect(decide(id, 'refused')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('is given by the owner alone, in the API', async () => {
    const client = await registered();
    const { client_id } = client;
    await reach(client);
    const inbox = (await owner('GET', '/api/approvals')).json();
    expect(inbox.clients).toEqual([
      {
        client_id,
        metadata: expect.objectContaining({ kind: 'self_registered' }),
        metadata_hash: expect.any(String),
        created_at: expect.any(String),
      },
    ]);
    const { metadata_hash } = inbox.clients[0];
    expect((await server.inject({ method: 'POST', url: '/api/approvals/approve', json: { client_id } })).statusCode).toBe(401);
    expect((await owner('POST', '/api/approvals/approve', { client_id, metadata_hash: '0'.repeat(64) })).statusCode).toBe(404);
    expect((await owner('POST', '/api/approvals/approve', { client_id, metadata_hash })).statusCode).toBe(204);
    expect((await owner('GET', `/api/clients/${client_id}`)).json().approval).toBe('approved');
    expect((await owner('POST', '/api/approvals/refuse', { client_id })).statusCode).toBe(204);
    expect(await approvalOf(client)).toBe('refused');
  });

  it('is given on the page, which names where the app sends people', async () => {
    const client = await registered();
    const browser = standardBrowser(server);
    await browser.follow(askFor(client));
    const html = await (await browser.get(`${ISSUER}/admin/approvals`)).text();
    expect(html).toContain('app.example.com');
    expect(html).toContain('An assistant');
    const form = `<form${html.split('<form').find((part) => part.includes('apps/approve"') && part.includes(client.client_id))}`;
    expect((await browser.submit(`${ISSUER}/admin/approvals`, form, {})).status).toBe(303);
    expect(await approvalOf(client)).toBe('approved');
  });
});

describe('what is not approved', () => {
  it('is forgotten after a day, or 30 days after somebody logged in to reach it', async () => {
    const [unreached, reached, approved, refused] = [await registered(), await registered(), await registered(), await registered()];
    const checked = await registered();
    await server.container.clients.update(checked.client_id, { client_name: 'Checked' }, OPERATOR);
    await reach(reached);
    await decide(approved.client_id, 'approved');
    await decide(refused.client_id, 'refused');
    const all = [unreached, reached, approved, refused, checked];
    const leftAfter = async (seconds: number) => {
      server.advance(seconds);
      await server.container.janitor.run();
      return await Promise.all(all.map(approvalOf));
    };
    expect(await leftAfter(DAY - 1)).toEqual(['new', 'pending', 'approved', 'refused', 'new']);
    expect(await leftAfter(1)).toEqual([undefined, 'pending', 'approved', 'refused', 'new']);
    expect(await leftAfter(29 * DAY)).toEqual([undefined, undefined, 'approved', undefined, 'new']);
  });

  it('still counts when it is taken back', async () => {
    for (let n = 0; n < 5; n += 1) {
      const { client_id, registration_access_token: token } = await registered();
      expect((await server.inject({ method: 'DELETE', url: `/auth/register/${client_id}`, token })).statusCode).toBe(204);
      expect((await server.inject({ url: `/auth/register/${client_id}`, token })).statusCode).toBe(401);
    }
    const answer = await register();
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([429, String(HOUR)]);
    server.advance(DAY);
    await server.container.janitor.run();
    expect(await count()).toBe(0);
  });
});

describe('an address', () => {
  it('registers so many in an hour; IPv6 counts by /64; with a token there is no such limit', async () => {
    const from = (n: number) => `2001:db8:7:${address}::${n}`;
    for (let n = 0; n < 5; n += 1) expect((await register({}, { from: from(n) })).statusCode).toBe(201);
    const refused = await register({}, { from: from(9) });
    expect([refused.statusCode, refused.json().error, refused.headers['retry-after']]).toEqual([
      429,
      'temporarily_unavailable',
      String(HOUR),
    ]);
    expect((await register({}, { from: from(9), token: INITIAL })).statusCode).toBe(201);
    expect((await register({}, { from: `2001:db8:8:${address}::1` })).statusCode).toBe(201);
    server.advance(HOUR);
    expect((await register({}, { from: from(9) })).statusCode).toBe(201);
  });

  it('that people share is not refused for the registrations of others', async () => {
    for (let n = 0; n < 7; n += 1) expect((await register({}, { from: '127.0.0.1' })).statusCode).toBe(201);
  });
});

// S13
describe('a flood', () => {
  /** As the route calls it, many at a time. */
  async function flood(requests: number, from: (n: number) => string): Promise<Record<string, number>> {
    const answers: Record<string, number> = {};
    let sent = 0;
    const one = async () => {
      while (sent < requests) {
        const answer = await server.container.registration!.register(METADATA, null, from(sent++)).then(
          () => 'stored',
          ({ code }) => code,
        );
        answers[answer] = (answers[answer] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 25 }, one));
    return answers;
  }

  it('from one address stores what an hour allows', async () => {
    expect(await flood(FLOOD, () => '203.0.113.7')).toEqual({ stored: 5, too_many_requests: FLOOD - 5 });
    expect(await count()).toBe(5);
  }, 600_000);

  it('from many leaves a thousand, and what the owner was asked about, what was approved, and what came with a token', async () => {
    const [asked, approved, used] = [await registered(), await registered(), await registered()];
    await reach(asked);
    await decide(approved.client_id, 'approved');
    await decide(used.client_id, 'approved');
    const with_token = (await register({}, { token: INITIAL })).json();
    // The rows of a longer flood, without the time that it takes.
    const rows = Array.from({ length: Math.max(0, 1000 - FLOOD) }, (_, n) => ({
      client_id: `${n}`.padStart(32, '0'),
      redirect_uris: [CB],
      token_endpoint_auth_method: 'none' as const,
      grant_types: ['authorization_code'],
      scope: ['openid'],
      managed_by: 'registration' as const,
      registered_from: `198.19.${n >> 8}.${n & 255}`,
      approval: 'new' as const,
      approval_since: server.clock(),
      created_at: server.clock(),
    }));
    if (rows.length > 0) await table().insertInto('clients').values(rows).execute();
    server.advance(1);
    const requests = FLOOD * 2;
    expect(await flood(requests, (n) => `198.18.${n >> 8}.${n & 255}`)).toEqual({ stored: requests });
    expect(await count(sql<boolean>`approval in ('new', 'pending')`)).toBe(1000);
    expect(await Promise.all([asked, approved, used, with_token].map(approvalOf))).toEqual(['pending', 'approved', 'approved', null]);
    // The newest are those that are left.
    const last = await table().selectFrom('clients').select('registered_from').where('registered_from', 'like', '198.18.%').execute();
    expect(last.length).toBe(Math.min(requests, 999));
  }, 600_000);
});

describe('hostile metadata', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['a script for a page', { client_uri: 'javascript:alert(1)' }, 'client_uri'],
    ['data for a page', { client_uri: 'data:text/html,x' }, 'client_uri'],
    ['a file for a page', { client_uri: 'file:///etc/passwd' }, 'client_uri'],
    ['a script for a logo', { logo_uri: 'javascript:alert(1)' }, 'logo_uri'],
    ['a redirect to a script', { redirect_uris: ['javascript:alert(1)'] }, 'redirect_uris'],
    ['a redirect in the clear', { redirect_uris: ['http://app.example.com/cb'] }, 'redirect_uris'],
    ['control characters in its name', { client_name: 'Your\nbank' }, 'client_name'],
    ['a name without end', { client_name: 'x'.repeat(257) }, 'client_name'],
    ['too many redirects', { redirect_uris: Array.from({ length: 51 }, (_, n) => `${CB}/${n}`) }, 'redirect_uris'],
    ['keys of a host inside', { jwks_uri: 'https://169.254.169.254/keys', token_endpoint_auth_method: 'private_key_jwt' }, 'jwks_uri'],
    ['a logout inside', { backchannel_logout_uri: 'https://127.0.0.1/out' }, 'backchannel_logout_uri'],
    ['no PKCE', { token_endpoint_auth_method: 'client_secret_basic', require_pkce: false }, 'require_pkce'],
    ['claims in the ID token', { id_token_claims: true }, 'id_token_claims'],
    ['an ID token by the browser', { response_types: ['id_token'] }, 'response_types'],
    ['custom claims', { claims: { role: { value: 'admin' } } }, 'claims'],
    ['a secret shared with nobody', { grant_types: ['client_credentials'] }, 'grant_types'],
    ['20,000 characters', { software_statement: 'x'.repeat(20_000) }, 'too long'],
    ['keys without end', { jwks: { keys: Array.from({ length: 20 }, () => ({ kty: 'RSA', n: 'x'.repeat(2000) })) } }, 'too long'],
  ])('%s is refused, and nothing is stored', async (_story, metadata, reason) => {
    const answer = await register(metadata);
    expect([answer.statusCode, answer.json().error]).toEqual([400, expect.stringMatching(/^invalid_(client_metadata|redirect_uri)$/)]);
    expect(answer.json().error_description).toContain(reason);
    expect(await count()).toBe(0);
  });

  it('a body of a megabyte is refused', async () => {
    expect((await register({ software_statement: 'x'.repeat(1_000_000) })).statusCode).toBe(413);
  });

  it('sets nothing that is the operator’s', async () => {
    const own = {
      trusted: true,
      resources: ['https://api.example.com'],
      allowed_group_ids: ['x'],
      access_token_lifetime: 9,
      approval: 'approved',
    };
    const { client_id } = await registered({ ...own, managed_by: 'config', profile: 'fapi2', is_enabled: true });
    expect(await server.container.clients.get(client_id)).toMatchObject({
      ...{ trusted: false, resources: [], allowed_group_ids: null, access_token_lifetime: null, approval: 'new' },
      ...{ managed_by: 'registration', profile: null, require_pkce: true, id_token_claims: false, response_types: ['code'] },
    });
  });

  it('is shown as text', async () => {
    const client = await registered({ client_name: '<img src=x onerror=alert(1)>' });
    const { html } = await reach(client);
    expect(html).toContain('&lt;img');
    expect(html).not.toContain('<img');
  });
});

test('an MCP client that only registers gets a token for the MCP server, and may not ask what tokens of others say', async () => {
  const client = await registered({ token_endpoint_auth_method: 'client_secret_post' });
  const { client_id } = client;
  const client_secret = (client as Registered & { client_secret: string }).client_secret;
  await reach(client);
  await decide(client_id, 'approved');
  const url = askFor(client, { resource: MCP });
  const code = (await standardBrowser(server).authorize(url)).searchParams.get('code')!;
  const form = {
    grant_type: 'authorization_code',
    client_id,
    client_secret,
    redirect_uri: CB,
    code,
    code_verifier: VERIFIER,
    resource: MCP,
  };
  const { access_token } = (await server.inject({ method: 'POST', url: '/auth/token', form })).json();
  expect(decodeJwt(access_token)).toMatchObject({ aud: MCP, client_id });
  const pushed = Object.fromEntries(new URL(url).searchParams);
  expect((await server.inject({ method: 'POST', url: '/auth/par', form: { ...pushed, client_secret } })).statusCode).toBe(201);
  expect((await standardBrowser(server).get(askFor(client, { resource: 'https://evil.example/' }))).headers.get('location')).toContain(
    'error=invalid_target',
  );
  const other = await registered({ token_endpoint_auth_method: 'client_secret_post' });
  const ask = {
    client_id: other.client_id,
    client_secret: (other as Registered & { client_secret: string }).client_secret,
    token: access_token,
  };
  expect((await server.inject({ method: 'POST', url: '/auth/introspect', form: ask })).json()).toEqual({ active: false });
});
