// Client metadata that is recognized but not implemented (OpenID Connect Dynamic Client
// Registration 1.0 section 2 and extensions): requests for it are refused. Undefined and purely
// informative fields are ignored (RFC 7591 section 2).

import { isDeepStrictEqual } from 'node:util';

/** By field: the values that ask for nothing beyond the defaults. */
const ACCEPTED: Readonly<Record<string, readonly unknown[]>> = {
  subject_type: ['public'],
  sector_identifier_uri: [],
  ...refusedUnless([], 'id_token_encrypted_response_alg', 'id_token_encrypted_response_enc'),
  ...refusedUnless([], 'userinfo_encrypted_response_alg', 'userinfo_encrypted_response_enc'),
  ...refusedUnless([], 'request_object_signing_alg', 'request_object_encryption_alg', 'request_object_encryption_enc'),
  ...refusedUnless([], 'introspection_encrypted_response_alg', 'introspection_encrypted_response_enc'),
  ...refusedUnless([], 'authorization_signed_response_alg', 'authorization_encrypted_response_alg', 'authorization_encrypted_response_enc'),
  ...refusedUnless([], 'token_endpoint_auth_signing_alg', 'frontchannel_logout_uri'),
  introspection_signed_response_alg: ['ES256'],
  // The operator alone may relax these.
  ...refusedUnless([true], 'require_pkce'),
  ...refusedUnless([false], 'id_token_claims', 'refuse_unknown_scopes'),
  ...refusedUnless([{}], 'claims'),
  ...refusedUnless(['ES256'], 'access_token_signed_response_alg'),
  ...refusedUnless([[]], 'request_uris', 'default_acr_values', 'authorization_details_types'),
  ...refusedUnless(
    [false],
    'require_signed_request_object',
    'tls_client_certificate_bound_access_tokens',
    'frontchannel_logout_session_required',
  ),
  // Every logout token contains sid.
  ...refusedUnless([true, false], 'backchannel_logout_session_required'),
};

/**
 * The values that hold for every client, included in registration responses (RFC 7591 section
 * 3.2.1).
 */
export const METADATA_OF_ALL = {
  subject_type: 'public',
  backchannel_logout_session_required: true,
} as const;

function refusedUnless(accepted: readonly unknown[], ...names: string[]): Record<string, readonly unknown[]> {
  return Object.fromEntries(names.map((name) => [name, accepted]));
}

/**
 * Userinfo does not fetch a document to learn how to sign; the operator alone allows ID tokens in
 * the browser.
 */
const ACCEPTED_IN_DOCUMENT = { ...ACCEPTED, userinfo_signed_response_alg: [], response_types: [['code']] };

/**
 * The first field with an unsupported value; null: none. `metadata`: as sent by the client.
 * `in_document`: in a client metadata document.
 */
export function unsupportedField(metadata: unknown, { in_document = false } = {}): string | null {
  if (typeof metadata !== 'object' || metadata === null) return null;
  const field = Object.entries(in_document ? ACCEPTED_IN_DOCUMENT : ACCEPTED).find(([name, accepted]) => {
    const value: unknown = Object.hasOwn(metadata, name) ? Reflect.get(metadata, name) : undefined;
    return value !== undefined && value !== null && !accepted.some((one) => isDeepStrictEqual(one, value));
  });
  return field?.[0] ?? null;
}
