// /auth/verify: nginx asks by auth_request whether it may let a request through. 200 or 401, never a redirect; the login, which the
// request's browser can be sent to, is in X-Latchkey-Login.

import type { FastifyPluginAsync } from 'fastify';
import { networksOf } from '../../server/trusted_peer.ts';
import { type AccessCheckDeps, allowAccess, anyMethodOptions, checkAccess, denyAccess, denyOnError } from './access_check.ts';

export function verifyRoute(parts: AccessCheckDeps, trusted_proxies: readonly string[]): FastifyPluginAsync {
  const trusted = networksOf(trusted_proxies);
  return async (app) => {
    app.route({
      ...anyMethodOptions(app),
      url: '/auth/verify',
      errorHandler: denyOnError,
      handler: async (request, reply) => {
        const { verdict, login_url } = await checkAccess(request, trusted, parts);
        if (verdict.allowed) return allowAccess(reply, verdict);
        if (login_url !== null) reply.header('x-latchkey-login', login_url);
        return denyAccess(request, reply);
      },
    });
  };
}
