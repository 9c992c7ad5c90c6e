// /auth/forward: Traefik and Caddy ask whether they may let a request through, and give a refusal to the browser as it is. So a page
// leads to the login, and anything else gets 401.

import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { isOwnPath } from '../../../domain/forward_auth_rule.ts';
import { networksOf } from '../../server/trusted_peer.ts';
import { anyMethod, judgeVisit, letThrough, refuseOnError, refuseVisit, type VisitParts } from './access_check.ts';

export function forwardRoute(parts: VisitParts, trusted_proxies: readonly string[]): FastifyPluginAsync {
  const trusted = networksOf(trusted_proxies);
  return async (app) => {
    app.route({
      ...anyMethod(app),
      url: '/auth/forward',
      errorHandler: refuseOnError,
      handler: async (request, reply) => {
        const { verdict, original, login_url } = await judgeVisit(request, trusted, parts);
        if (verdict.allowed) return letThrough(reply, verdict);
        if (login_url === null || original === null) return refuseVisit(request, reply);
        // The login itself, where the proxy asks about every path: sending it to the login would be a loop.
        if (isOwnPath(original.uri)) return letThrough(reply, { allowed: true, visitor: null });
        if (original.method === 'GET' && wantsPage(request)) return reply.redirect(login_url, 302);
        return refuseVisit(request, reply);
      },
    });
  };
}

function wantsPage({ headers }: FastifyRequest): boolean {
  return /\btext\/html\b/i.test(headers.accept ?? '');
}
