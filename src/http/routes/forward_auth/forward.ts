// /auth/forward, for Traefik and Caddy, which pass a refusal to the browser unchanged: pages
// redirect to the login, other requests get 401.

import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { isOwnPath } from '../../../domain/forward_auth_rule.ts';
import { networksOf } from '../../../domain/network.ts';
import { type AccessCheckDeps, allowAccess, anyMethodOptions, checkAccess, denyAccess, denyOnError } from './access_check.ts';

export function forwardRoute(deps: AccessCheckDeps, trusted_proxies: readonly string[]): FastifyPluginAsync {
  const trusted = networksOf(trusted_proxies);
  return async (app) => {
    app.route({
      ...anyMethodOptions(app),
      url: '/auth/forward',
      errorHandler: denyOnError,
      handler: async (request, reply) => {
        const { verdict, original, login_url } = await checkAccess(request, trusted, deps);
        if (verdict.allowed) return allowAccess(reply, verdict);
        if (login_url === null || original === null) return denyAccess(request, reply);
        // The login path itself, if the proxy asks about every path; redirecting it would loop.
        if (isOwnPath(original.uri)) return allowAccess(reply, { allowed: true, visitor: null });
        if (original.method === 'GET' && wantsPage(request)) return reply.redirect(login_url, 302);
        return denyAccess(request, reply, verdict);
      },
    });
  };
}

function wantsPage({ headers }: FastifyRequest): boolean {
  return /\btext\/html\b/i.test(headers.accept ?? '');
}
