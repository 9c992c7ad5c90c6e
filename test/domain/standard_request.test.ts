import { describe, expect, test } from 'vitest';
import type { ResponseMode } from '../../src/domain/client.ts';
import { AuthError } from '../../src/domain/errors.ts';
import {
  type ResponseTarget,
  readClientId,
  readRedirectUri,
  readResponseTarget,
  readStandardRequest,
  type StandardRequest,
} from '../../src/domain/standard_request.ts';
import { newClient } from '../support/fixtures/grants.ts';
import { CHALLENGE } from '../support/fixtures/standard_grants.ts';

const ISSUER = 'https://auth.example.com';
const REDIRECT_URI = 'https://grafana.example.com/callback';
const API = 'https://api.example.com';
const client = newClient({ scope: ['openid', 'profile'], resources: [API] });
const LONG = 'x'.repeat(2048);

type Parameters = Record<string, string | string[] | undefined>;

function queryOf(differences: Parameters): URLSearchParams {
  const whole: Parameters = { response_type: 'code', code_challenge: CHALLENGE, code_challenge_method: 'S256', ...differences };
  return new URLSearchParams(Object.entries(whole).flatMap(([name, value = []]) => [value].flat().map((one) => [name, one])));
}

function read(differences: Parameters = {}): StandardRequest {
  const query = queryOf(differences);
  return readStandardRequest(query, client, readResponseTarget(query, REDIRECT_URI, client), ISSUER);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof AuthError) return error.code;
  }
  return 'none';
}

test('what is not said has its default', () => {
  const { client: _, ...request } = read();
  expect(request).toEqual({
    ...{
      profile: 'standard',
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      response_mode: 'query',
      state: null,
      scope: [],
      resource: [],
      nonce: null,
    },
    ...{ asked_scope: [], asked_resource: [] },
    ...{ claims: null, code_challenge: CHALLENGE, prompt: [], max_age: null, acr_values: [], id_token_hint: null, login_hint: null },
    dpop_jkt: null,
    conditions: { subjects: null, essential_acr: null, voluntary_acr: [] },
  });
});

// W10
test.each<[string, object, object]>([
  ['a subject of the ID token', { id_token: { sub: { value: 'a' } } }, { subjects: ['a'] }],
  ['subjects of userinfo', { userinfo: { sub: { values: ['a', 'b'] } } }, { subjects: ['a', 'b'] }],
  ['subjects of both', { id_token: { sub: { value: 'a' } }, userinfo: { sub: { values: ['a', 'b'] } } }, { subjects: ['a'] }],
  ['subjects that contradict each other', { id_token: { sub: { value: 'a' } }, userinfo: { sub: { value: 'b' } } }, { subjects: [] }],
  ['a subject without a value', { id_token: { sub: null, acr: { essential: true } } }, { subjects: null, essential_acr: null }],
  ['an essential class', { id_token: { acr: { essential: true, values: ['2', '1'] } } }, { essential_acr: ['2', '1'] }],
  ['a welcome class', { id_token: { acr: { value: '2' } } }, { essential_acr: null, voluntary_acr: ['2'] }],
])('claims that name %s', (_story, claims, conditions) => {
  expect(read({ claims: JSON.stringify(claims) }).conditions).toMatchObject(conditions);
});

// W10
test.each([{ id_token: { sub: { value: 1 } } }, { id_token: { acr: { essential: true, values: [null] } } }])(
  'claims %j are refused',
  (claims) => {
    expect(() => read({ claims: JSON.stringify(claims) })).toThrow('invalid_request');
  },
);

test.each([
  ['openid address', 'invalid_scope'],
  ['openid api:admin', 'invalid_scope'],
  ['openid profile', 'none'],
])('of a client that refuses unknown scopes, the scope %s: %s', (scope, error) => {
  const query = queryOf({ scope });
  const strict = { ...client, refuse_unknown_scopes: true };
  const target = readResponseTarget(query, REDIRECT_URI, strict);
  expect(codeOf(() => readStandardRequest(query, strict, target, ISSUER))).toBe(error);
});

test.each<[string, Parameters, Partial<StandardRequest>]>([
  ['scopes are a set, in their order', { scope: 'profile openid profile' }, { scope: ['profile', 'openid'] }],
  // OpenID Connect Core section 3.1.2.1
  ['scopes that the client has not are ignored', { scope: 'openid address email' }, { scope: ['openid'] }],
  ['a resource is the issuer or one of the client', { resource: [API, ISSUER, API] }, { resource: [API, ISSUER], asked_resource: [API] }],
  ['prompts may come together', { prompt: 'login consent' }, { prompt: ['login', 'consent'] }],
  ['max_age 0 is not none', { max_age: '0' }, { max_age: 0 }],
  ['an empty parameter is none', { max_age: '', prompt: '', nonce: '', claims: '', response_mode: '' }, { max_age: null, prompt: [] }],
  ['acr_values are a list', { acr_values: '2 1' }, { acr_values: ['2', '1'] }],
  ['claims are an object', { claims: '{"userinfo":{"name":null}}' }, { claims: { userinfo: { name: null } } }],
  // A person is asked about a claim as about the scope that it belongs to.
  [
    'claims count as their scopes',
    { scope: 'openid', claims: '{"userinfo":{"name":null}}' },
    { scope: ['openid'], asked_scope: ['openid', 'profile'] },
  ],
  [
    'claims of scopes that the client has not are ignored',
    { claims: '{"id_token":{"email":null}}' },
    { claims: { id_token: {} }, asked_scope: [] },
  ],
  ['a nonce is kept to its last letter', { nonce: LONG }, { nonce: LONG }],
  ['a thumbprint of a key', { dpop_jkt: 'a'.repeat(43) }, { dpop_jkt: 'a'.repeat(43) }],
  ['what nobody knows is ignored', { display: 'popup', ui_locales: 'se', extra: 'x' }, { scope: [] }],
])('%s', (_what, parameters, expected) => {
  expect(read(parameters)).toMatchObject(expected);
});

// A13, A15, A16, A19, B1, B2
test.each<[string, Parameters, string]>([
  ['no response_type', { response_type: undefined }, 'invalid_request'],
  ...['token', 'id_token', 'code id_token', 'none', 'CODE'].map((response_type): [string, Parameters, string] => [
    `response_type ${response_type}`,
    { response_type },
    'unsupported_response_type',
  ]),
  ['a request object', { request: 'x.y.' }, 'request_not_supported'],
  ['a request_uri that was not pushed', { request_uri: 'https://rp.example.com/request' }, 'request_uri_not_supported'],
  ['an unknown response_mode', { response_mode: 'web_message' }, 'invalid_request'],
  ['no challenge', { code_challenge: undefined }, 'invalid_request'],
  ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
  ['a challenge without method, which would be plain', { code_challenge_method: undefined }, 'invalid_request'],
  ['a method in lower case', { code_challenge_method: 's256' }, 'invalid_request'],
  ['a short challenge', { code_challenge: 'short' }, 'invalid_request'],
  ['a scope with a quote', { scope: 'open"id' }, 'invalid_scope'],
  ['a resource of others', { resource: 'https://other.example.com' }, 'invalid_target'],
  ['a resource that only begins like one', { resource: `${API}/x` }, 'invalid_target'],
  ['an unknown prompt', { prompt: 'register' }, 'invalid_request'],
  ['prompt none with another', { prompt: 'none login' }, 'invalid_request'],
  ...['-1', '1.5', '1e3', 'x', '9999999999'].map((max_age): [string, Parameters, string] => [
    `max_age ${max_age}`,
    { max_age },
    'invalid_request',
  ]),
  ...['[]', '"x"', '{', '{"userinfo":1}', 'null'].map((claims): [string, Parameters, string] => [
    `claims ${claims}`,
    { claims },
    'invalid_request',
  ]),
  ['a thumbprint that is none', { dpop_jkt: 'x' }, 'invalid_request'],
  ...['state', 'nonce', 'scope', 'claims', 'acr_values', 'login_hint'].map((name): [string, Parameters, string] => [
    `a ${name} that is too long`,
    { [name]: `${LONG}x` },
    'invalid_request',
  ]),
  ...['state', 'scope', 'response_type', 'code_challenge', 'prompt', 'extra'].map((name): [string, Parameters, string] => [
    `${name} twice`,
    { [name]: ['a', 'a'] },
    'invalid_request',
  ]),
  ['a NUL', { nonce: 'a\0b' }, 'invalid_request'],
])('%s is refused', (_what, parameters, code) => {
  expect(codeOf(() => read(parameters))).toBe(code);
});

/** An unsigned request object. */
const objectOf = (payload: unknown) => `x.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.`;

describe('where the answer goes', () => {
  test.each<[string, Parameters, Partial<ResponseTarget>]>([
    ['the query, unless said otherwise', {}, { response_mode: 'query' }],
    ['the fragment', { response_mode: 'fragment' }, { response_mode: 'fragment' }],
    ['a form', { response_mode: 'form_post' }, { response_mode: 'form_post' }],
    ['the query, to complain about an unknown place', { response_mode: 'web_message' }, { response_mode: 'query' }],
    ['with the state as it came', { state: ' ä=&"' }, { state: ' ä=&"' }],
    ['without an empty state, which is as if it were left out', { state: '' }, { state: null }], // W8
    ['without a state that came twice', { state: ['a', 'b'] }, { state: null }],
    ['without a state that is too long', { state: `${LONG}x` }, { state: null }],
    ['where a request object says', { request: objectOf({ response_mode: 'form_post' }) }, { response_mode: 'form_post' }],
    [
      'not where it says besides',
      { request: objectOf({ response_mode: 'form_post' }), response_mode: 'query' },
      { response_mode: 'query' },
    ],
    ['the query for a strange mode of it', { request: objectOf({ response_mode: ['form_post'] }) }, { response_mode: 'query' }],
    ['the query for an empty object', { request: objectOf(null) }, { response_mode: 'query' }],
    ['the query for a broken one', { request: 'x.e30x.' }, { response_mode: 'query' }],
  ])('%s', (_what, parameters, expected) => {
    expect(readResponseTarget(queryOf(parameters), REDIRECT_URI, client)).toMatchObject(expected);
  });

  // A16
  test.each<[string, ResponseMode[] | undefined, string | undefined, ResponseMode]>([
    ['id_token', undefined, undefined, 'fragment'],
    ['id_token code', undefined, undefined, 'fragment'],
    ['code id_token', undefined, 'form_post', 'form_post'],
    ['id_token', undefined, 'query', 'fragment'],
    ['id_token', ['query', 'form_post'], undefined, 'form_post'],
    ['id_token', ['query', 'form_post'], 'query', 'form_post'],
    ['token', undefined, undefined, 'fragment'],
    ['code token', undefined, 'query', 'fragment'],
    ['foo', undefined, undefined, 'query'],
    ['id_tokens', undefined, undefined, 'query'],
  ])('of response_type %s, for a client that may use %j and asks for %s: %s', (response_type, response_modes, response_mode, expected) => {
    const restricted = { response_modes: response_modes ?? client.response_modes };
    expect(readResponseTarget(queryOf({ response_type, response_mode }), REDIRECT_URI, restricted).response_mode).toBe(expected);
  });

  // A28
  test.each<[ResponseMode[], string | undefined, ResponseMode, string]>([
    [['query'], undefined, 'query', 'none'],
    [['query'], 'fragment', 'query', 'invalid_request'],
    [['query'], 'form_post', 'query', 'invalid_request'],
    [['fragment', 'query'], 'form_post', 'query', 'invalid_request'],
    [['form_post'], 'form_post', 'form_post', 'none'],
    [['form_post'], undefined, 'form_post', 'invalid_request'],
    [['form_post', 'fragment'], 'query', 'form_post', 'invalid_request'],
    [['fragment', 'form_post'], '', 'fragment', 'invalid_request'],
    [['fragment'], 'web_message', 'fragment', 'invalid_request'],
  ])('of a client that may use %j and asks for %s: %s, with the error %s', (response_modes, response_mode, expected, error) => {
    const query = queryOf({ response_mode });
    const restricted = { ...client, response_modes };
    const target = readResponseTarget(query, REDIRECT_URI, restricted);
    expect(target.response_mode).toBe(expected);
    expect(codeOf(() => readStandardRequest(query, restricted, target, ISSUER))).toBe(error);
  });
});

describe('an ID token by the browser', () => {
  const front = newClient({ scope: ['openid', 'profile'], response_types: ['id_token', 'code id_token'], require_pkce: true });
  const asked = { response_type: 'code id_token', scope: 'openid', nonce: 'n' };
  const readFor = (differences: Parameters, by = front) => {
    const query = queryOf({ ...asked, ...differences });
    return readStandardRequest(query, by, readResponseTarget(query, REDIRECT_URI, by), ISSUER);
  };

  test.each<[string, Parameters, Partial<StandardRequest>]>([
    ['with a code', {}, { response_type: 'code id_token', code_challenge: CHALLENGE, nonce: 'n', response_mode: 'fragment' }],
    ['in either order', { response_type: 'id_token code' }, { response_type: 'code id_token' }],
    // Nothing to protect: there is no code.
    [
      'alone, without PKCE',
      { response_type: 'id_token', code_challenge: undefined, code_challenge_method: undefined },
      { response_type: 'id_token', code_challenge: null },
    ],
    ['in a form', { response_mode: 'form_post' }, { response_mode: 'form_post' }],
  ])('is requested %s', (_story, differences, expected) => {
    expect(readFor(differences)).toMatchObject(expected);
  });

  test.each<[string, Parameters, string]>([
    ['no nonce', { nonce: undefined }, 'invalid_request'],
    ['an empty nonce', { nonce: '' }, 'invalid_request'],
    ['no nonce, without a code', { response_type: 'id_token', nonce: undefined }, 'invalid_request'],
    ['no openid', { scope: 'profile' }, 'invalid_request'],
    ['the query', { response_mode: 'query' }, 'invalid_request'],
    ['the query, without a code', { response_type: 'id_token', response_mode: 'query' }, 'invalid_request'],
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['a code alone, which the client may not have', { response_type: 'code' }, 'unsupported_response_type'],
    ['an access token', { response_type: 'id_token token' }, 'unsupported_response_type'],
    ['everything', { response_type: 'code id_token token' }, 'unsupported_response_type'],
    ['one word twice', { response_type: 'id_token id_token' }, 'unsupported_response_type'],
    ['two types', { response_type: ['id_token', 'code id_token'] }, 'invalid_request'],
  ])('is refused with %s', (_story, differences, error) => {
    expect(codeOf(() => readFor(differences))).toBe(error);
  });

  // B1
  test('needs a challenge unless a confidential client is exempt', () => {
    const without = { code_challenge: undefined, code_challenge_method: undefined };
    const exempt = { ...front, redirect_uris: [REDIRECT_URI], require_pkce: false };
    expect(readFor(without, exempt)).toMatchObject({ response_type: 'code id_token', code_challenge: null });
    expect(codeOf(() => readFor(without, { ...exempt, token_endpoint_auth_method: 'none' }))).toBe('invalid_request');
  });

  test('the log says which setting would allow it, for a client of the operator', () => {
    const detailOf = (kind: 'registered' | 'self_registered') => {
      try {
        readFor({}, { ...front, kind, response_types: ['code'] });
      } catch (error) {
        if (error instanceof AuthError) return error.detail;
      }
      return 'none';
    };
    expect(detailOf('registered')).toBe('response_types: [code id_token] on the client would allow it');
    expect(detailOf('self_registered')).toBeUndefined();
  });
});

test.each<[string, () => unknown, string]>([
  ['no client', () => readClientId(queryOf({})), 'invalid_client_id'],
  ['two clients', () => readClientId(queryOf({ client_id: ['a', 'b'] })), 'invalid_request'],
  ['no redirect URI', () => readRedirectUri(queryOf({ redirect_uri: '' })), 'refused_redirect_uri'],
  ['two redirect URIs', () => readRedirectUri(queryOf({ redirect_uri: [REDIRECT_URI, REDIRECT_URI] })), 'invalid_request'],
])('%s: nobody is reported by redirect', (_what, work, code) => {
  expect(codeOf(work)).toBe(code);
});
