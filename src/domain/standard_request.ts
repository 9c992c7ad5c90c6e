// Authorization requests of the standard profile (OAuth 2.1 section 4.1.1, OpenID Connect Core
// section 3.1.2.1). Errors of `readResponseTarget` are shown on a page; those of
// `readStandardRequest` may be sent to the client.

import {
  type Client,
  isConfidential,
  RESPONSE_MODES,
  RESPONSE_TYPES,
  type ResponseMode,
  type ResponseType,
  returnsCode,
  returnsIdToken,
} from './client.ts';
import { AuthError } from './errors.ts';
import type { JsonObject } from './json.ts';
import { isCodeChallenge } from './pkce.ts';
import { type ClaimConditions, claimConditions, readClaims, scopesOfClaims } from './requested_claims.ts';
import { parseScope } from './scope.ts';

type Prompt = 'none' | 'login' | 'consent' | 'select_account' | 'create';

/** Where a response goes, once the redirect URI is known to be the client's. */
export interface ResponseTarget {
  redirect_uri: string;
  response_mode: ResponseMode;
  /** Returned unchanged. */
  state: string | null;
}

export interface StandardRequest extends ResponseTarget {
  profile: 'standard';
  client: Client;
  response_type: ResponseType;
  scope: string[];
  /** The scopes to consent to: the requested ones, and those of individually requested claims. */
  asked_scope: string[];
  /** Other resource servers; empty: the access token is for this server. */
  resource: string[];
  /** The resource servers to consent to, without this server. */
  asked_resource: string[];
  nonce: string | null;
  claims: JsonObject | null;
  /** Conditions from `claims`. */
  conditions: ClaimConditions;
  /** Null only without a code, or for a client that is exempt from PKCE. */
  code_challenge: string | null;
  prompt: Prompt[];
  /** Maximum age of the login in seconds; null: any. */
  max_age: number | null;
  acr_values: string[];
  id_token_hint: string | null;
  login_hint: string | null;
  dpop_jkt: string | null;
}

/** Maximum length of a value that is returned or stored; longer ones are refused. */
const MAX_LENGTH = 2048;
const PROMPTS: readonly string[] = ['none', 'login', 'consent', 'select_account', 'create'];
/** RFC 8707 section 2: may be repeated. */
const REPEATABLE = ['resource'];

/** All recognized parameters; a pushed request's other parameters are not stored (RFC 9126). */
export const REQUEST_PARAMETERS: readonly string[] = [
  ...['client_id', 'response_type', 'response_mode', 'redirect_uri', 'scope', 'resource', 'state', 'nonce', 'claims'],
  ...['code_challenge', 'code_challenge_method', 'prompt', 'max_age', 'acr_values', 'id_token_hint', 'login_hint', 'ui_locales'],
  ...['dpop_jkt', 'request', 'request_uri'],
];

/** A request sent as a form, in which repeated parameters were joined by spaces. */
export function queryOf(form: Iterable<readonly [string, string]>): URLSearchParams {
  const pairs = [...form].flatMap(([name, value]) => (REPEATABLE.includes(name) ? value.split(' ') : [value]).map((one) => [name, one]));
  return new URLSearchParams(pairs);
}

/** A parameter; absent if empty (RFC 6749 section 3.1), refused if repeated. */
function only(query: URLSearchParams, name: string): string | null {
  const values = query.getAll(name);
  if (values.length > 1) throw new AuthError('invalid_request', `${name} is there more than once`);
  const value = values[0] ?? '';
  if (value.includes('\0')) throw new AuthError('invalid_request', `${name} has a NUL in it`);
  return value === '' ? null : value;
}

export function readClientId(query: URLSearchParams): string {
  const client_id = only(query, 'client_id');
  if (client_id === null) throw new AuthError('invalid_client_id', 'client_id is missing');
  return client_id;
}

/** The redirect URI is required: choosing one of several registered would be a guess. */
export function readRedirectUri(query: URLSearchParams): string {
  const redirect_uri = only(query, 'redirect_uri');
  if (redirect_uri === null) throw new AuthError('refused_redirect_uri', 'redirect_uri is missing');
  return redirect_uri;
}

/**
 * How to respond; called once the redirect URI is known to be the client's, before anything else is
 * checked.
 */
export function readResponseTarget(
  query: URLSearchParams,
  redirect_uri: string,
  { response_modes }: Pick<Client, 'response_modes'>,
): ResponseTarget {
  const state = (query.getAll('state').length === 1 && query.get('state')) || null;
  const default_mode = defaultMode(query);
  const usable = response_modes.filter((mode) => goesWith(mode, default_mode));
  const asked = query.get('response_mode') || modeOfRequestObject(query.get('request'));
  const named = usable.find((mode) => mode === asked);
  // An unsupported mode is reported in the default mode.
  const response_mode = named ?? usable.find((mode) => mode === default_mode) ?? usable[0] ?? default_mode;
  return { redirect_uri, response_mode, state: state !== null && state.length <= MAX_LENGTH ? state : null };
}

/**
 * The `response_mode` in a request object. Request objects are refused, and the client expects that
 * answer where its request object says; the signature does not matter for a refusal.
 */
function modeOfRequestObject(request: string | null): unknown {
  try {
    const [, payload = ''] = (request ?? '').split('.', 2);
    return JSON.parse(Buffer.from(payload, 'base64url').toString()).response_mode;
  } catch {
    return null;
  }
}

/**
 * The mode of a response without `response_mode`: a token, even if it is refused, belongs into the
 * fragment (OAuth 2.0 Multiple Response Types sections 2.1 and 5).
 */
function defaultMode(query: URLSearchParams): ResponseMode {
  return wordsOf(query.get('response_type') ?? '').some((word) => word === 'id_token' || word === 'token') ? 'fragment' : 'query';
}

/** Section 3: what belongs into the fragment must not be in a query. */
function goesWith(mode: ResponseMode, default_mode: ResponseMode): boolean {
  return mode !== 'query' || default_mode === 'query';
}

/** In order, since their order is free (RFC 6749 section 3.1.1). */
function wordsOf(response_type: string): string[] {
  return response_type.split(' ').sort();
}

/**
 * Parses the request of a client whose redirect URI was accepted. `issuer` is always an allowed
 * resource.
 */
export function readStandardRequest(query: URLSearchParams, client: Client, target: ResponseTarget, issuer: string): StandardRequest {
  for (const name of new Set(query.keys())) if (!REPEATABLE.includes(name)) only(query, name);
  const response_type = readResponseType(query, client);
  refuseUnsupported(query);
  judgeMode(query, client, response_type);
  const prompt = readPrompt(query);
  const scope = readScope(query, client);
  const claims = readClaims(bounded(query, 'claims'), client);
  const resource = readResource(query, client, issuer);
  const nonce = bounded(query, 'nonce');
  if (returnsIdToken(response_type)) judgeIdToken(response_type, scope, nonce);
  return {
    ...target,
    profile: 'standard',
    client,
    response_type,
    scope,
    asked_scope: [...new Set([...scope, ...scopesOfClaims(claims)])],
    resource,
    asked_resource: resource.filter((uri) => uri !== issuer),
    nonce,
    claims,
    conditions: claimConditions(claims),
    code_challenge: returnsCode(response_type) ? readChallenge(query, client, target) : null,
    prompt,
    // OpenID Connect Dynamic Client Registration section 2: the parameter overrides the default.
    max_age: readMaxAge(query) ?? client.default_max_age,
    acr_values: bounded(query, 'acr_values')?.split(' ') ?? [],
    id_token_hint: only(query, 'id_token_hint'),
    login_hint: bounded(query, 'login_hint'),
    dpop_jkt: readThumbprint(query),
  };
}

function readResponseType(query: URLSearchParams, { kind, response_types }: Client): ResponseType {
  const text = only(query, 'response_type');
  if (text === null) throw new AuthError('invalid_request', 'response_type is missing');
  const words = wordsOf(text).join(' ');
  const known = RESPONSE_TYPES.find((type) => type === words);
  if (known !== undefined && response_types.includes(known)) return known;
  const detail = known !== undefined && kind === 'registered' ? `response_types: [${known}] on the client would allow it` : undefined;
  const supported = new Intl.ListFormat('en', { type: 'disjunction' }).format(response_types);
  throw new AuthError('unsupported_response_type', `response_type must be ${supported}`, { ...(detail !== undefined && { detail }) });
}

/** OpenID Connect Core sections 3.2.2.1 and 3.3.2.1. */
function judgeIdToken(response_type: ResponseType, scope: readonly string[], nonce: string | null): void {
  if (!scope.includes('openid')) throw new AuthError('invalid_request', `response_type ${response_type} needs the scope openid`);
  if (nonce === null) throw new AuthError('invalid_request', `response_type ${response_type} needs a nonce`);
}

function refuseUnsupported(query: URLSearchParams): void {
  if (only(query, 'request') !== null) throw new AuthError('request_not_supported', 'Request objects are not supported');
  if (only(query, 'request_uri') !== null) throw new AuthError('request_uri_not_supported', 'Only pushed request_uri values are supported');
  bounded(query, 'state');
}

function judgeMode(query: URLSearchParams, { response_modes }: Client, response_type: ResponseType): void {
  const default_mode = defaultMode(query);
  const mode = only(query, 'response_mode') ?? default_mode;
  if (mode === 'query' && !goesWith(mode, default_mode))
    throw new AuthError('invalid_request', `response_mode query does not go with response_type ${response_type}`);
  if (response_modes.some((allowed) => allowed === mode)) return;
  const is_known = RESPONSE_MODES.some((known) => known === mode);
  throw new AuthError('invalid_request', is_known ? `The client may not use response_mode ${mode}` : 'Unknown response_mode');
}

function bounded(query: URLSearchParams, name: string): string | null {
  const value = only(query, name);
  if (value !== null && value.length > MAX_LENGTH) throw new AuthError('invalid_request', `${name} is longer than ${MAX_LENGTH}`);
  return value;
}

/**
 * Scopes that the client may not have are ignored (OpenID Connect Core section 3.1.2.1), or the
 * request is refused if the client's settings say so.
 */
function readScope(query: URLSearchParams, client: Client): string[] {
  const scope = parseScope(bounded(query, 'scope') ?? '');
  if (scope === null) throw new AuthError('invalid_scope', 'Malformed scope');
  const foreign = scope.find((name) => !client.scope.includes(name));
  if (foreign !== undefined && client.refuse_unknown_scopes)
    throw new AuthError('invalid_scope', 'The client may not ask for that scope', { detail: foreign });
  return scope.filter((name) => client.scope.includes(name));
}

function readResource(query: URLSearchParams, client: Client, issuer: string): string[] {
  const resources = [...new Set(query.getAll('resource'))].filter((resource) => resource !== '');
  const foreign = resources.find((resource) => resource !== issuer && !client.resources.includes(resource));
  if (foreign !== undefined) throw new AuthError('invalid_target', 'The client may not ask for tokens for that resource');
  return resources;
}

/** S256 only; required unless the client is exempt (OAuth 2.1 section 4.1.1). */
function readChallenge(query: URLSearchParams, client: Client, { redirect_uri }: ResponseTarget): string | null {
  const challenge = only(query, 'code_challenge');
  const method = only(query, 'code_challenge_method');
  if (challenge === null) {
    // Not for a loopback URI with another port, where another program may listen.
    const is_exempt = !client.require_pkce && isConfidential(client) && client.redirect_uris.includes(redirect_uri);
    if (is_exempt && method === null) return null;
    const may_be_exempt = client.kind === 'registered' && isConfidential(client);
    const detail = may_be_exempt ? 'no PKCE; require_pkce: false on the client would allow it' : 'no PKCE';
    throw new AuthError('invalid_request', 'code_challenge is missing', { detail });
  }
  if (method !== 'S256') throw new AuthError('invalid_request', 'code_challenge_method must be S256');
  if (!isCodeChallenge(challenge)) throw new AuthError('invalid_request', 'code_challenge is not one of S256');
  return challenge;
}

function readPrompt(query: URLSearchParams): Prompt[] {
  const prompts = only(query, 'prompt')?.split(' ') ?? [];
  const known = prompts.filter((prompt): prompt is Prompt => PROMPTS.includes(prompt));
  if (known.length !== prompts.length) throw new AuthError('invalid_request', 'Unknown prompt');
  if (known.includes('none') && known.length > 1) throw new AuthError('invalid_request', 'prompt none goes with no other');
  return known;
}

function readMaxAge(query: URLSearchParams): number | null {
  const text = only(query, 'max_age');
  if (text === null) return null;
  if (!/^\d{1,9}$/.test(text)) throw new AuthError('invalid_request', 'max_age must be a number of seconds');
  return Number(text);
}

function readThumbprint(query: URLSearchParams): string | null {
  const jkt = only(query, 'dpop_jkt');
  if (jkt !== null && !/^[\w-]{43}$/.test(jkt)) throw new AuthError('invalid_request', 'dpop_jkt is no SHA-256 thumbprint');
  return jkt;
}
