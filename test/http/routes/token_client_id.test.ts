// A client_id that the token endpoint cannot accept: Home Assistant's 400 where the request proves
// no identity, else 401.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLIENT_ID, startServer, type TestServer } from '../../support/fixtures/server.ts';

let server: TestServer;
let refresh_token: string;
beforeAll(async () => {
  const clients = [{ client_id: 'grafana', client_secret: 'a secret of the file', redirect_uris: ['https://grafana.example.com/cb'] }];
  server = await startServer({ config: { clients, http: { ip_ban_enabled: false } } });
  ({ refresh_token } = await server.ownerTokens());
});
afterAll(() => server.close());

const post = async (form: Record<string, string>, headers: Record<string, string> = {}) => {
  const answer = await server.inject({ method: 'POST', url: '/auth/token', form, headers });
  return [answer.statusCode, answer.json()];
};
const BASIC = (client_id: string) => ({ authorization: `Basic ${Buffer.from(`${client_id}:wrong`).toString('base64')}` });
const INVALID_ID = [400, { error: 'invalid_request', error_description: 'Invalid client id' }];
const WRONG_SECRET = [401, { error: 'invalid_client', error_description: 'Client authentication failed' }];
const GRANTS = (): Record<string, string>[] => [
  { grant_type: 'authorization_code', code: 'lk_ac_x' },
  { grant_type: 'refresh_token', refresh_token },
];

// W2
test.each(['nobody', 'ftp://ex.com/', 'http://8.8.8.8:8123/', 'http://user@ex.com/', 'a b', ''])(
  '%j without a proof is 400 Invalid client id',
  async (client_id) => {
    for (const grant of GRANTS()) expect(await post({ ...grant, client_id })).toEqual(INVALID_ID);
  },
);

// W2
test('with a secret, Basic or an assertion it is 401, as for a wrong secret', async () => {
  const wrong = await post({ ...GRANTS()[0], client_id: 'grafana', client_secret: 'wrong' });
  expect(wrong).toEqual(WRONG_SECRET);
  for (const grant of GRANTS()) {
    expect(await post({ ...grant, client_id: 'nobody', client_secret: 'x' })).toEqual(WRONG_SECRET);
    expect(await post({ ...grant, client_id: 'http://8.8.8.8:8123/', client_secret: 'x' })).toEqual(WRONG_SECRET);
    expect(await post({ ...grant, client_id: 'nobody' }, BASIC('nobody'))).toEqual(WRONG_SECRET);
    expect(await post(grant, BASIC('nobody'))).toEqual(WRONG_SECRET);
    const assertion = { client_assertion: 'x.y.z', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' };
    expect(await post({ ...grant, client_id: 'nobody', ...assertion })).toEqual(WRONG_SECRET);
    // A registered client that must prove its identity is no unknown one.
    expect(await post({ ...grant, client_id: 'grafana' })).toEqual(WRONG_SECRET);
  }
});

test('another grant of an unknown client is 401', async () => {
  expect(await post({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'nobody', device_code: 'x' })).toEqual(
    WRONG_SECRET,
  );
});

test('a repeated field, or a file where a field belongs, is 400', async () => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const payload = `grant_type=refresh_token&client_id=${CLIENT_ID}&refresh_token=${refresh_token}&refresh_token=x`;
  const repeated = await server.inject({ method: 'POST', url: '/auth/token', payload, headers });
  expect([repeated.statusCode, repeated.json().error]).toEqual([400, 'invalid_request']);
  const body = new FormData();
  body.append('grant_type', 'refresh_token');
  body.append('refresh_token', new Blob([refresh_token]), 'token.txt');
  const file = await server.request('/auth/token', { method: 'POST', body });
  expect([file.status, (await file.json()).error]).toEqual([400, 'invalid_request']);
});
