// POST /auth/revoke with a token of Home Assistant's dialect: revoked, and 200 without a body,
// whatever else is sent.
import { beforeAll, expect, test } from 'vitest';
import { perFile } from '../../support/fixtures/per_file.ts';
import { CLIENT_ID, startServer, type TestRequest } from '../../support/fixtures/server.ts';

const server = perFile(() => startServer({ config: { http: { ip_ban_enabled: false } } }));
beforeAll(async () => {
  await server.createOwner();
});

const FORM = 'application/x-www-form-urlencoded';
const BASIC = `Basic ${Buffer.from('stray:pair').toString('base64')}`;
const part = (name: string, value: string, more = '') => `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const revoke = (request: Omit<TestRequest, 'url'>) => server.inject({ method: 'POST', url: '/auth/revoke', ...request });

type Request = (token: string) => Omit<TestRequest, 'url'>;
const urlencoded =
  (body: (token: string) => string): Request =>
  (token) => ({ payload: body(token), headers: { 'content-type': FORM } });
const multipart =
  (body: (token: string) => string): Request =>
  (token) => ({ payload: body(token), headers: { 'content-type': 'multipart/form-data; boundary=b' } });

// W5
test.each<[string, Request]>([
  ['a stray Basic header', (token) => ({ form: { token }, headers: { authorization: BASIC } })],
  ['a Basic header that cannot be read', (token) => ({ form: { token }, headers: { authorization: 'Basic %' } })],
  ['an unknown client', (token) => ({ form: { token, client_id: 'nobody' } })],
  ['an unknown client with a secret', (token) => ({ form: { token, client_id: 'nobody', client_secret: 'x' } })],
  ['an assertion', (token) => ({ form: { token, client_assertion: 'x' } })],
  ['a repeated token', urlencoded((token) => `token=${token}&token=other`)],
  ['another field repeated', urlencoded((token) => `a=1&a=2&token=${token}`)],
  ['an encoding that is broken', urlencoded((token) => `a=%zz&token=${token}&b=%`)],
  ['more fields than are read', urlencoded((token) => `token=${token}${'&a=1'.repeat(200)}`)],
  ['NUL in a field', urlencoded((token) => `token=${token}&a=%00`)],
  ['a form that ends too early', multipart((token) => part('token', token))],
  ['a file beside it', multipart((token) => `${part('token', token)}${part('f', 'x', '; filename="f"')}--b--\r\n`)],
  ['a repeated part', multipart((token) => `${part('token', token)}${part('token', 'other')}--b--\r\n`)],
  ['a malformed Content-Type', (token) => ({ payload: `token=${token}`, headers: { 'content-type': 'x' } })],
])('%s', async (_story, request) => {
  const { refresh_token, access_token } = await server.redeem(await server.login());
  const answer = await revoke(request(refresh_token));
  expect([answer.statusCode, answer.body]).toEqual([200, '']);
  expect((await server.inject({ url: '/api/', token: access_token })).statusCode).toBe(401);
  // The same again, of a token that is not there any more.
  expect((await revoke(request(refresh_token))).statusCode).toBe(200);
});

test('only the first token of several is revoked', async () => {
  const [one, other] = [await server.redeem(await server.login()), await server.redeem(await server.login())];
  await revoke(urlencoded(() => `token=${one.refresh_token}&token=${other.refresh_token}`)(''));
  const statuses = [one, other].map(async ({ access_token: token }) => (await server.inject({ url: '/api/', token })).statusCode);
  expect(await Promise.all(statuses)).toEqual([401, 200]);
});

test('a request without a token, or with an unknown one, is 200 too', async () => {
  for (const form of [{}, { token: '' }, { token: 'unknown' }, { token: 'unknown', client_id: CLIENT_ID }])
    expect((await revoke({ form: form as Record<string, string> })).statusCode).toBe(200);
  expect((await revoke(urlencoded(() => 'a=%zz')(''))).statusCode).toBe(200);
});
