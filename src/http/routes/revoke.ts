// POST /auth/revoke. The response does not depend on whether the token was known (RFC 7009 section
// 2.2).

import type { FastifyPluginAsync } from 'fastify';
import type { Revocation } from '../../oauth/revocation.ts';
import { firstFormField, formBody } from '../server/body.ts';
import { fetchAsker } from '../server/same_origin.ts';

export function revokeRoute(revocation: Revocation): FastifyPluginAsync {
  return async (app) => {
    app.post('/auth/revoke', { config: { answers: 'oauth', cors: 'any' } }, async (request, reply) => {
      const { remote_address } = request;
      const context = { remote_address, asker: fetchAsker(request), authorization: request.headers.authorization };
      let form: ReadonlyMap<string, string>;
      try {
        form = await formBody(request);
      } catch (malformed) {
        // Home Assistant also answers 200 for repeated fields and malformed bodies: the first token
        // counts.
        if (!(await revocation.revokeMalformed(firstFormField(request, 'token'), context))) throw malformed;
        return reply.send('');
      }
      await revocation.revoke(form, context);
      return reply.send('');
    });
  };
}
