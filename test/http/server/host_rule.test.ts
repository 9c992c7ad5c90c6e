import { beforeAll, describe, expect, it } from 'vitest';
import { perFile } from '../../support/fixtures/per_file.ts';
import { CLIENT_ID, REDIRECT_URI, startServer } from '../../support/fixtures/server.ts';

const HOME = '192.168.1.20';
const LOGIN = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['trusted_networks', null] };

const server = perFile(() =>
  startServer({
    config: {
      http: { allowed_hosts: ['Auth.local'], ip_ban_enabled: false },
      auth_providers: [{ type: 'homeassistant' }, { type: 'trusted_networks', trusted_networks: ['192.168.1.0/24'] }],
    },
  }),
);
beforeAll(async () => {
  await server.createOwner();
});

const listed = async (headers: Record<string, string>, remote_address = HOME): Promise<string[]> => {
  const answer = await server.inject({ url: '/auth/providers', remote_address, headers });
  return answer.json().providers.map(({ type }: { type: string }) => type);
};
const begin = (headers: Record<string, string>, remote_address = HOME) =>
  server.inject({ method: 'POST', url: '/auth/login_flow', json: LOGIN, remote_address, headers });

// S7, W7
describe('where an address is the credential', () => {
  const OURS = [
    'auth.example.com',
    'AUTH.example.com:443',
    'auth.local:8420',
    'localhost:8420',
    '127.0.0.1',
    '[::1]:8420',
    '192.168.1.5:8420',
  ];
  it.each(OURS)('the host %s is ours', async (host) => {
    expect(await listed({ host })).toEqual(['homeassistant', 'trusted_networks']);
    expect((await begin({ host })).json()).toMatchObject({ type: 'form', data_schema: [{ name: 'user' }] });
  });

  const FOREIGN: Record<string, string>[] = [
    { host: 'evil.test:8420', origin: 'http://evil.test:8420', 'sec-fetch-site': 'same-origin' },
    { host: 'auth.example.com.evil.test' },
    { host: '198.51.100.1' },
    { host: 'localhost', 'x-forwarded-host': 'evil.test' },
  ];
  it.each(FOREIGN)('a request with %j is as from outside', async (headers) => {
    expect(await listed(headers)).toEqual(['homeassistant']);
    const answer = await begin(headers);
    expect([answer.statusCode, answer.json()]).toEqual([404, { message: 'Invalid handler specified' }]);
  });

  it('from outside the answer is the same, whatever the host', async () => {
    const answer = await begin({ host: 'auth.example.com' }, '203.0.113.9');
    expect([answer.statusCode, answer.json()]).toEqual([404, { message: 'Invalid handler specified' }]);
  });

  it('a flow that was begun under our host does not continue under another, and its tokens are not refreshed there', async () => {
    const form = (await begin({ host: 'localhost' })).json();
    const user = form.data_schema[0].options[0][0];
    const answer = (host: string, flow_id: string) =>
      server.inject({
        ...{ method: 'POST', url: `/auth/login_flow/${flow_id}`, remote_address: HOME, headers: { host } },
        json: { client_id: CLIENT_ID, user },
      });
    expect((await answer('evil.test', form.flow_id)).json()).toMatchObject({ type: 'abort', reason: 'not_allowed' });
    const { result } = (await answer('localhost', (await begin({ host: 'localhost' })).json().flow_id)).json();
    const token = (host: string, sent: Record<string, string>) =>
      server.inject({
        ...{ method: 'POST', url: '/auth/token', remote_address: HOME, headers: { host } },
        form: { client_id: CLIENT_ID, ...sent },
      });
    const { refresh_token } = (await token('localhost', { grant_type: 'authorization_code', code: result })).json();
    expect((await token('evil.test', { grant_type: 'refresh_token', refresh_token })).statusCode).toBe(403);
    expect((await token('localhost', { grant_type: 'refresh_token', refresh_token })).statusCode).toBe(200);
  });

  it('the log names the setting, once a host', () => {
    const warnings = server.lines.filter((line) => line.includes('http.allowed_hosts') && line.includes('"host":"evil.test:8420"'));
    expect(warnings).toHaveLength(1);
  });
});
