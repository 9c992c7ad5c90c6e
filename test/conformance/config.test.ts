// The Config plan of OpenID's conformance suite, re-implemented: discovery, and that what it names
// is there.
import { describe, expect, test } from 'vitest';
import { ISSUER } from '../support/checks/conformance_checks.ts';
import { startConformanceServer } from '../support/clients/conformance.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const LANGUAGE_TAG = /^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2}|-\d{3})?$/;
const TEXT_LISTS = [
  ...['scopes_supported', 'response_types_supported', 'response_modes_supported', 'grant_types_supported', 'acr_values_supported'],
  ...['subject_types_supported', 'id_token_signing_alg_values_supported', 'token_endpoint_auth_methods_supported', 'claims_supported'],
  ...['token_endpoint_auth_signing_alg_values_supported', 'display_values_supported', 'ui_locales_supported', 'prompt_values_supported'],
  ...['code_challenge_methods_supported', 'dpop_signing_alg_values_supported'],
];

const server = perFile(() => startConformanceServer());

describe('oidcc-config-certification-test-plan', () => {
  test('oidcc-discovery-endpoint-verification', async () => {
    const answer = await server.inject({ url: '/.well-known/openid-configuration' });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^application\/json\b/);
    const metadata = answer.json<Record<string, unknown>>();
    expect(metadata.issuer).toBe(ISSUER);

    for (const name of TEXT_LISTS) {
      const values = metadata[name] as string[];
      expect(values.length, name).toBeGreaterThan(0);
      expect(new Set(values).size, name).toBe(values.length);
      expect(
        values.every((value) => typeof value === 'string' && value !== ''),
        name,
      ).toBe(true);
    }
    expect(metadata.response_types_supported).toContain('code');
    expect(metadata.subject_types_supported).toContain('public');
    expect(metadata.id_token_signing_alg_values_supported).toContain('RS256');
    expect(metadata.scopes_supported).toContain('openid');
    for (const scope of metadata.scopes_supported as string[]) expect(scope).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(metadata.claims_supported).toEqual(expect.arrayContaining(['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'acr']));
    for (const locale of metadata.ui_locales_supported as string[]) expect(locale).toMatch(LANGUAGE_TAG);

    // Without these in the document they would mean something else.
    const flags = ['request_parameter_supported', 'request_uri_parameter_supported', 'claims_parameter_supported'];
    expect(flags.map((name) => metadata[name])).toEqual([false, false, true]);
    for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri']) expect(metadata).toHaveProperty(name);
  });

  test('every endpoint that it names is there, over TLS', async () => {
    const metadata = (await server.inject({ url: '/.well-known/openid-configuration' })).json<Record<string, string>>();
    const named = Object.entries(metadata).filter(([name]) => name.endsWith('_endpoint') || name === 'jwks_uri');
    expect(named.length).toBeGreaterThanOrEqual(9);
    for (const [name, url] of named) {
      expect(url, name).toMatch(/^https:\/\/auth\.example\.com\/[^?#]*$/);
      const statuses = await Promise.all(
        (['GET', 'POST'] as const).map(async (method) => (await server.inject({ method, url: new URL(url).pathname })).statusCode),
      );
      expect(
        statuses.every((status) => status === 404),
        name,
      ).toBe(false);
    }
  });

  test('its keys are public, and each can be told from the others', async () => {
    // Made a moment after the first start.
    await server.container.keyring.ready('RS256');
    const { keys } = (await server.inject({ url: '/.well-known/jwks.json' })).json<{ keys: Record<string, string>[] }>();
    expect(keys.map(({ alg }) => alg)).toContain('RS256');
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
    for (const key of keys) {
      expect(key.use).toBe('sig');
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(secret);
      if (key.kty === 'RSA') expect(Buffer.from(key.n!, 'base64url').length * 8).toBeGreaterThanOrEqual(2048);
    }
  });
});
