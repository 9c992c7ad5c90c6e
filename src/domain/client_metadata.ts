// Client metadata (RFC 7591 section 2), whether from the configuration, the API or the client
// itself: first the shape of each field, then the rules between fields. Sources differ in which
// fields they may set, never in meaning.
import { z } from 'zod';
import { CLIENT_PROFILES, type Client, RESPONSE_MODES, RESPONSE_TYPES, returnsCode, returnsIdToken, SIGNING_ALGORITHMS } from './client.ts';
import { customClaims } from './custom_claims.ts';
import { FAPI2_DEFAULTS, fapi2Faults } from './fapi2.ts';
import { isSpecialUse, parseAddress } from './network.ts';
import { hostFromAuthority, isLoopbackHost, redirectUriIssue } from './registered_redirect_uri.ts';
import { isScope, parseScope } from './scope.ts';
import { parseUri } from './uri.ts';

const uri = z.string().min(1).max(2048);
const uris = z.array(uri).max(50);

/** A URL that a page links to; never a scheme that runs script. */
const webUri = uri.refine((text) => {
  const { scheme, authority = '' } = parseUri(text) ?? {};
  return scheme !== undefined && /^https?$/.test(scheme) && hostFromAuthority(authority) !== null;
}, 'must be an http or https URL');

const name = z
  .string()
  .trim()
  .min(1)
  .max(256)
  .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]*$/u, 'must be one line of text');

/** A space-separated string or a list. */
const scope = z.union([z.string(), z.array(z.string()).max(100)]).transform((value, context) => {
  const scopes = typeof value === 'string' ? parseScope(value) : value.every(isScope) ? [...new Set(value)] : null;
  if (scopes && scopes.length <= 100) return scopes;
  context.addIssue({ code: 'custom', message: 'must be scopes: words with blanks between them, or a list' });
  return z.NEVER;
});

/** The id of a registered client; never a URL, since URLs identify unregistered clients. */
export const registeredId = z
  .string()
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u, 'must be 1 to 256 characters on one line')
  .refine((text) => text.trim() === text && !/^https?:/i.test(text), 'must not be a URL, nor begin or end with a blank');

/** Ten years, in seconds. */
const MAX_AGE_LIMIT = 3650 * 86_400;

/** Fields of RFC 7591 and related specifications; a client may set them for itself. */
export const clientFields = {
  client_name: name.nullable(),
  client_uri: webUri.nullable(),
  logo_uri: webUri.nullable(),
  policy_uri: webUri.nullable(),
  tos_uri: webUri.nullable(),
  redirect_uris: uris,
  post_logout_redirect_uris: uris,
  token_endpoint_auth_method: z.enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']),
  grant_types: z.array(z.string().max(100)).min(1).max(20),
  response_modes: z.array(z.enum(RESPONSE_MODES)).min(1).max(RESPONSE_MODES.length),
  scope,
  jwks: z.record(z.string(), z.json()).nullable(),
  jwks_uri: uri.nullable(),
  id_token_signed_response_alg: z.enum(SIGNING_ALGORITHMS),
  userinfo_signed_response_alg: z.enum(SIGNING_ALGORITHMS).nullable(),
  default_max_age: z.int().min(0).max(MAX_AGE_LIMIT).nullable(),
  require_auth_time: z.boolean(),
  dpop_bound_access_tokens: z.boolean(),
  require_pushed_authorization_requests: z.boolean(),
  backchannel_logout_uri: uri.nullable(),
};

/**
 * The same fields as a client declares them; unknown response modes and similar values are ignored,
 * not refused (RFC 7591 section 2).
 */
export const selfDeclaredFields = {
  ...clientFields,
  response_modes: z
    .array(z.string().max(100))
    .max(20)
    .transform((modes) => RESPONSE_MODES.filter((mode) => modes.includes(mode)))
    .refine((modes) => modes.length > 0, 'has none that may be had'),
};

/** Fields that only the operator sets; lifetimes are in seconds. */
export const operatorFields = {
  response_types: z.array(z.enum(RESPONSE_TYPES)).min(1).max(RESPONSE_TYPES.length),
  access_token_signed_response_alg: z.enum(SIGNING_ALGORITHMS),
  resources: uris,
  trusted: z.boolean(),
  profile: z.enum(CLIENT_PROFILES).nullable(),
  require_pkce: z.boolean(),
  refuse_unknown_scopes: z.boolean(),
  id_token_claims: z.boolean(),
  claims: customClaims,
  allowed_group_ids: z.array(z.string().max(64)).max(100).nullable(),
};

/** In seconds; null: the configured default. */
const lifetime = (longest_days: number) =>
  z
    .int()
    .min(60)
    .max(longest_days * 86_400)
    .nullable();

/** Everything that an administrator sets, as the API and the command line take it. */
export const managedFields = {
  ...clientFields,
  ...operatorFields,
  access_token_lifetime: lifetime(1),
  refresh_token_idle_lifetime: lifetime(3650),
  refresh_token_lifetime: lifetime(3650),
};

export type ClientFields = Omit<Client, 'client_id' | 'kind' | 'approval'>;

/** The defaults of a client. */
export const CLIENT_DEFAULTS: Omit<ClientFields, 'scope' | 'token_endpoint_auth_method'> = {
  client_name: null,
  client_uri: null,
  logo_uri: null,
  policy_uri: null,
  tos_uri: null,
  redirect_uris: [],
  post_logout_redirect_uris: [],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  response_modes: [...RESPONSE_MODES],
  resources: [],
  jwks: null,
  jwks_uri: null,
  id_token_signed_response_alg: 'RS256',
  access_token_signed_response_alg: 'ES256',
  userinfo_signed_response_alg: null,
  default_max_age: null,
  require_auth_time: false,
  dpop_bound_access_tokens: false,
  require_pushed_authorization_requests: false,
  require_pkce: true,
  refuse_unknown_scopes: false,
  id_token_claims: false,
  claims: {},
  backchannel_logout_uri: null,
  profile: null,
  trusted: false,
  allowed_group_ids: null,
  access_token_lifetime: null,
  refresh_token_idle_lifetime: null,
  refresh_token_lifetime: null,
};

/** The server's limits on clients. */
export interface ClientRules {
  /** Allows unencrypted redirects to hosts other than loopback. */
  allow_http_redirect_uris: boolean;
  /** Whether URLs that the server fetches or calls may have internal addresses. */
  allow_private_addresses: boolean;
  /** Undefined: any. */
  grant_types?: readonly string[] | undefined;
  scopes?: readonly string[] | undefined;
}

export interface ClientMetadataIssue {
  /** RFC 7591 section 3.2.2 distinguishes redirect URIs from other errors. */
  code: 'unfit_redirect_uri' | 'invalid_client_metadata';
  path: (string | number)[];
  message: string;
}

/** All errors between the fields of a client, each of which has a valid shape. */
export function clientMetadataIssues(client: ClientFields, rules: ClientRules): ClientMetadataIssue[] {
  return [
    ...redirectComplaints(client, rules),
    ...grantComplaints(client, rules),
    ...responseComplaints(client),
    ...keyComplaints(client),
    ...addressComplaints(client, rules),
    ...fapi2Faults(client).flatMap(([field, message]) => complainIf(true, field, message)),
  ];
}

function redirectComplaints(client: ClientFields, { allow_http_redirect_uris }: ClientRules): ClientMetadataIssue[] {
  const complaints = (['redirect_uris', 'post_logout_redirect_uris'] as const).flatMap((field) =>
    client[field].flatMap((text, index) => {
      const message = redirectUriIssue(text, allow_http_redirect_uris);
      return message === null ? [] : [{ code: 'unfit_redirect_uri' as const, path: [field, index], message }];
    }),
  );
  if (client.redirect_uris.length > 0 || !client.grant_types.includes('authorization_code')) return complaints;
  return [
    ...complaints,
    { code: 'unfit_redirect_uri', path: ['redirect_uris'], message: 'must not be empty with grant type authorization_code' },
  ];
}

function grantComplaints(client: ClientFields, { grant_types, scopes }: ClientRules): ClientMetadataIssue[] {
  return [
    ...unknown('grant_types', client.grant_types, grant_types, 'there is no such grant type'),
    ...unknown('scope', client.scope, scopes, 'there is no such scope'),
    // RFC 6749 section 4.4
    ...complainIf(
      client.token_endpoint_auth_method === 'none' && client.grant_types.includes('client_credentials'),
      'grant_types',
      'client_credentials needs a client that proves who it is',
    ),
    ...complainIf(
      client.token_endpoint_auth_method === 'none' && !client.require_pkce,
      'require_pkce',
      'must be true for a public client: nothing else protects its codes',
    ),
  ];
}

function responseComplaints(client: ClientFields): ClientMetadataIssue[] {
  const { response_types, response_modes, scope, grant_types, backchannel_logout_uri } = client;
  const has_id_token = response_types.some(returnsIdToken);
  return [
    ...complainIf(new Set(response_types).size < response_types.length, 'response_types', 'must not repeat one'),
    ...complainIf(has_id_token && !scope.includes('openid'), 'response_types', 'id_token needs the scope openid'),
    // OAuth 2.0 Multiple Response Types section 3.0: no token in a query.
    ...complainIf(
      has_id_token && response_modes.every((mode) => mode === 'query'),
      'response_types',
      'id_token needs response mode fragment or form_post',
    ),
    ...complainIf(
      has_id_token && !grant_types.includes('authorization_code'),
      'response_types',
      'id_token needs the grant type authorization_code',
    ),
    // Only codes and grants are recorded with the session.
    ...complainIf(
      backchannel_logout_uri !== null && !response_types.some(returnsCode),
      'backchannel_logout_uri',
      'needs a response type with code: logins by id_token alone are not notified',
    ),
  ];
}

function unknown(field: string, words: readonly string[], known: readonly string[] | undefined, message: string): ClientMetadataIssue[] {
  return words.flatMap((word, index) => (known?.includes(word) === false ? complainIf(true, field, `${message}: ${word}`, index) : []));
}

function keyComplaints({ token_endpoint_auth_method, jwks, jwks_uri }: ClientFields): ClientMetadataIssue[] {
  const needs_key = token_endpoint_auth_method === 'private_key_jwt';
  return [
    ...complainIf(jwks !== null && jwks_uri !== null, 'jwks', 'give either jwks or jwks_uri, not both'),
    ...complainIf(needs_key && jwks === null && jwks_uri === null, 'token_endpoint_auth_method', 'private_key_jwt needs jwks or jwks_uri'),
    ...complainIf(jwks !== null && !isPublicJwks(jwks), 'jwks', 'must be public keys alone: RSA, EC or OKP, nothing private'),
  ];
}

const MAX_KEYS = 20;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** RFC 7517: only public keys. */
export function isPublicJwks(jwks: unknown): jwks is { keys: Record<string, unknown>[] } {
  const keys = typeof jwks === 'object' && jwks !== null && 'keys' in jwks ? jwks.keys : null;
  return Array.isArray(keys) && keys.length <= MAX_KEYS && keys.every(isPublicKey);
}

function isPublicKey(key: unknown): boolean {
  if (typeof key !== 'object' || key === null || !('kty' in key)) return false;
  return ['RSA', 'EC', 'OKP'].includes(String(key.kty)) && !PRIVATE_MEMBERS.some((member) => member in key);
}

function addressComplaints(client: ClientFields, { allow_private_addresses }: ClientRules): ClientMetadataIssue[] {
  return (['jwks_uri', 'backchannel_logout_uri'] as const).flatMap((field) => {
    const text = client[field];
    return complainIf(
      text !== null && !isFetchable(text, allow_private_addresses),
      field,
      `must be an https URL${allow_private_addresses ? '' : ' of a host that everybody can reach'}, without user or fragment`,
    );
  });
}

/**
 * Whether the server may request this URL, as far as the URL shows; resolved addresses are checked
 * on connection.
 */
export function isFetchable(text: string, allow_private_addresses: boolean): boolean {
  const { scheme, authority = '', fragment } = parseUri(text) ?? {};
  const host = hostFromAuthority(authority);
  if (host === null || fragment !== undefined || text.includes('#')) return false;
  if (scheme === 'http') return allow_private_addresses && isLoopbackHost(host);
  const isInside = isLoopbackHost(host) || (parseAddress(host) !== null && isSpecialUse(host));
  return scheme === 'https' && (allow_private_addresses || !isInside);
}

function complainIf(is_wrong: boolean, field: string, message: string, index?: number): ClientMetadataIssue[] {
  if (!is_wrong) return [];
  return [{ code: 'invalid_client_metadata', path: index === undefined ? [field] : [field, index], message }];
}

/** Applies the defaults to omitted fields; null counts as omitted. */
export function withClientDefaults(
  given: { [Field in keyof ClientFields]?: ClientFields[Field] | undefined },
  defaults: Pick<ClientFields, 'scope' | 'token_endpoint_auth_method'>,
): ClientFields {
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...CLIENT_DEFAULTS, ...defaults, ...(given.profile === 'fapi2' && FAPI2_DEFAULTS), ...said };
}
