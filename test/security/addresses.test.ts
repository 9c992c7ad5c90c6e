// Who somebody is by their address: behind a proxy, as the proxy, and with an address that they
// made up.
import { beforeAll, describe, expect, it } from 'vitest';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer } from '../support/fixtures/server.ts';

const server = perFile(() =>
  startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, { type: 'trusted_networks', trusted_networks: ['10.0.0.0/8', '192.168.0.0/16'] }],
      http: { trusted_proxies: ['10.0.0.1'] },
    },
  }),
);
beforeAll(async () => {
  await server.createOwner();
});

describe('who somebody is by their address', () => {
  const providersTo = async (remote_address: string, headers: Record<string, string | string[]> = {}) =>
    await server.inject({ url: '/auth/providers', remote_address, headers });

  // J1, J2, H7
  it.each([['127.0.0.1'], ['192.168.0.9'], ['a'], [''], ['1.2.3.4, ,'], [Array.from({ length: 200 }, () => '1.1.1.1').join(', ')]])(
    'is not what a stranger writes: %.20s',
    async (forwarded) => {
      expect((await providersTo('203.0.113.5', { 'x-forwarded-for': forwarded })).statusCode).toBe(400);
    },
  );

  // J3, J5
  it('is the right-most that is no proxy of this server, in its IPv4 form', async () => {
    const trusted = { name: 'Trusted Networks', id: null, type: 'trusted_networks' };
    const at = async (remote_address: string, forwarded: string) =>
      (await providersTo(remote_address, { 'x-forwarded-for': forwarded })).json().providers;
    expect(await at('10.0.0.1', '192.168.0.9, 203.0.113.9')).not.toContainEqual(trusted);
    expect(await at('10.0.0.1', '203.0.113.9, 192.168.0.9')).toContainEqual(trusted);
    expect((await providersTo('::ffff:10.0.0.5')).json().providers).toContainEqual(trusted);
  });

  // J4
  it('is nobody for the proxy itself, though it stands in the trusted network', async () => {
    const { providers } = (await providersTo('10.0.0.1')).json();
    expect(providers.map(({ type }: { type: string }) => type)).toEqual(['homeassistant']);
    const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['trusted_networks', null] };
    const refused = await server.inject({ method: 'POST', url: '/auth/login_flow', json, remote_address: '10.0.0.1' });
    expect([refused.statusCode, refused.json()]).toEqual([404, { message: 'Invalid handler specified' }]);
  });

  // H16
  it('wins no names, ids or pictures of people', async () => {
    const { body } = await providersTo('192.168.0.9');
    expect(body).not.toContain(OWNER.name);
    expect(body).not.toContain(OWNER.username);
  });
});
