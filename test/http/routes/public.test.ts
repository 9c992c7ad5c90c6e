// The routes that anybody may ask: providers and well-known documents.
import { describe, expect, it } from 'vitest';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';

const server = perFile(() =>
  startServer({
    config: { auth_providers: [{ type: 'homeassistant' }, { type: 'insecure_example', id: 'b', name: 'Example', users: [] }] },
  }),
);

describe('GET /auth/providers', () => {
  it('says that there is no owner yet', async () => {
    const answer = await server.inject({ url: '/auth/providers' });
    expect([answer.statusCode, answer.json()]).toEqual([400, { message: 'Onboarding not finished', code: 'onboarding_required' }]);
  });

  // H16
  it.each([
    ['203.0.113.7', false],
    ['192.168.1.10', true],
    ['::ffff:192.168.1.10', true],
    ['2001:db8::1', false],
  ])('names the providers to %s and nobody who could log in', async (remote_address, preselect_remember_me) => {
    if (!(await server.container.onboarding.isDone())) await server.createOwner();
    expect((await server.inject({ url: '/auth/providers', remote_address })).json()).toEqual({
      providers: [
        { name: 'Home Assistant Local', id: null, type: 'homeassistant' },
        { name: 'Example', id: 'b', type: 'insecure_example' },
      ],
      preselect_remember_me,
    });
  });
});

describe('well-known documents', () => {
  it.each(['openid-configuration', 'oauth-authorization-server', 'oauth-protected-resource', 'jwks.json'])(
    '%s may be read from any page and kept for minutes',
    async (name) => {
      const headers = {
        origin: 'https://app.example',
        host: 'evil.example',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'evil.example',
      };
      const answer = await server.inject({ url: `/.well-known/${name}`, headers });
      expect(answer.statusCode).toBe(200);
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'public, max-age=300',
        'access-control-allow-origin': 'https://app.example',
      });
      expect(answer.body).not.toContain('evil'); // J6
    },
  );

  it('name the issuer, whatever the Host', async () => {
    const metadata = (await server.inject({ url: '/.well-known/oauth-authorization-server' })).json();
    expect(metadata).toMatchObject({
      issuer: 'https://auth.example.com',
      token_endpoint: 'https://auth.example.com/auth/token',
      grant_types_supported: expect.arrayContaining(['authorization_code', 'refresh_token']),
      code_challenge_methods_supported: ['S256'],
    });
    expect((await server.inject({ url: '/.well-known/oauth-protected-resource' })).json()).toEqual({
      resource: 'https://auth.example.com',
      authorization_servers: ['https://auth.example.com'],
      resource_documentation: 'https://developers.home-assistant.io/docs/auth_api',
    });
  });

  it('lead to nothing that is not there', async () => {
    const metadata = (await server.inject({ url: '/.well-known/openid-configuration' })).json();
    const urls = Object.entries(metadata).filter(([name]) => /_endpoint$|_uri$/.test(name));
    expect(urls.length).toBeGreaterThan(8);
    for (const [name, url] of urls) {
      const answer = await server.inject({ url: String(url).slice('https://auth.example.com'.length) });
      expect([name, answer.statusCode]).not.toEqual([name, 404]);
    }
    expect(metadata).not.toHaveProperty('registration_endpoint');
  });

  it('the JWKS holds public keys and nothing private', async () => {
    const { keys } = (await server.inject({ url: '/.well-known/jwks.json' })).json();
    expect(keys).toContainEqual(expect.objectContaining({ kty: 'EC', crv: 'P-256', use: 'sig', alg: 'ES256' }));
    expect(keys[0]).not.toHaveProperty('d');
  });

  it('password managers find where to change a password', async () => {
    const answer = await server.inject({ url: '/.well-known/change-password' });
    expect([answer.statusCode, answer.headers.location]).toEqual([302, '/account/security']);
  });
});
