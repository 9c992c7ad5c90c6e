import { expect, test } from 'vitest';
import { authorizationServerMetadata, type MetadataDeps, protectedResourceMetadata } from '../../src/oauth/metadata.ts';
import { vectors } from '../support/clients/vectors.ts';

const FACTS: MetadataDeps = {
  grant_types: new Map([
    ['authorization_code', 1],
    ['refresh_token', 2],
  ] as const).keys(),
  scopes: ['openid', 'profile', 'grafana'],
  client_id_metadata_documents: true,
  registration: true,
  languages: ['en', 'de'],
};
const metadata = authorizationServerMetadata('https://example.com', FACTS);

test('the server is described in absolute terms, by what it has', () => {
  expect(metadata).toMatchObject({
    issuer: 'https://example.com',
    authorization_endpoint: 'https://example.com/auth/authorize',
    token_endpoint: 'https://example.com/auth/token',
    userinfo_endpoint: 'https://example.com/auth/userinfo',
    jwks_uri: 'https://example.com/.well-known/jwks.json',
    revocation_endpoint: 'https://example.com/auth/revoke',
    introspection_endpoint: 'https://example.com/auth/introspect',
    pushed_authorization_request_endpoint: 'https://example.com/auth/par',
    device_authorization_endpoint: 'https://example.com/auth/device_authorization',
    registration_endpoint: 'https://example.com/auth/register',
    end_session_endpoint: 'https://example.com/auth/end_session',
    scopes_supported: ['openid', 'profile', 'grafana'],
    response_types_supported: ['code', 'id_token', 'code id_token'],
    response_modes_supported: ['query', 'fragment', 'form_post'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    subject_types_supported: ['public'],
    claims_supported: expect.arrayContaining(['sub', 'iss', 'auth_time', 'acr', 'sid', 'name', 'preferred_username', 'email', 'groups']),
    ui_locales_supported: ['en', 'de'],
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    client_id_metadata_document_supported: true,
    service_documentation: 'https://developers.home-assistant.io/docs/auth_api',
  });
});

// B7
test('PKCE is S256, and nothing else', () => {
  expect(metadata.code_challenge_methods_supported).toEqual(['S256']);
});

// A17
test('answers name the issuer', () => {
  expect(metadata.authorization_response_iss_parameter_supported).toBe(true);
});

test('ID tokens come in the algorithm that every client knows first', () => {
  expect(metadata.id_token_signing_alg_values_supported).toEqual(['RS256', 'ES256', 'PS256', 'EdDSA']);
  expect([...metadata.userinfo_signing_alg_values_supported].sort()).toEqual(['ES256', 'EdDSA', 'PS256', 'RS256']);
});

// RFC 8414 section 2
test.each(['token', 'revocation', 'introspection'] as const)(
  'the %s endpoint names the algorithms of assertions, and no MAC',
  (endpoint) => {
    expect(metadata[`${endpoint}_endpoint_auth_methods_supported`]).toContain('private_key_jwt');
    const algorithms = metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`];
    expect(algorithms).toContain('ES256');
    expect(algorithms.filter((name) => name === 'none' || name.startsWith('HS'))).toEqual([]);
  },
);

test('public clients may ask for tokens and end them, never look into those of others', () => {
  expect(metadata.token_endpoint_auth_methods_supported).toContain('none');
  expect(metadata.revocation_endpoint_auth_methods_supported).toContain('none');
  expect(metadata.introspection_endpoint_auth_methods_supported).not.toContain('none');
});

test('what it does not do it does not advertise', () => {
  const less = { ...FACTS, grant_types: [], client_id_metadata_documents: false, registration: false };
  const answer = authorizationServerMetadata('https://example.com', less);
  expect(answer).toMatchObject({
    grant_types_supported: [],
    client_id_metadata_document_supported: false,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    require_pushed_authorization_requests: false,
  });
  expect(answer).not.toHaveProperty('registration_endpoint');
});

for (const { id, given, request, expect: want } of vectors('well-known')) {
  if (!request.path.endsWith('oauth-protected-resource')) continue;
  test(`${id}: the resource names its server`, () => {
    expect(protectedResourceMetadata(`https://${given.host}`)).toEqual(want.json);
  });
}
