// What clients discover: RFC 8414 and RFC 9728, computed from what the server has, so that nothing is advertised that does not exist.

const DOCUMENTATION = 'https://developers.home-assistant.io/docs/auth_api';

export interface ServerFacts {
  grant_types: Iterable<string>;
  /** Whether a client_id may lead to a client's own metadata (draft-ietf-oauth-client-id-metadata-document). */
  client_id_metadata_documents: boolean;
}

/** The document at /.well-known/oauth-authorization-server. `issuer` is absolute, without a path or trailing slash. */
export function authorizationServerMetadata(issuer: string, { grant_types, client_id_metadata_documents }: ServerFacts) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/auth/authorize`,
    token_endpoint: `${issuer}/auth/token`,
    revocation_endpoint: `${issuer}/auth/revoke`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: [...grant_types],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    code_challenge_methods_supported: ['S256'],
    client_id_metadata_document_supported: client_id_metadata_documents,
    service_documentation: DOCUMENTATION,
  };
}

/** The document at /.well-known/oauth-protected-resource: our own API, whose tokens we issue (HA contract 3.2). */
export function protectedResourceMetadata(issuer: string) {
  return { resource: issuer, authorization_servers: [issuer], resource_documentation: DOCUMENTATION };
}
