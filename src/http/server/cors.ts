// CORS (HA contract 1.4): some routes allow any origin, others the configured ones. The origin is
// echoed, credentials are never allowed, and a preflight names exactly the requested method.

import type { FastifyContextConfig, FastifyReply, onRequestHookHandler } from 'fastify';
import { AuthError } from '../../domain/errors.ts';
import type { RouteTable } from './route_table.ts';

/** Home Assistant's, and DPoP (RFC 9449). */
const ALLOWED_HEADERS: readonly string[] = ['ACCEPT', 'AUTHORIZATION', 'CONTENT-TYPE', 'DPOP', 'ORIGIN', 'X-REQUESTED-WITH'];

/** Answers preflights, and lets allowed origins read responses, errors included. */
export function corsHook(routes: RouteTable, configured: readonly string[]): onRequestHookHandler {
  const mayRead = (origin: string, config: FastifyContextConfig) => config.cors === 'any' || configured.includes(origin);
  return (request, reply, done) => {
    const { origin, 'access-control-request-method': method } = request.headers;
    if (origin === undefined || request.routeOptions.config.cors === 'never') return done();
    if (request.method !== 'OPTIONS' || method === undefined) {
      if (mayRead(origin, request.routeOptions.config)) echo(reply, origin);
      return done();
    }
    const route = routes.find(request.url);
    if (!route) return done();
    const asked = namesIn(request.headers['access-control-request-headers']);
    const granted =
      mayRead(origin, route.config) && route.methods.includes(method) && asked.every((name) => ALLOWED_HEADERS.includes(name));
    if (!granted) return done(new AuthError('forbidden', 'CORS preflight refused'));
    echo(reply, origin).header('access-control-allow-methods', method);
    if (asked.length > 0) reply.header('access-control-allow-headers', asked.toSorted().join(','));
    reply.code(200).send('');
  };
}

function echo(reply: FastifyReply, origin: string): FastifyReply {
  return reply.header('access-control-allow-origin', origin).header('vary', 'Origin');
}

function namesIn(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((name) => name.trim().toUpperCase())
    .filter(Boolean);
}
