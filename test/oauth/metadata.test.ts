import { expect, test } from 'vitest';
import { authorizationServerMetadata, protectedResourceMetadata } from '../../src/oauth/metadata.ts';
import { vectors } from '../support/vectors.ts';

test('the server is described in absolute terms, by what it has', () => {
  const facts = {
    grant_types: new Map([
      ['authorization_code', 1],
      ['refresh_token', 2],
    ] as const).keys(),
    client_id_metadata_documents: true,
  };
  expect(authorizationServerMetadata('https://example.com', facts)).toEqual({
    issuer: 'https://example.com',
    authorization_endpoint: 'https://example.com/auth/authorize',
    token_endpoint: 'https://example.com/auth/token',
    revocation_endpoint: 'https://example.com/auth/revoke',
    jwks_uri: 'https://example.com/.well-known/jwks.json',
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    code_challenge_methods_supported: ['S256'],
    client_id_metadata_document_supported: true,
    service_documentation: 'https://developers.home-assistant.io/docs/auth_api',
  });
});

test('what it does not do it does not advertise', () => {
  expect(authorizationServerMetadata('https://example.com', { grant_types: [], client_id_metadata_documents: false })).toMatchObject({
    grant_types_supported: [],
    client_id_metadata_document_supported: false,
  });
});

for (const { id, given, request, expect: want } of vectors('well-known')) {
  if (!request.path.endsWith('oauth-protected-resource')) continue;
  test(`${id}: the resource names its server`, () => {
    expect(protectedResourceMetadata(`https://${given.host}`)).toEqual(want.json);
  });
}
