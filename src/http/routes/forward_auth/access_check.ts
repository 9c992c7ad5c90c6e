// The common part of both forward-auth endpoints: the original request, its user, and the login
// URL.

import { METHODS } from 'node:http';
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AuthError } from '../../../domain/errors.ts';
import type { NetworkList } from '../../../domain/network.ts';
import type { ForwardAuth, ForwardAuthDecision } from '../../../forward_auth/forward_auth.ts';
import { presentedAccessToken } from '../../server/access_token.ts';
import { type Cookies, hostCookie } from '../../server/cookies.ts';
import { stepUpChallenge } from '../../server/step_up.ts';
import { identityHeaders } from './identity_headers.ts';
import { type OriginalRequest, originalRequest } from './original_request.ts';

/** The path on a protected host that its proxy routes here; see host_session.ts. */
export const HOST_LOGIN = '/.latchkey/login';

const MAX_LOGIN_QUERY = 2500;

export interface AccessCheckDeps {
  forwardAuth: ForwardAuth;
  cookies: Cookies;
}

/**
 * Methods and settings of a route that proxies call with the original method (Traefik's
 * `preserveRequestMethod`, Envoy). Preflights are answered by the app, not here.
 */
export function anyMethodOptions(app: FastifyInstance): { method: string[]; config: FastifyContextConfig } {
  const method = METHODS.filter((name) => name !== 'CONNECT');
  for (const name of method) if (!app.supportedMethods.includes(name)) app.addHttpMethod(name, { hasBody: true });
  return { method, config: { cors: 'never', database_only: true, any_host: true } };
}

export interface AccessCheck {
  verdict: ForwardAuthDecision;
  /** Null for an ambiguous request. */
  original: OriginalRequest | null;
  /** Null if no rule covers the host. */
  login_url: string | null;
}

export async function checkAccess(
  request: FastifyRequest,
  trusted: NetworkList,
  { forwardAuth, cookies }: AccessCheckDeps,
): Promise<AccessCheck> {
  const original = originalRequest(request, trusted);
  if (!original || !forwardAuth.protects(original.host)) return { verdict: { allowed: false }, original, login_url: null };
  const { host, uri } = original;
  const { remote_address, error_ref } = request;
  const cookie = cookies.read(request, hostCookie('session', host));
  const is_preflight = isPreflight(request, original);
  const access_token = bearerOf(request);
  const verdict = await forwardAuth.check({ host, uri, is_preflight, cookie, access_token, remote_address, error_ref });
  return { verdict, original, login_url: `${forwardAuth.originOf(host)}${HOST_LOGIN}?${loginQuery(uri)}` };
}

/** Some frameworks let these headers override the method. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];

/** A browser's preflight for a cross-origin request (Fetch, section 4.8). */
function isPreflight({ headers }: FastifyRequest, { method }: OriginalRequest): boolean {
  if (method !== 'OPTIONS' || headers.origin === undefined || headers['access-control-request-method'] === undefined) return false;
  return METHOD_OVERRIDES.every((name) => headers[name] === undefined);
}

/**
 * Proxies buffer response headers in 4 kB; if the address is too long for that, the browser returns
 * to the host's root.
 */
function loginQuery(uri: string): string {
  const query = new URLSearchParams({ to: uri }).toString();
  return query.length > MAX_LOGIN_QUERY ? 'to=%2F' : query;
}

/** The Authorization header may be meant for the app. */
function bearerOf(request: FastifyRequest): string | null {
  const presented = presentedAccessToken(request);
  return presented?.scheme === 'Bearer' ? presented.access_token : null;
}

export function allowAccess(reply: FastifyReply, verdict: ForwardAuthDecision & { allowed: true }): FastifyReply {
  return reply.headers(identityHeaders(verdict.visitor)).type('text/plain; charset=utf-8').send('200: OK');
}

/** Neither stored nor counted: every first visit starts without a login. `verdict`: for step-up. */
export function denyAccess(request: FastifyRequest, reply: FastifyReply, verdict?: ForwardAuthDecision): FastifyReply {
  const challenge = verdict && !verdict.allowed && verdict.login ? stepUpChallenge(verdict.login) : 'Bearer';
  reply.code(401).header('www-authenticate', challenge).header('error-ref', request.error_ref);
  return reply.type('text/plain; charset=utf-8').send('401: Unauthorized');
}

/** All errors look the same, except an outage. */
export function denyOnError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status =
    error instanceof AuthError ? error.status : error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 500) throw error;
  return denyAccess(request, reply);
}
