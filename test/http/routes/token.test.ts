import { beforeAll, describe, expect, it } from 'vitest';
import { perFile } from '../../support/fixtures/per_file.ts';
import { CLIENT_ID, startServer, type TestServer } from '../../support/fixtures/server.ts';

let tokens: Awaited<ReturnType<TestServer['redeem']>>;
const server = perFile(() => startServer({ config: { http: { ip_ban_enabled: false } } }));
beforeAll(async () => {
  tokens = await server.ownerTokens();
});

const post = (form: Record<string, string>, url = '/auth/token') => server.inject({ method: 'POST', url, form });
const refresh = (refresh_token = tokens.refresh_token) => post({ grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token });
const call = async (token: string) => (await server.inject({ url: '/api/', token })).statusCode;

describe('POST /auth/token', () => {
  it('refreshes, and its answer is not kept', async () => {
    const answer = await refresh();
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'content-type': expect.stringMatching(/^application\/json/),
    });
    expect(answer.json()).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 1800 });
  });

  it('takes multipart bodies, over real HTTP and from any origin', async () => {
    const body = new FormData();
    for (const [name, value] of Object.entries({
      grant_type: 'refresh_token',
      client_id: CLIENT_ID,
      refresh_token: tokens.refresh_token,
    })) {
      body.append(name, value);
    }
    const answer = await server.request('/auth/token', { method: 'POST', body, headers: { origin: 'https://app.example.com' } });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, 'https://app.example.com']);
  });

  // C10
  it('is asked by POST, with its parameters in the body', async () => {
    const get = await server.inject({ url: `/auth/token?grant_type=refresh_token&refresh_token=${tokens.refresh_token}` });
    expect([get.statusCode, get.headers.allow]).toEqual([405, 'POST']);
    const query = await server.inject({
      method: 'POST',
      url: `/auth/token?grant_type=refresh_token&refresh_token=${tokens.refresh_token}`,
    });
    expect([query.statusCode, query.json()]).toEqual([400, { error: 'unsupported_grant_type' }]);
  });

  // C11, C12
  it.each<[string, string | undefined, string, object]>([
    ['JSON', 'application/json', '{"grant_type":"refresh_token"}', { error: 'unsupported_grant_type' }],
    ['text', 'text/plain', 'grant_type=refresh_token', { error: 'unsupported_grant_type' }],
    ['a type with a tab', 'application/json\ta', 'grant_type=refresh_token', { error: 'invalid_request' }],
    ['no type', undefined, 'grant_type=a', { error: 'unsupported_grant_type' }],
    ['a field twice', 'application/x-www-form-urlencoded', 'grant_type=a&grant_type=b', { error: 'invalid_request' }],
    ['NUL', 'application/x-www-form-urlencoded', 'grant_type=refresh_token&refresh_token=%00', { error: 'invalid_request' }],
  ])('refuses %s', async (_story, type, payload, body) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    const answer = await server.inject({ method: 'POST', url: '/auth/token', headers, payload });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['cache-control']).toBe('no-store'); // C20
    expect(answer.json()).toMatchObject(body);
  });

  // C9
  it('refuses every other spelling of a refresh token', async () => {
    const { refresh_token } = tokens;
    const spellings = [
      refresh_token.slice(0, -1),
      `${refresh_token}A`,
      refresh_token.toUpperCase(),
      refresh_token.replace('lk_rt_', ''),
      '',
    ];
    for (const spelling of spellings) expect((await refresh(spelling)).statusCode).toBe(400);
    expect((await refresh()).statusCode).toBe(200);
  });

  it('ends a grant by action=revoke, before it looks at grant_type', async () => {
    const other = await server.redeem(await server.login());
    const answer = await post({ action: 'revoke', token: other.refresh_token });
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
    expect(await call(other.access_token)).toBe(401);
  });
});

describe('POST /auth/revoke', () => {
  it('kills the access tokens at once', async () => {
    const other = await server.redeem(await server.login());
    expect(await call(other.access_token)).toBe(200);
    const answer = await post({ token: other.refresh_token }, '/auth/revoke');
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
    expect([await call(other.access_token), (await refresh(other.refresh_token)).json()]).toEqual([401, { error: 'invalid_grant' }]);
  });

  it.each<Record<string, string>>([{}, { token: '' }, { token: 'unknown' }])('answers the same for %j', async (form) => {
    const answer = await post(form, '/auth/revoke');
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
  });

  it('ends nothing by an access token', async () => {
    expect((await post({ token: tokens.access_token }, '/auth/revoke')).statusCode).toBe(200);
    expect(await call(tokens.access_token)).toBe(200);
  });
});
