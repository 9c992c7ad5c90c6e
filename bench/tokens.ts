// Shared by contenders: clients, codes with PKCE, tokens from the server's endpoint, and loads with
// many distinct ones.

import { createHash, randomBytes } from 'node:crypto';
import { CLIENTS, keepCookie, type Load, type NextRequest, pathOf } from './load.ts';
import type { Server } from './processes.ts';

/** An unregistered app, as Home Assistant's are. */
export const URL_CLIENT = 'https://app.example.com';
export const REDIRECT_URI = 'https://app.example.com/callback';
/**
 * Registered at every contender: two public clients by ID token algorithm, and a confidential one.
 */
export const PUBLIC_CLIENT = 'bench';
export const ES256_CLIENT = 'bench-es256';
export const CONFIDENTIAL_CLIENT = 'bench-api';
export const CLIENT_SECRET = 'the secret of the client for the benchmark';
export const LOGIN = { username: 'bench', password: 'a pass phrase for the bench' };

/** The client and scope of the codes; without a scope, Home Assistant's dialect. */
export interface Seeds {
  client_id: string;
  scope?: string;
}

/** An authorization code and its verifier (RFC 7636). */
export interface Code {
  code: string;
  verifier: string;
}

export interface Tokens {
  access_token: string;
  refresh_token?: string;
}

export const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
export const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
export const BASIC = {
  ...FORM,
  authorization: `Basic ${Buffer.from(`${CONFIDENTIAL_CLIENT}:${encodeURIComponent(CLIENT_SECRET).replaceAll('%20', '+')}`).toString('base64')}`,
};
export const headersOf = ({ client_id }: Seeds) => (client_id === CONFIDENTIAL_CLIENT ? BASIC : FORM);
/** A confidential client authenticates in the header. */
const nameOf = ({ client_id }: Seeds) => (client_id === CONFIDENTIAL_CLIENT ? {} : { client_id });

export function newVerifier(): string {
  return randomBytes(32).toString('base64url');
}

export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

/** Token requests that redeem the codes, with PKCE. */
export function exchangeBodies(seeds: Seeds, codes: readonly Code[]): string[] {
  const redirect = seeds.scope === undefined ? {} : { redirect_uri: REDIRECT_URI };
  return codes.map(({ code, verifier }) =>
    form({ grant_type: 'authorization_code', ...nameOf(seeds), code, code_verifier: verifier, ...redirect }),
  );
}

function refreshBody({ client_id }: Seeds, { refresh_token = '' }: Tokens): string {
  return form({ grant_type: 'refresh_token', client_id, refresh_token });
}

/** Sends each body to the token endpoint, several at a time. */
export async function redeem(server: Server, path: string, headers: Record<string, string>, bodies: readonly string[]): Promise<Tokens[]> {
  const tokens: Tokens[] = [];
  const left = bodies.values();
  const worker = async () => {
    for (const body of left) {
      const answer = await fetch(server.url + path, { method: 'POST', headers, body });
      const made = (await answer.json()) as Partial<Tokens>;
      if (made.access_token === undefined) throw new Error(`${server.name} ${path}: ${answer.status} ${JSON.stringify(made)}`);
      tokens.push({ access_token: made.access_token, ...(made.refresh_token && { refresh_token: made.refresh_token }) });
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, worker));
  return tokens;
}

function inTurn<Item>(items: readonly Item[]): () => Item {
  let next = 0;
  return () => items[next++ % items.length] as Item;
}

export function post(path: string, next: () => NextRequest, headers: Record<string, string> = FORM): Load {
  return { path, method: 'POST', headers, next, status: 200 };
}

/** Each code once. */
export function exchange(path: string, seeds: Seeds, codes: readonly Code[]): Load {
  const body = inTurn(exchangeBodies(seeds, codes));
  return { ...post(path, () => ({ body: body() }), headersOf(seeds)), amount: codes.length };
}

/** Fixed refresh tokens in turn. */
export function keptRefresh(path: string, seeds: Seeds, tokens: readonly Tokens[]): Load {
  const next = inTurn(tokens.map((each) => refreshBody(seeds, each)));
  return post(path, () => ({ body: next() }), headersOf(seeds));
}

/** Rotating refresh tokens: the new one is appended to the queue. */
export function rotatingRefresh(path: string, seeds: Seeds, queue: Tokens[]): Load {
  const next = () => ({ body: refreshBody(seeds, queue.shift() ?? { access_token: '', refresh_token: 'the queue is empty' }) });
  return { ...post(path, next, headersOf(seeds)), onBody: (answer) => void queue.push(JSON.parse(answer) as Tokens) };
}

export function introspect(path: string, tokens: readonly Tokens[]): Load {
  const next = inTurn(tokens.map(({ access_token }) => form({ token: access_token })));
  return post(path, () => ({ body: next() }), BASIC);
}

/** A GET with a different bearer token each time. */
export function bearer(path: string, tokens: readonly Tokens[], headers: Record<string, string> = {}): Load {
  const next = inTurn(tokens.map(({ access_token }) => ({ ...headers, authorization: `Bearer ${access_token}` })));
  return { path, next: () => ({ headers: next() }), status: 200 };
}

export const CLIENT_CREDENTIALS = form({ grant_type: 'client_credentials' });

/** From the authorization endpoint to the login page, in as many requests as the server needs. */
export async function wayToPage(server: Server, path: string): Promise<Load> {
  const { steps } = await visit(server, path);
  return { path, status: 200, steps };
}

/** Follows redirects with cookies to a page. */
export async function visit(server: Server, start: string) {
  const cookies = new Map<string, string>();
  let path = start;
  for (let steps = 1; steps <= 10; steps += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(server.url + path, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } });
    for (const header of answer.headers.getSetCookie()) keepCookie(cookies, header);
    const text = await answer.text();
    const location = answer.headers.get('location');
    if (location === null) {
      if (answer.status !== 200) throw new Error(`${server.name} ${path}: ${answer.status}`);
      const sent = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      return { steps, path, text, cookie: sent };
    }
    path = pathOf(location);
  }
  throw new Error(`${server.name} ${start}: redirects without end`);
}

/** The registered client, as a browser would start its login. */
export function authorizeQuery(client_id: string, scope: string): string {
  const challenge = { code_challenge: challengeOf(newVerifier()), code_challenge_method: 'S256' };
  return form({ response_type: 'code', client_id, redirect_uri: REDIRECT_URI, state: 'x', scope, ...challenge });
}
