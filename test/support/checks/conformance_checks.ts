// The checks that OpenID's conformance suite runs in every module: what a callback, a token answer,
// an ID token, userinfo and an error must look like, whatever the module is about.
import { createHash } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { expect } from 'vitest';

export const ISSUER = 'https://auth.example.com';
export type ResponseMode = 'query' | 'fragment' | 'form_post';

/** What arrived at a relying party. */
export interface Callback {
  method: 'GET' | 'POST';
  url: URL;
  /** Of the query, the fragment or the form. */
  parameters: URLSearchParams;
}

/** RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6. */
const CALLBACK_ERRORS = [
  ...['invalid_request', 'unauthorized_client', 'access_denied', 'unsupported_response_type', 'invalid_scope', 'server_error'],
  ...['temporarily_unavailable', 'interaction_required', 'login_required', 'account_selection_required', 'consent_required'],
  ...['invalid_request_uri', 'invalid_request_object', 'request_not_supported', 'request_uri_not_supported'],
];
/** RFC 6749 section 5.2. */
const TOKEN_ERRORS = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
];
const DESCRIPTION = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/;
const VSCHAR = /^[\x21-\x7e]+$/;
/** What an ID token says of a login; anything else must have been asked for. */
const LOGIN_CLAIMS = ['iss', 'sub', 'aud', 'azp', 'exp', 'iat', 'auth_time', 'nonce', 'acr', 'amr', 'sid', 'at_hash'];

/** Bits of a text, as the suite counts them: Shannon's, over its characters. */
function entropyOf(text: string): number {
  const counts = [...text].reduce((known, letter) => known.set(letter, (known.get(letter) ?? 0) + 1), new Map<string, number>());
  const bits = [...counts.values()].map((count) => (count / text.length) * Math.log2(count / text.length));
  return -bits.reduce((sum, bit) => sum + bit, 0) * text.length;
}

/** The place and the form of a callback. Answers its code, or its error. */
export function checkCallback(
  { method, url, parameters }: Callback,
  { redirect_uri, response_mode, state }: { redirect_uri: string; response_mode: ResponseMode; state: string | null },
): { code: string } | { error: string } {
  expect(method).toBe(response_mode === 'form_post' ? 'POST' : 'GET');
  const bare = new URL(url);
  if (response_mode !== 'query') expect(bare.search).toBe(new URL(redirect_uri).search);
  if (response_mode === 'query') bare.search = new URL(redirect_uri).search;
  if (response_mode !== 'fragment') expect(url.hash).toBe('');
  bare.hash = '';
  expect(bare.href).toBe(redirect_uri);
  const names = [...parameters.keys()];
  expect(new Set(names).size).toBe(names.length);
  expect(parameters.get('iss')).toBe(ISSUER);
  expect(parameters.get('state')).toBe(state);
  return parameters.has('error') ? checkError(parameters) : checkCode(parameters);
}

function checkCode(parameters: URLSearchParams): { code: string } {
  expect(['code', 'state', 'iss']).toEqual(expect.arrayContaining([...parameters.keys()]));
  const code = parameters.get('code')!;
  expect(code.length * 8).toBeGreaterThanOrEqual(128);
  expect(entropyOf(code)).toBeGreaterThanOrEqual(96);
  return { code };
}

function checkError(parameters: URLSearchParams): { error: string } {
  expect(['error', 'error_description', 'state', 'iss']).toEqual(expect.arrayContaining([...parameters.keys()]));
  const error = parameters.get('error')!;
  expect(CALLBACK_ERRORS).toContain(error);
  if (parameters.has('error_description')) expect(parameters.get('error_description')).toMatch(DESCRIPTION);
  return { error };
}

export interface TokenAnswer {
  access_token: string;
  token_type: string;
  expires_in: number;
  id_token: string;
  refresh_token?: string;
  scope?: string;
}

/** RFC 6749 section 5.1. */
export function checkTokenAnswer(answer: LightMyRequestResponse): TokenAnswer {
  expect(answer.statusCode, answer.body).toBe(200);
  expect(answer.headers['content-type']).toMatch(/^application\/json\b/);
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.headers.pragma).toBe('no-cache');
  const tokens: TokenAnswer = answer.json();
  expect(tokens.token_type).toBe('Bearer');
  expect(Number.isSafeInteger(tokens.expires_in) && tokens.expires_in > 0).toBe(true);
  for (const token of [tokens.access_token, tokens.refresh_token ?? 'none']) expect(token).toMatch(VSCHAR);
  return tokens;
}

export interface IdTokenExpected {
  client_id: string;
  nonce: string | null;
  /** Of the server. */
  now: Date;
  jwks: JSONWebKeySet;
  access_token: string;
  /** Claims that were asked for by name. */
  claims?: string[];
}

/** OpenID Connect Core sections 2 and 3.1.3.7. */
export async function checkIdToken(id_token: string, expected: IdTokenExpected): Promise<JWTPayload> {
  const { client_id, nonce, now, jwks, access_token, claims: named = [] } = expected;
  const { alg, kid } = decodeProtectedHeader(id_token);
  expect([alg, jwks.keys.some((key) => key.kid === kid)]).toEqual(['RS256', true]);
  const rules = { issuer: ISSUER, audience: client_id, currentDate: now, algorithms: ['RS256'] };
  const { payload } = await jwtVerify(id_token, createLocalJWKSet(jwks), rules);
  const seconds = now.getTime() / 1000;
  for (const time of ['iat', 'exp', 'auth_time']) expect(Number.isInteger(payload[time]), time).toBe(true);
  expect(payload.exp).toBeLessThan(seconds + 50 * 365 * 86_400);
  expect(Math.abs(payload.iat! - seconds)).toBeLessThanOrEqual(300);
  expect(payload.auth_time).toBeLessThanOrEqual(seconds);
  expect(payload.auth_time).toBeGreaterThan(seconds - 365 * 86_400);
  expect(payload.nonce ?? null).toBe(nonce);
  expect(payload.sub).toMatch(/^[\x20-\x7e]{1,255}$/);
  expect(payload.acr).toMatch(/./);
  const hash = createHash('sha256').update(access_token).digest().subarray(0, 16).toString('base64url');
  expect(payload.at_hash).toBe(hash);
  expect([...LOGIN_CLAIMS, ...named]).toEqual(expect.arrayContaining(Object.keys(payload)));
  return payload;
}

const TYPES: Record<string, (value: unknown) => boolean> = {
  updated_at: (value) => typeof value === 'number',
  email_verified: (value) => typeof value === 'boolean',
  groups: (value) => Array.isArray(value),
};

/** OpenID Connect Core section 5.3.2: just the claims that were asked for, each of its type. */
export function checkUserinfo(answer: LightMyRequestResponse, sub: string, claims: readonly string[]): Record<string, unknown> {
  expect(answer.statusCode, answer.body).toBe(200);
  expect(answer.headers['content-type']).toMatch(/^application\/json\b/);
  const userinfo = answer.json<Record<string, unknown>>();
  expect(userinfo.sub).toBe(sub);
  expect(Object.keys(userinfo).sort()).toEqual(['sub', ...claims].sort());
  for (const [name, value] of Object.entries(userinfo))
    expect((TYPES[name] ?? ((text) => typeof text === 'string' && text !== ''))(value), name).toBe(true);
  return userinfo;
}

/** RFC 6749 section 5.2. */
export function checkErrorAnswer(answer: LightMyRequestResponse, error: string): void {
  const body = answer.json<{ error: string; error_description?: string }>();
  expect(TOKEN_ERRORS).toContain(body.error);
  expect([answer.statusCode, body.error]).toEqual([error === 'invalid_client' ? 401 : 400, error]);
  expect(answer.headers['content-type']).toMatch(/^application\/json\b/);
  expect(['error', 'error_description', 'error_uri']).toEqual(expect.arrayContaining(Object.keys(body)));
  if (body.error_description !== undefined) expect(body.error_description).toMatch(DESCRIPTION);
}
