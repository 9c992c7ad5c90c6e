// POST /auth/introspect (RFC 7662); as JSON, or signed (RFC 9701).

import type { FastifyPluginAsync } from 'fastify';
import type { Introspection } from '../../oauth/introspection.ts';
import { parameterBody } from '../server/body.ts';

const SIGNED = 'application/token-introspection+jwt';

export function introspectRoute(introspection: Introspection): FastifyPluginAsync {
  return async (app) => {
    app.post('/auth/introspect', { config: { answers: 'oauth' } }, async (request, reply) => {
      const form = await parameterBody(request);
      const { remote_address, headers } = request;
      const context = { remote_address, authorization: headers.authorization };
      if (!headers.accept?.includes(SIGNED)) return await introspection.answer(form, context);
      return reply.type(SIGNED).send(await introspection.signedAnswer(form, context));
    });
  };
}
