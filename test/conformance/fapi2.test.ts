// The modules of the FAPI 2.0 security profile (fapi2-security-profile-final) that also define a
// good OAuth 2.1 server: the authorization endpoint, pushed requests and the code.
// Each re-implements the check of the suite's module that it is named after.
import { beforeEach, describe, expect, test } from 'vitest';
import { ISSUER } from '../support/clients/standard_browser.ts';
import { checkResponse, type Fields, startFapi2 } from '../support/fixtures/fapi2.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { CHALLENGE, VERIFIER } from '../support/fixtures/standard_grants.ts';

const f = perFile(() => startFapi2());
// A used proof and a pushed request are of their second.
beforeEach(() => f.server.advance(1));

test('discovery-end-point-verification', async () => {
  const metadata = (await f.server.inject({ url: '/.well-known/openid-configuration' })).json();
  expect(metadata).toMatchObject({
    issuer: ISSUER,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    response_types_supported: expect.arrayContaining(['code']),
    token_endpoint_auth_methods_supported: expect.arrayContaining(['private_key_jwt']),
    token_endpoint_auth_signing_alg_values_supported: expect.arrayContaining(['PS256', 'ES256', 'EdDSA']),
    dpop_signing_alg_values_supported: expect.arrayContaining(['PS256', 'ES256']),
    id_token_signing_alg_values_supported: expect.arrayContaining(['ES256', 'EdDSA']),
    grant_types_supported: expect.arrayContaining(['authorization_code']),
    request_uri_parameter_supported: false,
  });
  const endpoints = Object.entries<string>(metadata).filter(([name]) => /_endpoint$|^jwks_uri$/.test(name));
  expect(endpoints.map(([name]) => name)).toEqual(expect.arrayContaining(['pushed_authorization_request_endpoint', 'token_endpoint']));
  for (const [, url] of endpoints) expect(url.startsWith(`${ISSUER}/`)).toBe(true);
  const { keys } = (await f.server.inject({ url: '/.well-known/jwks.json' })).json();
  for (const key of keys) {
    expect(Buffer.from(key.n ?? key.x, 'base64url').length * 8).toBeGreaterThanOrEqual(key.kty === 'RSA' ? 2048 : 224);
    expect(['d', 'p', 'q'].some((name) => name in key)).toBe(false);
  }
});

test('happy-flow', async () => {
  for (const as of [f.one, f.two]) {
    const { access_token, token_type, claims } = await f.tokens({}, { as });
    expect(token_type).toBe('DPoP');
    const proof = await f.proof(as.key, { claims: { htm: 'GET', htu: `${ISSUER}/auth/userinfo` }, access_token });
    const answer = await f.userinfo(`DPoP ${access_token}`, [proof]);
    expect([answer.statusCode, answer.json().sub]).toEqual([200, claims.sub]);
  }
});

test('user-rejects-authentication', async () => {
  const { location } = await f.open(await f.pushed({ prompt: 'consent' }), { answers: { decision: 'deny' } });
  expect(Object.fromEntries(location!.searchParams)).toMatchObject({ error: 'access_denied', state: 'a state', iss: ISSUER });
  expect(location!.searchParams.has('code')).toBe(false);
});

test('test-claims-parameter-identity-claims', async () => {
  const { claims_parameter_supported, claims_supported } = (await f.server.inject({ url: '/.well-known/openid-configuration' })).json();
  expect(claims_parameter_supported).toBe(true);
  const every_form = [null, { essential: true }, { essential: false }, { unknown: 'x' }];
  const identity = ['name', 'preferred_username', 'email', 'email_verified', 'locale', 'zoneinfo', 'updated_at'];
  expect(claims_supported).toEqual(expect.arrayContaining(identity));
  const asked = Object.fromEntries(identity.map((name, index) => [name, every_form[index % every_form.length]]));
  const claims = JSON.stringify({
    id_token: { ...asked, no_such_claim: null },
    userinfo: { ...asked, no_such_claim: null },
    elsewhere: asked,
  });
  const { access_token, claims: id_token } = await f.tokens({ claims, scope: 'openid' });
  const proof = await f.proof(f.one.key, { claims: { htm: 'GET', htu: `${ISSUER}/auth/userinfo` }, access_token });
  const userinfo = (await f.userinfo(`DPoP ${access_token}`, [proof])).json();
  expect(userinfo.sub).toBe(id_token.sub);
  for (const place of [id_token, userinfo]) {
    expect(place).toMatchObject({ name: 'Ada', preferred_username: 'ada', updated_at: expect.any(Number) });
    expect(place).not.toHaveProperty('no_such_claim');
  }
});

describe('what is no fault', () => {
  test.each([
    ['ensure-authorization-request-without-state-success', { state: undefined }],
    ['ensure-authorization-request-without-nonce-success', { nonce: undefined }],
    ['ensure-authorization-request-with-64-char-nonce-success', { nonce: 'n'.repeat(64) }],
    ['ensure-authorization-request-with-long-nonce', { nonce: 'n'.repeat(384) }],
    ['ensure-authorization-request-with-long-state', { state: 's'.repeat(384) }],
    ['ensure-other-scope-order-succeeds', { scope: 'profile openid' }],
  ])('%s', async (_module, fields) => {
    expect((await f.tokens(fields)).token_type).toBe('DPoP');
  });
});

describe('a request that is pushed in vain', () => {
  test.each([
    ['ensure-registered-redirect-uri', { redirect_uri: 'https://one.example.com/cb/other' }, 'invalid_request'],
    ['ensure-redirect-uri-in-authorization-request', { redirect_uri: undefined }, 'invalid_request'],
    ['ensure-request-object-without-redirect-uri-fails', { redirect_uri: undefined }, 'invalid_request'],
    ['plain-fapi-tolerate-unregistered-redirect-uri', { redirect_uri: 'https://one.example.com/cb?more' }, 'invalid_request'],
    ['ensure-response-type-code-idtoken-fails', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['ensure-response-type-token-fails', { response_type: 'token' }, 'unsupported_response_type'],
    ['par-ensure-pkce-required', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['par-plain-pkce-rejected', { code_challenge: VERIFIER, code_challenge_method: 'plain' }, 'invalid_request'],
    [
      'par-authorization-request-containing-request_uri-form-param',
      { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
      'invalid_request',
    ],
  ])('%s', async (_module, fields, error) => {
    const answer = await f.push(fields);
    expect([answer.statusCode, answer.json().error]).toEqual([400, error]);
  });

  test('par-attempt-invalid-http-method', async () => {
    for (const method of ['GET', 'PUT'] as const) {
      const answer = await f.server.inject({ method, url: '/auth/par' });
      expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'POST']);
    }
  });
});

describe('a pushed request', () => {
  test('par-without-duplicate-parameters', async () => {
    // Nothing but its name and the client's goes to the authorization endpoint.
    checkResponse((await f.open(await f.pushed())).location, f.one, 'a state');
    const request_uri = await f.pushed();
    const url = f.urlOf({ client_id: 'one', request_uri, state: 'another', redirect_uri: 'https://evil.example/', scope: 'email' });
    checkResponse((await f.browser.follow(url)).location, f.one, 'a state');
  });

  test.each([
    ['ensure-different-nonce-inside-and-outside-request-object', {}, { nonce: 'another' }],
    ['ensure-different-state-inside-and-outside-request-object', {}, { state: 'another' }],
    ['state-only-outside-request-object-not-used', { state: undefined }, { state: 'another' }],
  ])('%s', async (_module, inside: Fields, outside: Fields) => {
    const url = f.urlOf({ client_id: 'one', request_uri: await f.pushed(inside), ...outside });
    const code = checkResponse((await f.browser.follow(url)).location, f.one, 'state' in inside ? inside.state : 'a state');
    const { id_token } = (await f.trade(code)).json();
    await f.checkIdToken(id_token, f.one, 'a nonce');
  });

  test('ensure-unsigned-authorization-request-without-using-par-fails', async () => {
    const { client_id, redirect_uri } = f.one;
    const request = { client_id, redirect_uri, response_type: 'code', scope: 'openid', state: 'a state', nonce: 'a nonce' };
    const url = f.urlOf({ ...request, code_challenge: CHALLENGE, code_challenge_method: 'S256' });
    const { location } = await f.browser.follow(url);
    expect(location!.href.split('?')[0]).toBe(redirect_uri);
    expect(Object.fromEntries(location!.searchParams)).toMatchObject({ error: 'invalid_request', state: 'a state', iss: ISSUER });
    expect(location!.searchParams.has('code')).toBe(false);
  });

  test('par-ensure-reused-request-uri-prior-to-auth-completion-succeeds', async () => {
    const request_uri = await f.pushed({ prompt: 'consent' });
    const page = f.urlOf({ client_id: 'one', request_uri });
    for (let reload = 0; reload < 2; reload++) expect((await f.browser.get(page)).status).toBe(200);
    checkResponse((await f.open(request_uri)).location, f.one, 'a state');
  });

  async function expectPage(request_uri: string, as = f.one) {
    const { answer, html, location } = await f.open(request_uri, { as });
    expect([answer.status, location, html]).toEqual([400, null, expect.stringContaining('<!doctype html>')]);
  }

  test('par-attempt-reuse-request_uri', async () => {
    const request_uri = await f.pushed();
    checkResponse((await f.open(request_uri)).location, f.one, 'a state');
    await expectPage(request_uri);
  });

  test('par-attempt-to-use-expired-request_uri', async () => {
    const request_uri = await f.pushed();
    f.server.advance(600);
    await expectPage(request_uri);
  });

  test('par-attempt-to-use-request_uri-for-different-client', async () => {
    const request_uri = await f.pushed();
    await expectPage(request_uri, f.two);
    checkResponse((await f.open(request_uri)).location, f.one, 'a state');
  });
});

describe('a code', () => {
  test('ensure-authorization-code-is-bound-to-client', async () => {
    const code = await f.code();
    const answer = await f.trade(code, {}, { as: f.two });
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_grant']);
  });

  test('ensure-client-id-in-token-endpoint', async () => {
    const answer = await f.trade(await f.code(), { client_id: 'two' });
    expect(answer.statusCode).toBeGreaterThanOrEqual(400);
    expect(['invalid_client', 'invalid_request', 'invalid_grant']).toContain(answer.json().error);
  });

  test('attempt-reuse-authorization-code-after-one-second', async () => {
    const code = await f.code();
    const { access_token } = (await f.trade(code)).json();
    f.server.advance(1);
    const again = await f.trade(code);
    expect([again.statusCode, again.json().error]).toEqual([400, 'invalid_grant']);
    const proof = await f.proof(f.one.key, { claims: { htm: 'GET', htu: `${ISSUER}/auth/userinfo` }, access_token });
    expect((await f.userinfo(`DPoP ${access_token}`, [proof])).statusCode).toBe(401);
  });

  test('ensure-token-endpoint-fails-with-expired-auth-code', async () => {
    const code = await f.code();
    f.server.advance(62);
    const late = await f.trade(code);
    expect([late.statusCode, late.json().error]).toEqual([400, 'invalid_grant']);
  });

  test.each([
    ['ensure-pkce-code-verifier-required', undefined],
    ['incorrect-pkce-code-verifier-rejected', VERIFIER.replace('d', 'e')],
  ])('%s', async (_module, code_verifier) => {
    const answer = await f.trade(await f.code(), { code_verifier });
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_grant']);
  });
});
