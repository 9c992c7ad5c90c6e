// The authorization endpoint of the standard profile against requests that are bent: what goes back
// to the client, and what stays on a page.
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { authorizeUrl, type Fields, ISSUER, type StandardBrowser, standardBrowser } from '../support/clients/standard_browser.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { CHALLENGE, VERIFIER } from '../support/fixtures/standard_grants.ts';

const OTHER_CALLBACK = 'https://app.example.com/other';

let server: TestServer;
/** Logged in as the owner, who has agreed to the app. */
let browser: StandardBrowser;
let site: Stranger;

beforeAll(async () => {
  site = await startStranger((socket) => respond(socket, ''));
  const clients = [
    { client_id: 'app', redirect_uris: [CALLBACK, OTHER_CALLBACK] },
    { client_id: 'consenting', redirect_uris: [CALLBACK, OTHER_CALLBACK] },
    { client_id: 'trusted', redirect_uris: [CALLBACK], trusted: true },
    { client_id: 'in-query', redirect_uris: [CALLBACK], trusted: true, response_modes: ['query'] },
    { client_id: 'in-form', redirect_uris: [CALLBACK], trusted: true, response_modes: ['form_post', 'fragment'] },
  ];
  server = await startServer({ config: { clients, http: { ip_ban_enabled: false } } });
  await server.createOwner();
});
afterAll(async () => {
  await server.close();
  await site.close();
});
beforeEach(async () => {
  browser = standardBrowser(server);
  await browser.authorize(authorizeUrl());
});

const codes = async () => (await server.container.database.kysely.selectFrom('authorization_codes').selectAll().execute()).length;

/** What the client gets, without a code and without any HTML on the way. */
async function told(fields: Fields, who = browser): Promise<Record<string, string>> {
  const before = await codes();
  const answer = await who.get(authorizeUrl(fields));
  expect([answer.status, await answer.text()]).toEqual([303, '']);
  const location = new URL(answer.headers.get('location')!);
  // What belongs into the fragment is refused there, too.
  const in_fragment = /token/.test(String(fields.response_type));
  expect(location.href.startsWith(in_fragment ? `${CALLBACK}#` : `${CALLBACK}?`)).toBe(true);
  expect(await codes()).toBe(before);
  const { error, error_description, ...others } = Object.fromEntries(
    in_fragment ? new URLSearchParams(location.hash.slice(1)) : location.searchParams,
  );
  expect(others).toEqual({ iss: ISSUER, ...(fields.state === undefined && !('state' in fields) && { state: 's' }) });
  return { error: error! };
}

async function expectPage(fields: Fields, who = browser): Promise<string> {
  const before = await codes();
  const answer = await who.get(authorizeUrl(fields));
  const html = await answer.text();
  expect([answer.status, answer.headers.get('location'), answer.headers.get('content-type')]).toEqual([
    400,
    null,
    expect.stringMatching(/html/),
  ]);
  expect(html).not.toMatch(/<script|http-equiv/i);
  expect(await codes()).toBe(before);
  return html;
}

describe('a fault', () => {
  it.each<[string, Fields]>([
    ['two client_ids', { client_id: ['app', 'app'] }], // A13
    ['two redirect_uris', { redirect_uri: [CALLBACK, CALLBACK] }], // A13
    ['no redirect_uri, with two registered', { redirect_uri: undefined }], // A14
    ['no redirect_uri, with one registered', { client_id: 'trusted', redirect_uri: undefined }], // A14
    ['prompt=none with a foreign redirect_uri', { prompt: 'none', redirect_uri: 'https://evil.example/' }], // A20
    ['an unknown client', { client_id: 'unknown' }],
  ])('%s is shown on a page', async (_story, fields) => {
    await expectPage(fields);
  });

  it.each<[string, Fields, string]>([
    ['two scopes', { scope: ['openid', 'profile'] }, 'invalid_request'], // A13
    ['no response_type', { response_type: undefined }, 'invalid_request'], // A15
    ['a response_type that is none', { response_type: 'foo' }, 'unsupported_response_type'], // A15
    ['token', { response_type: 'token' }, 'unsupported_response_type'], // A16
    ['id_token', { response_type: 'id_token' }, 'unsupported_response_type'], // A16
    ['code token', { response_type: 'code token' }, 'unsupported_response_type'], // A16
    ['a request object', { request: 'x.y.z' }, 'request_not_supported'], // A19
    ['prompt=none with others', { prompt: 'none login' }, 'invalid_request'], // A20
    ['an unknown prompt', { prompt: 'register' }, 'invalid_request'],
    ['a response_mode that is none', { response_mode: 'web_message' }, 'invalid_request'],
    ['a response_mode that the client may not use', { client_id: 'in-query', response_mode: 'fragment' }, 'invalid_request'], // A28
    ['another that it may not use', { client_id: 'in-query', response_mode: 'form_post' }, 'invalid_request'], // A28
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'], // B1
    ['plain', { code_challenge: VERIFIER, code_challenge_method: 'plain' }, 'invalid_request'], // B2
    ['a challenge without its method', { code_challenge_method: undefined }, 'invalid_request'], // B2
    ['a challenge of 42 characters', { code_challenge: CHALLENGE.slice(1) }, 'invalid_request'], // B6
    ['a resource of others', { resource: 'https://evil.example/' }, 'invalid_target'], // C24
  ])('%s is sent to the client, before anybody logs in', async (_story, fields, error) => {
    for (const who of [browser, standardBrowser(server)]) expect(await told(fields, who)).toEqual({ error });
  });

  // A19
  it('is a request_uri of others, which is never fetched', async () => {
    for (const request_uri of ['http://169.254.169.254/', site.url, 'urn:x']) {
      expect(await told({ request_uri })).toEqual({ error: 'request_uri_not_supported' });
    }
    expect(site.connections()).toBe(0);
  });

  // A17
  it('carries the issuer that discovery names, letter by letter, like every answer', async () => {
    const metadata = (await server.inject({ url: '/.well-known/openid-configuration' })).json();
    expect(metadata.authorization_response_iss_parameter_supported).toBe(true);
    const denied = await browser.authorize(authorizeUrl({ prompt: 'consent' }), { decision: 'deny' });
    for (const location of [
      await browser.authorize(authorizeUrl()),
      denied,
      await browser.authorize(authorizeUrl({ response_type: 'foo' })),
    ]) {
      expect(location.searchParams.getAll('iss')).toEqual([metadata.issuer]);
    }
  });
});

// A18
describe('state and nonce', () => {
  const VSCHAR = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
  it.each(['x'.repeat(128), 'x'.repeat(2048), VSCHAR, '%2B+&=#"', '1 +2', 'ü€😀', '<script>alert(1)</script>', '"><img src=x>'])(
    'come back exactly as they were sent: %j',
    async (state) => {
      const nonce = state.slice(0, 384);
      for (const location of [
        await browser.authorize(authorizeUrl({ state })),
        await browser.authorize(authorizeUrl({ state, prompt: 'bad' })),
      ]) {
        expect(location.searchParams.get('state')).toBe(state);
      }
      const fragment = await browser.authorize(authorizeUrl({ state, nonce, response_mode: 'fragment' }));
      expect(new URLSearchParams(fragment.hash.slice(1)).get('state')).toBe(state);
      const code = new URLSearchParams(fragment.hash.slice(1)).get('code')!;
      const form = { grant_type: 'authorization_code', client_id: 'app', code, code_verifier: VERIFIER };
      const { id_token } = (await server.inject({ method: 'POST', url: '/auth/token', form })).json();
      expect(decodeJwt(id_token).nonce).toBe(nonce);
    },
  );

  it('are refused above 2048 characters, and never cut', async () => {
    const long = 'x'.repeat(2049);
    expect(await told({ state: long })).toEqual({ error: 'invalid_request' });
    expect(await told({ nonce: long })).toEqual({ error: 'invalid_request' });
  });
});

describe('a silent request', () => {
  // A20
  it('is answered by redirects alone: a code for who is logged in and agreed, else what is missing', async () => {
    expect((await browser.authorize(authorizeUrl({ prompt: 'none' }))).searchParams.get('code')).toMatch(/^lk_/);
    expect(await told({ prompt: 'none' }, standardBrowser(server))).toEqual({ error: 'login_required' });
    expect(await told({ prompt: 'none', client_id: 'consenting' })).toEqual({ error: 'consent_required' });
    expect((await browser.authorize(authorizeUrl({ prompt: 'none', client_id: 'trusted' }))).searchParams.has('code')).toBe(true);
  });

  // A21
  it.each<Fields>([{ prompt: 'none' }, { scope: '"' }, { response_type: 'foo' }, { code_challenge: undefined }])(
    'or a wrong one (%j) of a client that nobody registered sends nobody anywhere: a page names the host',
    async (fields) => {
      const unknown = { client_id: 'https://evil.example/', redirect_uri: 'https://evil.example/cb', ...fields };
      for (const who of [standardBrowser(server), browser]) {
        const html = await expectPage(unknown, who);
        expect(html).toContain('evil.example');
      }
    },
  );
});

describe('a request that is too long', () => {
  const long = { claims: `{"id_token":{}}${' '.repeat(3000)}` };
  const post = (url: string) =>
    server.inject({ method: 'POST', url: '/auth/authorize', form: Object.fromEntries(new URL(url).searchParams) });

  it('is sent to its client with its state, however it comes', async () => {
    for (const who of [browser, standardBrowser(server)]) expect(await told(long, who)).toEqual({ error: 'invalid_request' });
    const posted = await post(authorizeUrl({ ...long, nonce: 'x'.repeat(40_000) }));
    expect([posted.statusCode, posted.body]).toEqual([303, '']);
    const { error, error_description, state, iss } = Object.fromEntries(new URL(posted.headers.location!).searchParams);
    expect([error, error_description, state, iss]).toEqual(['invalid_request', expect.stringContaining('push it'), 's', ISSUER]);
  });

  it.each<[string, Fields]>([
    ['an unknown client', { client_id: 'unknown' }],
    ['a foreign redirect_uri', { redirect_uri: 'https://evil.example/' }],
    ['no redirect_uri', { redirect_uri: undefined }],
    ['a client that nobody registered', { client_id: 'https://evil.example/', redirect_uri: 'https://evil.example/cb' }],
  ])('with %s stays on a page', async (_story, fields) => {
    await expectPage({ ...long, ...fields });
    const posted = await post(authorizeUrl({ ...long, ...fields }));
    expect([posted.statusCode, posted.headers.location]).toEqual([400, undefined]);
  });

  it('gets its state back whole or not at all, in an answer that is not too long', async () => {
    for (const [state, want] of [
      ['x'.repeat(2048), 'x'.repeat(2048)],
      ['€'.repeat(300), '€'.repeat(300)],
      ['€'.repeat(400), null],
      ['x'.repeat(2049), null],
      ['x'.repeat(40_000), null],
    ] as const) {
      const { headers } = await post(authorizeUrl({ ...long, state }));
      expect(headers.location!.length).toBeLessThan(3500);
      expect(new URL(headers.location!).searchParams.get('state')).toBe(want);
    }
  });

  it('is not one that only our own mark makes so', async () => {
    const sized = (length: number) => {
      const bare = { prompt: 'login', nonce: 'x'.repeat(1500), extra: '' };
      return authorizeUrl({ ...bare, extra: 'x'.repeat(length - new URL(authorizeUrl(bare)).search.slice(1).length) });
    };
    const { seen, location } = await browser.follow(sized(3000));
    expect([seen, location!.searchParams.get('error')]).toEqual([['login'], null]);
    expect((await browser.authorize(sized(3001))).searchParams.get('error')).toBe('invalid_request');
  });
});

// A28
describe('a response_mode that the client may not use', () => {
  const fields = (client_id: string, response_mode?: string) => ({ client_id, ...(response_mode && { response_mode }), state: 's' });

  it.each<[string, string | undefined, string]>([
    ['in-query', 'fragment', `${CALLBACK}?error=invalid_request`],
    ['in-query', undefined, `${CALLBACK}?code=`],
    ['in-query', 'query', `${CALLBACK}?code=`],
    ['in-form', 'fragment', `${CALLBACK}#code=`],
  ])('%s asks for %s: %s', async (client_id, mode, want) => {
    const form = Object.fromEntries(new URL(authorizeUrl(fields(client_id, mode))).searchParams);
    const posted = await server.inject({ method: 'POST', url: '/auth/authorize', form });
    for (const url of [authorizeUrl(fields(client_id, mode)), posted.headers.location!]) {
      const { href } = await browser.authorize(url);
      expect(href.startsWith(want)).toBe(true);
      expect(new URLSearchParams(href.split(/[?#]/)[1]).getAll('iss')).toEqual([ISSUER]);
      expect(new URLSearchParams(href.split(/[?#]/)[1]).getAll('state')).toEqual(['s']);
    }
  });

  it.each([undefined, 'query', 'web_message'])('is sent in the first allowed one: in a form, where it asks for %s', async (mode) => {
    const before = await codes();
    const answer = await browser.get(authorizeUrl(fields('in-form', mode)));
    const html = await answer.text();
    expect([answer.status, answer.headers.get('location')]).toEqual([200, null]);
    expect(html).toContain(`<form method="post" action="${CALLBACK}"`);
    for (const [name, value] of Object.entries({ error: 'invalid_request', state: 's', iss: ISSUER }))
      expect(html).toContain(`name="${name}" value="${value}"`);
    expect(await codes()).toBe(before);
  });

  it('is refused when it is pushed, too, also when it was taken away after that', async () => {
    const push = async (client_id: string, mode: string) => {
      const form = Object.fromEntries(new URL(authorizeUrl(fields(client_id, mode))).searchParams);
      const answer = await server.inject({ method: 'POST', url: '/auth/par', form });
      return [answer.statusCode, answer.json().error ?? answer.json().request_uri];
    };
    expect(await push('in-query', 'fragment')).toEqual([400, 'invalid_request']);
    expect(await push('in-form', 'query')).toEqual([400, 'invalid_request']);
    const [, request_uri] = await push('in-form', 'fragment');
    const { kysely } = server.container.database;
    const allow = (response_modes: ('query' | 'fragment' | 'form_post')[]) =>
      kysely.updateTable('clients').set({ response_modes }).where('client_id', '=', 'in-form').execute();
    await allow(['query']);
    const url = `${ISSUER}/auth/authorize?${new URLSearchParams({ client_id: 'in-form', request_uri })}`;
    const { search } = await browser.authorize(url);
    expect(new URLSearchParams(search).get('error')).toBe('invalid_request');
    await allow(['form_post', 'fragment']);
  });
});

// A27
test('form_post carries the answer in a page: escaped, by our own script, kept by nobody, with nothing in a URL', async () => {
  const state = '"><script>alert(1)</script>';
  for (const fields of [{}, { prompt: 'nonsense' }]) {
    const answer = await browser.get(authorizeUrl({ response_mode: 'form_post', state, ...fields }));
    const html = await answer.text();
    expect([answer.status, answer.headers.get('location'), answer.headers.get('cache-control')]).toEqual([200, null, 'no-store']);
    expect(html).toContain(`<form method="post" action="${CALLBACK}"`);
    expect(html).toContain(
      'name="state" value="&quot;>&lt;script>alert(1)&lt;/script>"'.replaceAll('>', html.includes('&gt;script') ? '&gt;' : '>'),
    );
    expect(html).not.toMatch(/ on\w+=|<script>|javascript:/i);
    expect(html.match(/<script[^>]*>/g)).toEqual([expect.stringMatching(/ src="\/assets\/[\w-]+form_post\.js"/)]);
    expect(answer.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(answer.headers.get('content-security-policy')).not.toMatch(/unsafe|form-action/);
    expect(html).toMatch(fields.prompt ? /name="error" value="invalid_request"/ : /name="code" value="lk_/);
    expect(html).toContain(`name="iss" value="${ISSUER}"`);
  }
});
