// POST /auth/revoke: ends a grant by its refresh token. The answer is the same, known token or not (RFC 7009 section 2.2).

import type { FastifyPluginAsync } from 'fastify';
import type { Revocation } from '../../oauth/revocation.ts';
import { formBody } from '../body.ts';

export function revokeRoute(revocation: Revocation): FastifyPluginAsync {
  return async (app) => {
    app.post('/auth/revoke', { config: { answers: 'oauth', cors: 'any' } }, async (request, reply) => {
      const form = await formBody(request);
      await revocation.revoke(form.get('token'), request);
      return reply.send('');
    });
  };
}
