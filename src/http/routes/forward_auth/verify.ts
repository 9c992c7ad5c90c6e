// /auth/verify, for nginx's auth_request: 200 or 401, never a redirect; X-Latchkey-Login has the
// login URL.

import type { FastifyPluginAsync } from 'fastify';
import { networksOf } from '../../../domain/network.ts';
import { type AccessCheckDeps, allowAccess, anyMethodOptions, checkAccess, denyAccess, denyOnError } from './access_check.ts';

export function verifyRoute(deps: AccessCheckDeps, trusted_proxies: readonly string[]): FastifyPluginAsync {
  const trusted = networksOf(trusted_proxies);
  return async (app) => {
    app.route({
      ...anyMethodOptions(app),
      url: '/auth/verify',
      errorHandler: denyOnError,
      handler: async (request, reply) => {
        const { verdict, login_url } = await checkAccess(request, trusted, deps);
        if (verdict.allowed) return allowAccess(reply, verdict);
        if (login_url !== null) reply.header('x-latchkey-login', login_url);
        return denyAccess(request, reply, verdict);
      },
    });
  };
}
