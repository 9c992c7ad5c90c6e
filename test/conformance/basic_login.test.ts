// The Basic and Form Post plans of OpenID's conformance suite, re-implemented: who must log in
// again, who must not, and hints about the login.
import { beforeEach, describe, expect, test } from 'vitest';
import { MODES, type RelyingParty, relyingParty, startConformanceServer } from '../support/clients/conformance.ts';
import { perFile } from '../support/fixtures/per_file.ts';

/** OpenID Connect Core section 3.1.2.6: what a request without a page may be answered. */
const SILENT_ERRORS = ['login_required', 'interaction_required', 'account_selection_required', 'consent_required'];

const server = perFile(() => startConformanceServer());

describe.each(MODES)('response_mode %s', (mode) => {
  let rp: RelyingParty;
  beforeEach(() => {
    rp = relyingParty(server, mode);
  });

  /** Another request of the same browser, for which nobody has to do anything. */
  async function again(parameters: Record<string, string>) {
    const login = await rp.logIn(parameters);
    expect([login.logins, login.consents]).toEqual([0, 0]);
    return login;
  }

  test('oidcc-prompt-login', async () => {
    const first = await rp.logIn();
    server.advance(1);
    const second = await rp.logIn({ prompt: 'login' });
    expect(second.logins).toBe(1);
    expect(second.claims.sub).toBe(first.claims.sub);
    expect(Number(second.claims.auth_time)).toBeGreaterThan(Number(first.claims.auth_time));
  });

  test('oidcc-prompt-none-not-logged-in', async () => {
    expect(SILENT_ERRORS).toContain(await rp.refused({ prompt: 'none' }));
  });

  test('oidcc-prompt-none-logged-in', async () => {
    const { claims } = await rp.logIn();
    server.advance(5);
    const silent = await again({ prompt: 'none' });
    expect([silent.claims.sub, silent.claims.auth_time]).toEqual([claims.sub, claims.auth_time]);
  });

  test('oidcc-max-age-1', async () => {
    const first = await rp.logIn();
    server.advance(2);
    const second = await rp.logIn({ max_age: '1' });
    expect(second.logins).toBe(1);
    expect(second.claims.auth_time).toBe(Number(first.claims.auth_time) + 2);
  });

  test('oidcc-max-age-10000', async () => {
    const { claims } = await rp.logIn({ max_age: '15000' });
    server.advance(1);
    expect((await again({ max_age: '10000' })).claims).toMatchObject({ sub: claims.sub, auth_time: claims.auth_time });
  });

  test('oidcc-id-token-hint', async () => {
    const { claims, tokens } = await rp.logIn();
    expect((await again({ prompt: 'none', id_token_hint: tokens.id_token })).claims.sub).toBe(claims.sub);
  });

  test('oidcc-login-hint', async () => {
    expect((await rp.logIn({ login_hint: 'ada' })).logins).toBe(1);
    await again({ login_hint: 'somebody@example.com' });
  });

  test('oidcc-ui-locales', async () => {
    await rp.logIn({ ui_locales: 'se' });
  });

  test('oidcc-claims-locales', async () => {
    const login = await rp.logIn({ claims_locales: 'se', scope: 'openid profile' });
    await rp.userinfo(login, ['name', 'preferred_username', 'updated_at']);
  });

  test('oidcc-ensure-request-with-acr-values-succeeds', async () => {
    expect(['1', '2']).toContain((await rp.logIn({ acr_values: '1 2' })).claims.acr);
  });

  test('oidcc-display-page', async () => {
    await rp.logIn({ display: 'page' });
  });

  test('oidcc-display-popup', async () => {
    await rp.logIn({ display: 'popup' });
  });
});
