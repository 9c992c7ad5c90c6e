import { beforeAll, describe, expect, it } from 'vitest';
import type { TokenSet } from '../../../src/domain/token.ts';
import { createAuthorizationCodeRepository } from '../../../src/repository/authorization_codes.ts';
import { newProofKey, proofFor } from '../../support/clients/dpop.ts';
import { loginOf } from '../../support/fixtures/grants.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { createReleasedCodes } from '../../support/fixtures/released_codes.ts';
import { CLIENT_ID, startServer } from '../../support/fixtures/server.ts';
import { CHALLENGE, VERIFIER } from '../../support/fixtures/standard_grants.ts';

const API = 'https://api.example.com/';
const SECRET = 'the secret of grafana: 100 % + é';
const clients = [
  { client_id: 'grafana', client_secret: SECRET, redirect_uris: ['https://grafana.example.com/callback'], trusted: true },
  { client_id: 'api', client_secret: 'the secret of the api', redirect_uris: [], grant_types: ['client_credentials'], resources: [API] },
  { client_id: 'desktop', redirect_uris: ['http://127.0.0.1/callback'], trusted: true },
  {
    client_id: 'once',
    client_secret: 'the secret of once',
    redirect_uris: ['https://once.example/'],
    grant_types: ['authorization_code'],
    trusted: true,
  },
];

const server = perFile(() => startServer({ config: { clients, http: { ip_ban_enabled: false } } }));
beforeAll(async () => {
  await server.createOwner();
});

const basic = (client_id: string, secret: string) => `Basic ${Buffer.from(`${client_id}:${secret}`).toString('base64')}`;
const encoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
const GRAFANA = basic('grafana', encoded(SECRET));

async function newCode(client_id: string, standard: { scope?: string[]; resource?: string[] } = {}): Promise<string> {
  const { database, clock } = server.container;
  const codes = createReleasedCodes({ authorizationCodes: createAuthorizationCodeRepository(database), clock, lifetime: 60 });
  const owner = await database.kysely.selectFrom('users').selectAll().where('is_owner', '=', true).executeTakeFirstOrThrow();
  const facts = { scope: ['openid', 'profile'], resource: [], nonce: null, claims: null, sid: null, dpop_jkt: null, ...standard };
  return codes.issue(await loginOf(database, owner, { client_id, code_challenge: CHALLENGE, auth_time: clock(), standard: facts }));
}

function post(url: string, form: Record<string, string>, headers: Record<string, string | string[]> = {}) {
  return server.inject({ method: 'POST', url, form, headers });
}

async function trade(client_id: string, form: Record<string, string> = {}, headers: Record<string, string | string[]> = {}, standard = {}) {
  const code = await newCode(client_id, standard);
  return await post('/auth/token', { grant_type: 'authorization_code', code, code_verifier: VERIFIER, ...form }, headers);
}

async function tokens(client_id = 'grafana', standard = {}): Promise<Required<TokenSet>> {
  const answer =
    client_id === 'grafana'
      ? await trade('grafana', {}, { authorization: GRAFANA }, standard)
      : await trade(client_id, { client_id }, {}, standard);
  expect(answer.statusCode).toBe(200);
  return answer.json();
}

describe('POST /auth/token', () => {
  // C16
  it.each([
    ['form-encoded in Basic', {}, { authorization: GRAFANA }],
    ['in the body', { client_id: 'grafana', client_secret: SECRET }, {}],
    ['in Basic, with its name in the body too', { client_id: 'grafana' }, { authorization: GRAFANA }],
  ] as [string, Record<string, string>, Record<string, string>][])('takes a client’s secret %s', async (_story, form, headers) => {
    const answer = await trade('grafana', form, headers);
    expect(answer.json()).toMatchObject({
      token_type: 'Bearer',
      scope: 'openid profile',
      refresh_token: expect.any(String),
      id_token: expect.any(String),
    });
    // C20
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'content-type': expect.stringMatching(/^application\/json/),
    });
  });

  // C13, C14, C15, C17, C25
  it.each([
    ['two methods at once', { client_id: 'grafana', client_secret: SECRET }, { authorization: GRAFANA }, 400, 'invalid_request'],
    ['a wrong secret', {}, { authorization: basic('grafana', 'wrong') }, 401, 'invalid_client'],
    ['a wrong secret in the body', { client_id: 'grafana', client_secret: 'wrong' }, {}, 401, 'invalid_client'],
    ['an unknown client', {}, { authorization: basic('nobody', 'wrong') }, 401, 'invalid_client'],
    ['no secret', { client_id: 'grafana' }, {}, 401, 'invalid_client'],
    ['an empty secret', {}, { authorization: basic('grafana', '') }, 401, 'invalid_client'],
    ['a password grant', { grant_type: 'password' }, { authorization: GRAFANA }, 400, 'unsupported_grant_type'],
    [
      'a grant that it was not registered for',
      { grant_type: 'refresh_token', refresh_token: 'x', client_id: 'once', client_secret: 'the secret of once' },
      {},
      400,
      'unauthorized_client',
    ],
    ['a public client on its own behalf', { grant_type: 'client_credentials', client_id: 'desktop' }, {}, 400, 'unauthorized_client'],
  ] as [string, Record<string, string>, Record<string, string>, number, string][])(
    'refuses %s',
    async (_story, form, headers, status, error) => {
      const answer = await trade('grafana', form, headers);
      expect([answer.statusCode, answer.json().error]).toEqual([status, error]);
      expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Basic realm="latchkey"' : undefined);
      expect(answer.headers['cache-control']).toBe('no-store');
    },
  );

  // C15
  it('answers an unknown client as it answers a wrong secret', async () => {
    const bodies = await Promise.all(['grafana', 'nobody'].map((name) => trade('grafana', {}, { authorization: basic(name, 'wrong') })));
    expect(new Set(bodies.map(({ body }) => body)).size).toBe(1);
  });

  // C25
  it('takes a public client’s name from Basic without a secret', async () => {
    expect((await trade('desktop', {}, { authorization: basic('desktop', '') })).statusCode).toBe(200);
  });

  it('misses a grant_type', async () => {
    const { statusCode, body } = await post('/auth/token', { client_id: 'desktop' });
    expect([statusCode, JSON.parse(body).error]).toEqual([400, 'invalid_request']);
  });

  // RFC 8707 section 2.2
  it('takes several resources', async () => {
    const code = await newCode('desktop', { resource: [API, 'https://b.example/', 'https://c.example/'] });
    const fields = [
      ['grant_type', 'authorization_code'],
      ['code', code],
      ['code_verifier', VERIFIER],
      ['client_id', 'desktop'],
      ['resource', API],
      ['resource', 'https://c.example/'],
    ];
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await server.inject({
      method: 'POST',
      url: '/auth/token',
      headers,
      payload: new URLSearchParams(fields as [string, string][]).toString(),
    });
    expect(JSON.parse(Buffer.from(answer.json().access_token.split('.')[1], 'base64url').toString()).aud).toEqual([
      API,
      'https://c.example/',
    ]);
  });

  // C22
  it('lets apps in browsers send proofs of possession', async () => {
    const headers = {
      origin: 'https://spa.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,dpop',
    };
    const answer = await server.inject({ method: 'OPTIONS', url: '/auth/token', headers });
    expect([answer.statusCode, answer.headers['access-control-allow-headers']]).toEqual([200, 'CONTENT-TYPE,DPOP']);
  });

  // E12
  it('binds tokens to a key, and refuses two proofs', async () => {
    const key = await newProofKey();
    const proof = () => proofFor(key, { now: server.container.clock() });
    const bound = await trade('desktop', { client_id: 'desktop' }, { dpop: await proof() });
    expect(bound.json()).toMatchObject({ token_type: 'DPoP' });
    const { access_token } = bound.json();
    const claims = { htm: 'GET', htu: 'https://auth.example.com/auth/userinfo' };
    const own = await proofFor(key, { now: server.container.clock(), claims, access_token });
    // The scheme in any case
    expect((await server.inject({ url: '/auth/userinfo', headers: { authorization: `dpop ${access_token}`, dpop: own } })).statusCode).toBe(
      200,
    );
    const again = await server.inject({ url: '/auth/userinfo', headers: { authorization: `DPoP ${access_token}`, dpop: own } });
    expect([again.statusCode, again.headers['www-authenticate']]).toEqual([401, expect.stringMatching(/^DPoP error="invalid_dpop_proof"/)]);
    const two = await trade('desktop', { client_id: 'desktop' }, { dpop: [await proof(), await proof()] });
    expect([two.statusCode, two.json().error]).toEqual([400, 'invalid_dpop_proof']);
  });
});

describe('/auth/userinfo', () => {
  it('answers GET and POST, with the token in the header or in a form', async () => {
    const { access_token } = await tokens();
    const headers = { authorization: `Bearer ${access_token}` };
    const answers = [
      await server.inject({ url: '/auth/userinfo', headers }),
      await server.inject({ url: '/auth/userinfo', headers: { authorization: `bearer ${access_token}` } }),
      await server.inject({ method: 'POST', url: '/auth/userinfo', headers }),
      await post('/auth/userinfo', { access_token }),
    ];
    for (const answer of answers) {
      expect([answer.statusCode, answer.json()]).toEqual([200, expect.objectContaining({ name: 'Ada', preferred_username: 'ada' })]);
      expect(answer.headers['cache-control']).toBe('no-store');
    }
  });

  // E10, E11
  it.each<[string, (token: string) => Promise<{ statusCode: number; headers: Record<string, unknown> }>, number, RegExp | undefined]>([
    ['no token', () => server.inject({ url: '/auth/userinfo' }), 401, /^Bearer$/],
    ['a token in the query', (token) => server.inject({ url: `/auth/userinfo?access_token=${token}` }), 401, /^Bearer$/],
    ['a token in a GET’s body', (access_token) => server.inject({ url: '/auth/userinfo', form: { access_token } }), 401, /^Bearer$/],
    ['two tokens', (token) => post('/auth/userinfo', { access_token: token }, { authorization: `Bearer ${token}` }), 400, undefined],
    [
      'two headers',
      (token) => server.inject({ url: '/auth/userinfo', headers: { authorization: [`Bearer ${token}`, `Bearer ${token}`] } }),
      400,
      undefined,
    ],
    [
      'junk',
      () => server.inject({ url: '/auth/userinfo', headers: { authorization: 'Bearer junk' } }),
      401,
      /^Bearer error="invalid_token"/,
    ],
    ['Basic', () => server.inject({ url: '/auth/userinfo', headers: { authorization: GRAFANA } }), 401, /^Bearer$/],
  ])('refuses %s', async (_story, ask, status, challenge) => {
    const answer = await ask((await tokens()).access_token);
    expect(answer.statusCode).toBe(status);
    if (challenge) expect(answer.headers['www-authenticate']).toMatch(challenge);
  });

  // E11
  it('says which scope is missing, and of no token nothing at all', async () => {
    const { access_token } = await tokens('grafana', { scope: ['profile'] });
    const answer = await server.inject({ url: '/auth/userinfo', headers: { authorization: `Bearer ${access_token}` } });
    expect([answer.statusCode, answer.json().error]).toEqual([403, 'insufficient_scope']);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer error="insufficient_scope", .*scope="openid"$/);
    expect((await server.inject({ url: '/auth/userinfo' })).body).toBe('{}');
  });
});

describe('POST /auth/introspect', () => {
  const ask = (token: string, authorization = GRAFANA, accept = '*/*') => post('/auth/introspect', { token }, { authorization, accept });

  it('answers a client about its own, a resource server about what is for it, and nobody else', async () => {
    const [own, elsewhere] = [await tokens(), await tokens('desktop', { resource: [API] })];
    const api = basic('api', 'the secret of the api');
    expect((await ask(own.access_token)).json()).toMatchObject({ active: true, client_id: 'grafana', username: 'ada' });
    expect((await ask(elsewhere.access_token, api)).json()).toMatchObject({ active: true, client_id: 'desktop', aud: API });
    // F3
    for (const answer of [await ask(own.access_token, api), await ask(elsewhere.access_token)]) {
      expect([answer.statusCode, answer.json(), answer.headers['cache-control']]).toEqual([200, { active: false }, 'no-store']);
    }
    // F1
    for (const authorization of [`Bearer ${own.access_token}`, basic('desktop', ''), basic('grafana', 'wrong')]) {
      expect([(await ask(own.access_token, authorization)).statusCode]).toEqual([401]);
    }
    expect((await post('/auth/introspect', { token: own.access_token })).json()).toMatchObject({ error: 'invalid_client' });
  });

  it('signs its answer where that is asked for', async () => {
    const answer = await ask((await tokens()).access_token, GRAFANA, 'application/token-introspection+jwt');
    expect(answer.headers['content-type']).toMatch(/^application\/token-introspection\+jwt/);
    expect(answer.body.split('.')).toHaveLength(3);
  });
});

describe('POST /auth/revoke', () => {
  const userinfo = async (token: string) =>
    (await server.inject({ url: '/auth/userinfo', headers: { authorization: `Bearer ${token}` } })).statusCode;
  const refresh = async (refresh_token: string) =>
    (await post('/auth/token', { grant_type: 'refresh_token', refresh_token }, { authorization: GRAFANA })).statusCode;

  // F7
  it('ends a grant by its refresh token, whatever the hint, and a former one too', async () => {
    for (const hint of ['refresh_token', 'access_token', 'junk']) {
      const { access_token, refresh_token } = await tokens();
      const answer = await post('/auth/revoke', { token: refresh_token, token_type_hint: hint }, { authorization: GRAFANA });
      expect([answer.statusCode, answer.body]).toEqual([200, '']);
      expect([await userinfo(access_token), await refresh(refresh_token)]).toEqual([401, 400]);
    }
  });

  // F7
  it('ends an access token alone', async () => {
    const [one, other] = [await tokens(), await tokens()];
    expect((await post('/auth/revoke', { token: one.access_token }, { authorization: GRAFANA })).statusCode).toBe(200);
    expect([await userinfo(one.access_token), await userinfo(other.access_token), await refresh(one.refresh_token)]).toEqual([
      401, 200, 200,
    ]);
  });

  // F5
  it('changes nothing of another client’s, and tells only those who proved who they are', async () => {
    const [own, desktops] = [await tokens(), await tokens('desktop')];
    for (const token of [desktops.refresh_token, desktops.access_token]) {
      const answer = await post('/auth/revoke', { token }, { authorization: GRAFANA });
      expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request']);
    }
    for (const token of [own.refresh_token, own.access_token, 'unknown']) {
      const answer = await post('/auth/revoke', { token, client_id: 'desktop' });
      expect([answer.statusCode, answer.body]).toEqual([200, '']);
    }
    expect([await userinfo(own.access_token), await userinfo(desktops.access_token)]).toEqual([200, 200]);
  });

  // F5
  it('knows no unknown token, and no client by its name alone that has a secret', async () => {
    const { refresh_token, access_token } = await tokens();
    expect((await post('/auth/revoke', { token: 'unknown' }, { authorization: GRAFANA })).statusCode).toBe(200);
    for (const token of [refresh_token, access_token, 'unknown']) {
      expect((await post('/auth/revoke', { token, client_id: 'grafana' })).statusCode).toBe(401);
    }
    expect((await post('/auth/revoke', { token: refresh_token })).statusCode).toBe(401);
    expect(await userinfo(access_token)).toBe(200);
  });

  it('answers 200 to Home Assistant’s access tokens, and leaves them alone', async () => {
    const { access_token: token } = await server.redeem(await server.login());
    for (const more of [{}, { client_id: CLIENT_ID }, { client_id: 'grafana' }, { client_id: 'nobody', client_secret: 'x' }]) {
      expect((await post('/auth/revoke', { token, ...more })).statusCode).toBe(200);
      expect((await post('/auth/revoke', { token, ...more }, { authorization: GRAFANA })).statusCode).toBe(200);
      expect((await server.inject({ url: '/api/', token })).statusCode).toBe(200);
    }
  });
});

describe('one person', () => {
  it('holds tokens of both dialects side by side; those of apps open no API, even the owner’s', async () => {
    const [plain, standard] = [await server.redeem(await server.login()), await tokens()];
    expect((await server.inject({ url: '/api/users', token: plain.access_token })).statusCode).toBe(200);
    for (const url of ['/api/', '/api/me', '/api/users']) {
      expect((await server.inject({ url, token: standard.access_token })).statusCode).toBe(403);
    }
  });

  it('is logged out of an app that is switched off', async () => {
    const { access_token } = await tokens('desktop');
    const ask = async () =>
      (await server.inject({ url: '/auth/userinfo', headers: { authorization: `Bearer ${access_token}` } })).statusCode;
    const flip = (is_enabled: boolean) =>
      server.container.database.kysely.updateTable('clients').set({ is_enabled }).where('client_id', '=', 'desktop').execute();
    await flip(false);
    expect(await ask()).toBe(401);
    await flip(true);
    expect(await ask()).toBe(200);
  });
});
