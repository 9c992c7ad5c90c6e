// The Basic and Form Post plans of OpenID's conformance suite, re-implemented: what scopes and the
// `claims` parameter tell of a person, and where. That userinfo tells no more than that, and the ID
// token nothing of it, is checked in every module.
import { beforeEach, describe, expect, test } from 'vitest';
import { MODES, type RelyingParty, relyingParty, startConformanceServer } from '../support/clients/conformance.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const PROFILE = ['name', 'preferred_username', 'updated_at'];
const EMAIL = ['email', 'email_verified'];

const server = perFile(() => startConformanceServer());

async function scopes(): Promise<string[]> {
  return (await server.inject({ url: '/.well-known/openid-configuration' })).json().scopes_supported;
}

describe.each(MODES)('response_mode %s', (mode) => {
  let rp: RelyingParty;
  beforeEach(() => {
    rp = relyingParty(server, mode);
  });

  test('oidcc-scope-profile', async () => {
    const told = await rp.userinfo(await rp.logIn({ scope: 'openid profile' }), PROFILE);
    expect(told).toMatchObject({ name: 'Ada', preferred_username: 'ada' });
  });

  test('oidcc-scope-email', async () => {
    const told = await rp.userinfo(await rp.logIn({ scope: 'openid email' }), EMAIL);
    expect(told).toMatchObject({ email: 'ada@example.com', email_verified: true });
  });

  // What the server does not know it does not advertise, and does not trip over.
  test('oidcc-scope-address', async () => {
    expect(await scopes()).not.toContain('address');
    const login = await rp.logIn({ scope: 'openid address' });
    expect(login.tokens.scope).toBe('openid');
    await rp.userinfo(login);
  });

  test('oidcc-scope-phone', async () => {
    expect(await scopes()).not.toContain('phone');
    const login = await rp.logIn({ scope: 'openid phone' });
    expect(login.tokens.scope).toBe('openid');
    await rp.userinfo(login);
  });

  test('oidcc-scope-all', async () => {
    await rp.userinfo(await rp.logIn({ scope: 'openid profile email address phone' }), [...PROFILE, ...EMAIL]);
  });

  test('oidcc-claims-essential', async () => {
    const claims = JSON.stringify({ userinfo: { name: { essential: true } } });
    expect(await rp.userinfo(await rp.logIn({ claims }), ['name'])).toMatchObject({ name: 'Ada' });
    const in_id_token = JSON.stringify({ id_token: { name: { essential: true } } });
    // No more than that, though a scope stands for more.
    expect((await rp.logIn({ claims: in_id_token, scope: 'openid profile' }, ['name'])).claims.name).toBe('Ada');
  });
});
