// What a request calls its body: never a reason to refuse it, whatever the route.
import { beforeAll, expect, test } from 'vitest';
import { raw } from '../support/clients/raw_socket.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, REDIRECT_URI, startServer } from '../support/fixtures/server.ts';

let refresh_token: string;
let access_token: string;
const server = perFile(() => startServer({ config: { http: { ip_ban_enabled: false } } }));
beforeAll(async () => {
  ({ refresh_token, access_token } = await server.ownerTokens());
});

const MALFORMED = ['x', '', ' ', ';', '/', 'a/', '/b', 'a/b/c', 'a b/c', 'text/plain, text/html', ';charset=utf-8', 'é/x'];

// W3
test.each(MALFORMED)('%j is taken for no Content-Type', async (type) => {
  const headers = { 'content-type': type };
  const flow = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
  const begun = await server.inject({ method: 'POST', url: '/auth/login_flow', json: flow, headers });
  expect([begun.statusCode, begun.json().type]).toEqual([200, 'form']);
  const form = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token };
  expect((await server.inject({ method: 'POST', url: '/auth/token', form, headers })).statusCode).toBe(200);
});

// W3
test('no route with a body answers 415', async () => {
  const routes = [
    ...['/auth/token', '/auth/revoke', '/auth/login_flow', '/auth/link_user', '/api/onboarding/users', '/auth/introspect', '/auth/par'],
    ...['/auth/device_authorization', '/auth/register', '/auth/userinfo', '/auth/end_session', '/auth/authorize', '/onboarding', '/device'],
    ...['/api/permissions/check', '/api/users', '/api/me/password', '/nothing'],
  ];
  for (const url of routes)
    for (const type of ['x', '', 'a/b/c', 'application/json', 'multipart/form-data', 'multipart/form-data; boundary=', 'a/b; c']) {
      const answer = await server.inject({ method: 'POST', url, payload: '{}', headers: { 'content-type': type }, token: access_token });
      expect([url, type, answer.statusCode]).not.toEqual([url, type, 415]);
    }
});

test('over a real connection too', async () => {
  const origin = await server.origin();
  const body = JSON.stringify({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] });
  const head = `POST /auth/login_flow HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\nContent-Type: `;
  for (const type of ['x', '', 'a/b/c']) expect(await raw(origin, `${head}${type}\r\n\r\n${body}`)).toMatch(/^HTTP\/1\.1 200 /);
});
