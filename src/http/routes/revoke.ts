// POST /auth/revoke: ends a token. The answer is the same, known token or not (RFC 7009 section 2.2).

import type { FastifyPluginAsync } from 'fastify';
import type { Revocation } from '../../oauth/revocation.ts';
import { formBody } from '../body.ts';

export function revokeRoute(revocation: Revocation): FastifyPluginAsync {
  return async (app) => {
    app.post('/auth/revoke', { config: { answers: 'oauth', cors: 'any' } }, async (request, reply) => {
      const form = await formBody(request);
      const { remote_address } = request;
      await revocation.revoke(form, { remote_address, authorization: request.headers.authorization });
      return reply.send('');
    });
  };
}
