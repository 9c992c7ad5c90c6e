// What the operator can relax for an app that does not do all that OAuth 2.1 asks for: PKCE, and
// claims in the ID token.
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { standardBrowser } from '../../support/clients/standard_browser.ts';
import { startServer, type TestServer } from '../../support/fixtures/server.ts';
import { CHALLENGE, VERIFIER } from '../../support/fixtures/standard_grants.ts';

const CALLBACK = 'https://old.example.com/callback';
const SECRET = 'the secret of an old app';
const INITIAL = 'an-initial-access-token';

let server: TestServer;
let token: string;
beforeAll(async () => {
  const client = (client_id: string, more: object = {}) => ({
    client_id,
    client_secret: SECRET,
    redirect_uris: [CALLBACK, 'http://localhost/callback'],
    trusted: true,
    ...more,
  });
  server = await startServer({
    config: {
      clients: [client('old', { require_pkce: false }), client('new'), client('reader', { id_token_claims: true })],
      registration: { enabled: true, initial_access_token: INITIAL },
    },
  });
  ({ access_token: token } = await server.ownerTokens());
});
afterAll(() => server.close());

const authorizeUrl = (client_id: string, more: Record<string, string> = {}) =>
  `/auth/authorize?${new URLSearchParams({ response_type: 'code', client_id, redirect_uri: CALLBACK, scope: 'openid profile email', state: 's', ...more })}`;

async function codeFor(client_id: string, more: Record<string, string> = {}): Promise<string> {
  const location = await standardBrowser(server).authorize(authorizeUrl(client_id, more));
  return location.searchParams.get('code') ?? `no code: ${location.search}`;
}

async function redeem(client_id: string, code: string, more: Record<string, string> = {}) {
  const form = { grant_type: 'authorization_code', client_id, client_secret: SECRET, code, ...more };
  const answer = await server.inject({ method: 'POST', url: '/auth/token', form });
  return { status: answer.statusCode, ...answer.json() };
}

const PKCE = { code_challenge: CHALLENGE, code_challenge_method: 'S256' };

describe('a confidential client with require_pkce: false', () => {
  it('gets a code without a challenge, and tokens when it repeats its redirect URI', async () => {
    const answer = await redeem('old', await codeFor('old'), { redirect_uri: CALLBACK });
    expect(answer).toMatchObject({ status: 200, token_type: 'Bearer', id_token: expect.any(String) });
  });

  it.each<[string, Record<string, string>]>([
    ['does not repeat its redirect URI', {}],
    ['names another redirect URI', { redirect_uri: 'https://old.example.com/other' }],
    ['sends a verifier that no challenge belongs to', { redirect_uri: CALLBACK, code_verifier: VERIFIER }],
  ])('gets no tokens when it %s', async (_title, more) => {
    expect(await redeem('old', await codeFor('old'), more)).toMatchObject({ status: 400, error: 'invalid_grant' });
  });

  it('is held to a challenge that it sends', async () => {
    expect(await redeem('old', await codeFor('old', PKCE), { redirect_uri: CALLBACK })).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    });
    expect(await redeem('old', await codeFor('old', PKCE), { code_verifier: VERIFIER })).toMatchObject({ status: 200 });
  });

  it('needs a challenge for a loopback redirect URI with another port', async () => {
    const refused = await standardBrowser(server).authorize(authorizeUrl('old', { redirect_uri: 'http://localhost:4711/callback' }));
    expect([refused.port, refused.searchParams.get('error')]).toEqual(['4711', 'invalid_request']);
    const exact = await standardBrowser(server).authorize(authorizeUrl('old', { redirect_uri: 'http://localhost/callback' }));
    expect(exact.searchParams.get('code')).not.toBeNull();
  });

  it('is refused a challenge method without a challenge', async () => {
    const location = await standardBrowser(server).authorize(authorizeUrl('old', { code_challenge_method: 'S256' }));
    expect(location.searchParams.get('error')).toBe('invalid_request');
  });
});

describe('any other client', () => {
  it('is refused without a challenge, and the operator learns which setting would allow it', async () => {
    const location = await standardBrowser(server).authorize(authorizeUrl('new'));
    expect(location.searchParams.get('error_description')).toBe('code_challenge is missing');
    await server.container.audit.flush();
    const events = await server.container.database.kysely.selectFrom('audit_events').select('detail').execute();
    expect(JSON.stringify(events)).toContain('require_pkce: false on the client would allow it');
  });
});

describe('a public client', () => {
  it('cannot be exempted from PKCE by the API', async () => {
    const json = { redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', require_pkce: false };
    const answer = await server.inject({ method: 'POST', url: '/api/clients', token, json });
    expect([answer.statusCode, answer.json().message]).toEqual([400, expect.stringContaining('require_pkce')]);
  });

  it.each(['require_pkce', 'id_token_claims'])('cannot set %s by its registration', async (field) => {
    const json = { redirect_uris: [CALLBACK], [field]: field === 'id_token_claims' };
    const answer = await server.inject({ method: 'POST', url: '/auth/register', token: INITIAL, json });
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { error: 'invalid_client_metadata', error_description: expect.stringContaining(field) },
    ]);
  });
});

describe('the ID token', () => {
  it('of a client with id_token_claims contains the claims of the granted scopes', async () => {
    const { id_token } = await redeem('reader', await codeFor('reader', PKCE), { code_verifier: VERIFIER });
    expect(decodeJwt(id_token)).toMatchObject({ name: 'Ada', preferred_username: 'ada' });
    expect(decodeJwt(id_token)).not.toHaveProperty('groups');
  });

  it('of any other client does not', async () => {
    const { id_token } = await redeem('new', await codeFor('new', PKCE), { code_verifier: VERIFIER });
    expect(decodeJwt(id_token)).not.toHaveProperty('name');
  });
});

describe('the e-mail addresses that Grafana asks for', () => {
  it('are the one of userinfo', async () => {
    await server.container.database.kysely.updateTable('users').set({ email: 'ada@example.com', email_verified: true }).execute();
    const { access_token } = await redeem('new', await codeFor('new', PKCE), { code_verifier: VERIFIER });
    const answer = await server.inject({ url: '/auth/userinfo/emails', token: access_token });
    expect([answer.statusCode, answer.json()]).toEqual([200, [{ email: 'ada@example.com', primary: true, verified: true }]]);
  });

  it('are none without the scope', async () => {
    const code = await codeFor('new', { ...PKCE, scope: 'openid' });
    const { access_token } = await redeem('new', code, { code_verifier: VERIFIER });
    expect((await server.inject({ url: '/auth/userinfo/emails', token: access_token })).json()).toEqual([]);
  });

  it('are refused without a token', async () => {
    const answer = await server.inject({ url: '/auth/userinfo/emails' });
    expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([401, expect.stringContaining('Bearer')]);
  });
});

describe('WebFinger', () => {
  const ask = (query: string) => server.inject({ url: `/.well-known/webfinger${query}` });
  const rel = 'http://openid.net/specs/connect/1.0/issuer';

  it.each(['acct:ada@example.com', 'acct:nobody@example.com', 'https://example.com/ada'])('names the issuer of %s', async (subject) => {
    const answer = await ask(`?${new URLSearchParams({ resource: subject, rel })}`);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/jrd+json; charset=utf-8',
      'cache-control': expect.stringContaining('public'),
    });
    expect(answer.json()).toEqual({ subject, links: [{ rel, href: 'https://auth.example.com' }] });
  });

  it('leaves other relations out', async () => {
    const subject = 'acct:ada@example.com';
    const other = await ask(`?${new URLSearchParams({ resource: subject, rel: 'http://webfinger.net/rel/avatar' })}`);
    expect(other.json()).toEqual({ subject, links: [] });
    expect((await ask(`?resource=${subject}`)).json().links).toHaveLength(1);
  });

  it.each(['', '?resource=', '?resource=ada', '?resource=acct:a@b.c&resource=acct:d@b.c', `?resource=acct:${'a'.repeat(2048)}`])(
    'refuses "%.40s"',
    async (query) => {
      expect((await ask(query)).statusCode).toBe(400);
    },
  );

  it('may be read by any page', async () => {
    const answer = await server.inject({
      url: '/.well-known/webfinger?resource=acct:a@b.c',
      headers: { origin: 'https://app.example.com' },
    });
    expect(answer.headers['access-control-allow-origin']).toBe('https://app.example.com');
  });
});

it('prompt=create leads to the login, also with a session', async () => {
  const browser = standardBrowser(server);
  expect((await browser.follow(authorizeUrl('new', PKCE))).seen).toEqual(['login']);
  expect((await browser.follow(authorizeUrl('new', PKCE))).seen).toEqual([]);
  const { seen, location } = await browser.follow(authorizeUrl('new', { ...PKCE, prompt: 'create' }));
  expect([seen, location?.searchParams.has('code')]).toEqual([['login'], true]);
});
