// Discovery documents (OpenID Connect Discovery, RFC 8414, RFC 9728), computed from what the server
// supports.
import { RESPONSE_MODES, RESPONSE_TYPES, SIGNING_ALGORITHMS } from '../domain/client.ts';
import { CLAIMS_OF_SCOPE } from '../domain/scope.ts';
import { DPOP_ALGORITHMS } from '../tokens/dpop.ts';
import { ASSERTION_ALGORITHMS } from './client_assertion.ts';

const DOCUMENTATION = 'https://developers.home-assistant.io/docs/auth_api';

export interface MetadataDeps {
  grant_types: Iterable<string>;
  /** All scopes. */
  scopes: readonly string[];
  /**
   * Whether client metadata documents are supported (draft-ietf-oauth-client-id-metadata-document).
   */
  client_id_metadata_documents: boolean;
  /** Whether dynamic registration is enabled (RFC 7591). */
  registration: boolean;
  /** Languages of the pages, as BCP 47 tags. */
  languages: readonly string[];
}

const PROVEN = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
const ANY = ['none', ...PROVEN];
/** OpenID Connect Core section 2: claims about the login. */
const LOGIN_CLAIMS = ['iss', 'sub', 'aud', 'azp', 'exp', 'iat', 'auth_time', 'nonce', 'acr', 'amr', 'sid', 'at_hash', 'c_hash'];

/**
 * The document at /.well-known/openid-configuration and /.well-known/oauth-authorization-server.
 * `issuer` has neither path nor trailing slash.
 */
export function authorizationServerMetadata(issuer: string, facts: MetadataDeps) {
  return {
    issuer,
    ...endpoints(issuer, facts),
    ...proofsOfClients(),
    scopes_supported: [...facts.scopes],
    // Others than code for clients whose response_types name them.
    response_types_supported: [...RESPONSE_TYPES],
    response_modes_supported: [...RESPONSE_MODES],
    grant_types_supported: [...facts.grant_types],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true, // RFC 9207
    client_id_metadata_document_supported: facts.client_id_metadata_documents,
    require_pushed_authorization_requests: false,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    claims_parameter_supported: true,
    claims_supported: [...LOGIN_CLAIMS, ...Object.values(CLAIMS_OF_SCOPE).flat()],
    subject_types_supported: ['public'],
    // OpenID Connect Core section 3.1.3.7: clients default to RS256.
    id_token_signing_alg_values_supported: [...SIGNING_ALGORITHMS].sort((a, b) => Number(b === 'RS256') - Number(a === 'RS256')),
    userinfo_signing_alg_values_supported: SIGNING_ALGORITHMS,
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    acr_values_supported: ['1', '2'],
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    display_values_supported: ['page'],
    ui_locales_supported: [...facts.languages],
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    service_documentation: DOCUMENTATION,
  };
}

function endpoints(issuer: string, { registration }: MetadataDeps) {
  return {
    authorization_endpoint: `${issuer}/auth/authorize`,
    token_endpoint: `${issuer}/auth/token`,
    userinfo_endpoint: `${issuer}/auth/userinfo`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    revocation_endpoint: `${issuer}/auth/revoke`,
    introspection_endpoint: `${issuer}/auth/introspect`,
    pushed_authorization_request_endpoint: `${issuer}/auth/par`,
    device_authorization_endpoint: `${issuer}/auth/device_authorization`,
    ...(registration && { registration_endpoint: `${issuer}/auth/register` }),
    end_session_endpoint: `${issuer}/auth/end_session`,
  };
}

/** RFC 8414 section 2: endpoints that accept assertions list their algorithms. */
function proofsOfClients() {
  return {
    token_endpoint_auth_methods_supported: ANY,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: ANY,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: PROVEN,
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_signing_alg_values_supported: ['ES256'], // RFC 9701
  };
}

/**
 * The document at /.well-known/oauth-protected-resource, for this server's own API (HA contract
 * 3.2).
 */
export function protectedResourceMetadata(issuer: string) {
  return { resource: issuer, authorization_servers: [issuer], resource_documentation: DOCUMENTATION };
}
