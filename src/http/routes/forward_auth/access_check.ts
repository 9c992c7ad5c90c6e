// What both questions of reverse proxies have in common: the request they ask about, who sends it, and where a browser logs in for it.

import { METHODS } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AuthError } from '../../../domain/errors.ts';
import type { IpNetwork } from '../../../domain/network.ts';
import type { ForwardAuth, ForwardAuthDecision } from '../../../forward_auth/forward_auth.ts';
import { presentedAccessToken } from '../../server/access_token.ts';
import { type Cookies, hostCookie } from '../../server/cookies.ts';
import { identityHeaders } from './identity_headers.ts';
import { type OriginalRequest, originalRequest } from './original_request.ts';

/** Where a protected host lets us answer; see routes/host_session.ts. */
export const HOST_LOGIN = '/.latchkey/login';

const MAX_LOGIN_QUERY = 2500;

export interface AccessCheckDeps {
  forwardAuth: ForwardAuth;
  cookies: Cookies;
}

/**
 * The methods and settings of a route that proxies ask by the method of the request in question (Traefik's `preserveRequestMethod`, Envoy).
 * A preflight among them asks the app behind the proxy, not us.
 */
export function anyMethodOptions(app: FastifyInstance): { method: string[]; config: { cors: 'never'; database_only: true } } {
  const method = METHODS.filter((name) => name !== 'CONNECT');
  for (const name of method) if (!app.supportedMethods.includes(name)) app.addHttpMethod(name, { hasBody: true });
  return { method, config: { cors: 'never', database_only: true } };
}

export interface AccessCheck {
  verdict: ForwardAuthDecision;
  /** Null for a request that we cannot be sure of. */
  original: OriginalRequest | null;
  /** Null where no rule names the host. */
  login_url: string | null;
}

export async function checkAccess(
  request: FastifyRequest,
  trusted: readonly IpNetwork[],
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

/** With these some frameworks take a request for one of another method. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];

/** The question of a browser whether it may send a request to another origin (Fetch, section 4.8). */
function isPreflight({ headers }: FastifyRequest, { method }: OriginalRequest): boolean {
  if (method !== 'OPTIONS' || headers.origin === undefined || headers['access-control-request-method'] === undefined) return false;
  return METHOD_OVERRIDES.every((name) => headers[name] === undefined);
}

/** A proxy takes all headers of an answer together in 4 kB; from an address that is too long for them the browser comes back to the start. */
function loginQuery(uri: string): string {
  const query = new URLSearchParams({ to: uri }).toString();
  return query.length > MAX_LOGIN_QUERY ? 'to=%2F' : query;
}

/** An Authorization header may as well be for the app at that host, in whatever form. */
function bearerOf(request: FastifyRequest): string | null {
  const presented = presentedAccessToken(request);
  return presented?.scheme === 'Bearer' ? presented.access_token : null;
}

export function allowAccess(reply: FastifyReply, verdict: ForwardAuthDecision & { allowed: true }): FastifyReply {
  return reply.headers(identityHeaders(verdict.visitor)).type('text/plain; charset=utf-8').send('200: OK');
}

/** Nothing is remembered or counted: every page begins without a login. */
export function denyAccess(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.code(401).header('www-authenticate', 'Bearer').header('error-ref', request.error_ref);
  return reply.type('text/plain; charset=utf-8').send('401: Unauthorized');
}

/** A request refused before it was looked at is refused alike; only an outage is told as what it is. */
export function denyOnError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status =
    error instanceof AuthError ? error.status : error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 500) throw error;
  return denyAccess(request, reply);
}
