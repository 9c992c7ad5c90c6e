// The Back-Channel Logout plan of OpenID's conformance suite, re-implemented: an app is notified on
// its own line when its user was logged out.
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ISSUER } from '../support/checks/conformance_checks.ts';
import { BYE_URI, relyingParty, startConformanceServer } from '../support/clients/conformance.ts';
import { startLogoutListener } from '../support/fixtures/logout.ts';
import type { TestServer } from '../support/fixtures/server.ts';

let server: TestServer;
let listener: Awaited<ReturnType<typeof startLogoutListener>>;
beforeAll(async () => {
  listener = await startLogoutListener();
  server = await startConformanceServer({ backchannel_logout_uri: listener.uri });
});
afterAll(async () => {
  await server.close();
  await listener.close();
});

describe('oidcc-backchannel-rp-initiated-logout-certification-test-plan', () => {
  test('oidcc-backchannel-logout-discovery-endpoint-verification', async () => {
    const metadata = (await server.inject({ url: '/.well-known/openid-configuration' })).json();
    const { backchannel_logout_supported, backchannel_logout_session_supported, end_session_endpoint } = metadata;
    expect([backchannel_logout_supported, backchannel_logout_session_supported]).toEqual([true, true]);
    expect(end_session_endpoint).toBe(`${ISSUER}/auth/end_session`);
  });

  test('oidcc-backchannel-rp-initiated-logout', async () => {
    const rp = relyingParty(server);
    const { tokens, claims } = await rp.logIn();
    const sent = { id_token_hint: tokens.id_token, post_logout_redirect_uri: BYE_URI, state: 'of the logout' };
    const answer = await rp.browser.get(`/auth/end_session?${new URLSearchParams(sent)}`);
    expect(answer.headers.get('location')).toBe(`${BYE_URI}?state=of+the+logout`);
    await server.container.backchannelLogout.run();

    const [request, ...others] = listener.requests;
    expect(others).toEqual([]);
    expect([request!.method, request!.type]).toEqual(['POST', 'application/x-www-form-urlencoded']);
    expect([...request!.body.keys()]).toEqual(['logout_token']);
    const jwks = createLocalJWKSet((await server.inject({ url: '/.well-known/jwks.json' })).json());
    const rules = { issuer: ISSUER, audience: 'rp', currentDate: server.clock(), algorithms: ['RS256'], typ: 'logout+jwt' };
    const { payload } = await jwtVerify(request!.body.get('logout_token')!, jwks, rules);
    expect(payload.events).toEqual({ 'http://schemas.openid.net/event/backchannel-logout': {} });
    expect([payload.sub, payload.sid]).toEqual([claims.sub, claims.sid]);
    expect(payload.sid).toMatch(/./);
    expect(payload.jti).toMatch(/./);
    expect(payload).not.toHaveProperty('nonce');
    expect(Math.abs(payload.iat! - server.clock().getTime() / 1000)).toBeLessThanOrEqual(300);
    expect(payload.exp! - payload.iat!).toBeLessThanOrEqual(120);

    expect(await rp.refused({ prompt: 'none' })).toBe('login_required');
  });
});
