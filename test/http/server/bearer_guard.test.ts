import { generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';

let token: string;
const failures = async (address: string) =>
  (await server.container.database.kysely.selectFrom('failed_logins').select('failures').where('address', '=', address).execute()).map(
    (row) => row.failures,
  );

const server = perFile(() => startServer());
beforeAll(async () => {
  token = (await server.ownerTokens()).access_token;
});

function foreignToken(claims: object): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'ES256', typ: 'at+jwt', kid: 'x' })}.${part(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

describe('a call', () => {
  it('with a good token is answered', async () => {
    expect((await server.inject({ url: '/api/', token })).json()).toEqual({ message: 'API running.' });
  });

  // E10
  it.each<[string, (good: string) => Record<string, string>]>([
    ['no token', () => ({})],
    ['the bare token', (good) => ({ authorization: good })],
    ['another case', (good) => ({ authorization: `BEARER ${good}` })],
    ['lower case', (good) => ({ authorization: `bearer ${good}` })],
    ['two blanks', (good) => ({ authorization: `Bearer  ${good}` })],
    ['a tab', (good) => ({ authorization: `Bearer\t${good}` })],
    ['Basic', (good) => ({ authorization: `Basic ${good}` })],
    ['an old header', (good) => ({ 'x-ha-access': good })],
    ['a cookie', (good) => ({ cookie: `access_token=${good}` })],
    ['a trailing word', (good) => ({ authorization: `Bearer ${good} x` })],
  ])('with %s is nobody', async (_story, headersOf) => {
    const answer = await server.inject({ url: '/api/', headers: headersOf(token) });
    expect([answer.statusCode, answer.body]).toEqual([401, '401: Unauthorized']);
    expect(answer.headers['www-authenticate']).toBe(
      'Bearer resource_metadata="https://auth.example.com/.well-known/oauth-protected-resource"',
    );
  });

  it('with the token in the query is nobody', async () => {
    for (const name of ['access_token', 'token', 'api_password', 'authSig']) {
      expect((await server.inject({ url: `/api/?${name}=${token}` })).statusCode).toBe(401);
    }
  });

  it('with two Authorization headers is refused', async () => {
    const answer = await server.inject({ url: '/api/', headers: { authorization: [`Bearer ${token}`, `Bearer ${token}`] } });
    expect(answer.statusCode).toBe(400);
  });

  // E5
  it('with a token longer than any of this server costs nothing', async () => {
    expect((await server.inject({ url: '/api/', token: 'a'.repeat(8193) })).statusCode).toBe(401);
    const answer = await server.request('/api/', { headers: { authorization: `Bearer ${'a'.repeat(64 * 1024)}` } });
    expect(answer.status).toBe(431);
  });

  it('is answered in the dialect of the API', async () => {
    const answer = await server.inject({ url: '/api/me' });
    expect(answer.json()).toEqual({ code: 'unauthenticated', message: 'Unauthorized', error_ref: answer.headers['error-ref'] });
  });
});

describe('what counts against an address', () => {
  it('is a token that we never signed, and no missing, expired or revoked one', async () => {
    const from = (remote_address: string, bearer?: string) =>
      server.inject({ url: '/api/', remote_address, ...(bearer === undefined ? {} : { token: bearer }) });
    const now = server.clock().getTime() / 1000;
    const other = await server.redeem(await server.login());
    await server.inject({ method: 'POST', url: '/auth/revoke', form: { token: other.refresh_token } });
    await from('198.51.100.1');
    await from('198.51.100.1', other.access_token);
    await from('198.51.100.1', foreignToken({ exp: now - 60 }));
    expect(await failures('198.51.100.1')).toEqual([]);
    await from('198.51.100.1', foreignToken({ exp: now + 60 }));
    await from('198.51.100.1', 'junk');
    expect(await failures('198.51.100.1')).toEqual([2]);
    server.advance(3600);
    await from('198.51.100.2', token);
    expect(await failures('198.51.100.2')).toEqual([]);
    server.advance(-3600);
  });
});
