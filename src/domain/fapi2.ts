// The requirements of the FAPI 2.0 Security Profile (section 5.3.2) on a client's fields. Requests
// are checked in oauth/client_assertion.ts and tokens/dpop.ts; S256 is required of every client.

import type { Client } from './client.ts';

type ClientFields = Omit<Client, 'client_id' | 'kind' | 'approval'>;

/** What is signed for the client. */
const SIGNED = ['id_token_signed_response_alg', 'access_token_signed_response_alg', 'userinfo_signed_response_alg'] as const;

/** Defaults of a client with the profile. */
export const FAPI2_DEFAULTS = {
  token_endpoint_auth_method: 'private_key_jwt',
  require_pushed_authorization_requests: true,
  dpop_bound_access_tokens: true,
  id_token_signed_response_alg: 'ES256',
} as const satisfies Partial<ClientFields>;

/**
 * The fields that violate the profile, each with the requirement; empty for a client without the
 * profile.
 */
export function fapi2Faults(client: ClientFields): [field: keyof ClientFields, message: string][] {
  if (client.profile !== 'fapi2') return [];
  const faults: [keyof ClientFields, string, boolean][] = [
    ['token_endpoint_auth_method', 'must be private_key_jwt with profile fapi2', client.token_endpoint_auth_method !== 'private_key_jwt'],
    ['require_pushed_authorization_requests', 'must be true with profile fapi2', !client.require_pushed_authorization_requests],
    ['dpop_bound_access_tokens', 'must be true with profile fapi2', !client.dpop_bound_access_tokens],
    ['response_types', 'must be code alone with profile fapi2', client.response_types.some((type) => type !== 'code')],
    ['require_pkce', 'must be true with profile fapi2', !client.require_pkce],
    // Section 5.4.1
    ...SIGNED.map((field): (typeof faults)[number] => [field, 'must not be RS256 with profile fapi2', client[field] === 'RS256']),
  ];
  return faults.flatMap(([field, message, is_wrong]) => (is_wrong ? [[field, message]] : []));
}
