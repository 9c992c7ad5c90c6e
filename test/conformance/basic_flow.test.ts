// The Basic and Form Post plans of OpenID's conformance suite, re-implemented: the code flow
// itself, requests that must go well, codes used twice.
import { beforeEach, describe, expect, test } from 'vitest';
import { checkErrorAnswer, checkTokenAnswer, checkUserinfo } from '../support/checks/conformance_checks.ts';
import { MODES, type RelyingParty, relyingParty, startConformanceServer } from '../support/clients/conformance.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const server = perFile(() => startConformanceServer());

describe.each(MODES)('response_mode %s', (mode) => {
  let rp: RelyingParty;
  beforeEach(() => {
    rp = relyingParty(server, mode);
  });

  test('oidcc-server', async () => {
    const login = await rp.logIn();
    expect(login.logins).toBe(1);
    await rp.userinfo(login);
  });

  test('oidcc-idtoken-signature', async () => {
    // The checks of every module hold it to RS256 and to a key of the JWKS, named by `kid`.
    const { tokens } = await rp.logIn();
    expect(JSON.parse(Buffer.from(tokens.id_token.split('.')[0]!, 'base64url').toString())).toMatchObject({ alg: 'RS256', typ: 'JWT' });
  });

  test('oidcc-idtoken-unsigned', async () => {
    const metadata = (await server.inject({ url: '/.well-known/openid-configuration' })).json();
    expect(metadata.id_token_signing_alg_values_supported).not.toContain('none');
  });

  test('oidcc-ensure-request-without-nonce-succeeds-for-code-flow', async () => {
    const { claims } = await rp.logIn({ nonce: undefined });
    expect(claims).not.toHaveProperty('nonce');
  });

  test('oidcc-ensure-request-with-unknown-parameter-succeeds', async () => {
    await rp.logIn({ extra: 'foobar' });
  });

  test('oidcc-ensure-request-with-valid-pkce-succeeds', async () => {
    const with_pkce = relyingParty(server, mode, { pkce: true });
    await with_pkce.logIn();
    // A challenge is checked even though the client need not send one.
    const code = (await with_pkce.visit()).callback!.parameters.get('code')!;
    checkErrorAnswer(await rp.redeem(code), 'invalid_grant');
  });

  test('oidcc-ensure-post-request-succeeds', async () => {
    const sent = rp.requestOf();
    const answer = await rp.browser.submit('/auth/authorize', '', Object.fromEntries(sent));
    await rp.finish({ ...(await rp.follow(answer, '/auth/authorize')), sent });
  });

  test('oidcc-alternate-happy-flow', async () => {
    const scope = 'email profile openid';
    const reversed = new URLSearchParams([...rp.requestOf({ scope })].reverse());
    const url = `/auth/authorize?${reversed}`;
    const login = await rp.finish({ ...(await rp.follow(await rp.browser.get(url), url)), sent: reversed });
    await rp.userinfo(login, ['name', 'preferred_username', 'updated_at', 'email', 'email_verified']);
  });

  test('oidcc-server-client-secret-post', async () => {
    const login = await relyingParty(server, mode, { client_id: 'rp-post' }).logIn();
    expect(login.claims.aud).toBe('rp-post');
  });

  test('oidcc-userinfo-get', async () => {
    await rp.userinfo(await rp.logIn());
  });

  test('oidcc-userinfo-post-header', async () => {
    const { tokens, claims } = await rp.logIn();
    const answer = await server.inject({ method: 'POST', url: '/auth/userinfo', token: tokens.access_token, form: {} });
    checkUserinfo(answer, claims.sub, []);
  });

  test('oidcc-userinfo-post-body', async () => {
    const { tokens, claims } = await rp.logIn();
    const answer = await server.inject({ method: 'POST', url: '/auth/userinfo', form: { access_token: tokens.access_token } });
    checkUserinfo(answer, claims.sub, []);
  });

  test('oidcc-codereuse', async () => {
    const { code } = await rp.logIn();
    checkErrorAnswer(await rp.redeem(code), 'invalid_grant');
  });

  test('oidcc-codereuse-30seconds', async () => {
    const { code, tokens } = await rp.logIn();
    server.advance(30);
    checkErrorAnswer(await rp.redeem(code), 'invalid_grant');
    // RFC 6749 section 4.1.2: what the code issued is revoked.
    const answer = await server.inject({ url: '/auth/userinfo', token: tokens.access_token });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
  });

  test('oidcc-refresh-token', async () => {
    const asked = { scope: 'openid offline_access', prompt: 'consent' };
    const first = await rp.logIn(asked);
    const rp2 = relyingParty(server, mode, { client_id: 'rp-2', redirect_uri: 'https://rp-2.example.com/callback' });
    const second = await rp2.logIn(asked);
    for (const [party, login] of [
      [rp, first],
      [rp2, second],
    ] as const) {
      const refresh_token = login.tokens.refresh_token!;
      const refreshed = checkTokenAnswer(await party.token({ grant_type: 'refresh_token', refresh_token }));
      expect(refreshed.access_token).not.toBe(login.tokens.access_token);
      const { iss, sub, aud, auth_time } = await party.readIdToken(refreshed, null);
      expect({ iss, sub, aud, auth_time }).toEqual({
        iss: login.claims.iss,
        sub: login.claims.sub,
        aud: login.claims.aud,
        auth_time: login.claims.auth_time,
      });
    }
    checkErrorAnswer(await rp.token({ grant_type: 'refresh_token', refresh_token: second.tokens.refresh_token! }), 'invalid_grant');
    // Not harmed by that: it is the other client's still.
    checkTokenAnswer(await rp2.token({ grant_type: 'refresh_token', refresh_token: second.tokens.refresh_token! }));
  });
});
