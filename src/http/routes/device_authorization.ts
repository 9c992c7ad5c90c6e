// POST /auth/device_authorization (RFC 8628 section 3.1).

import type { FastifyPluginAsync } from 'fastify';
import type { DeviceAuthorization } from '../../oauth/device_authorization.ts';
import { parameterBody } from '../server/body.ts';
import { fetchAsker } from '../server/same_origin.ts';

export function deviceAuthorizationRoute({ deviceAuthorization }: { deviceAuthorization: DeviceAuthorization }): FastifyPluginAsync {
  const config = { answers: 'oauth', cors: 'any' } as const;
  return async (app) => {
    app.post('/auth/device_authorization', { config }, async (request, reply) => {
      const { remote_address, is_cross_site } = request;
      const context = { remote_address, is_cross_site, asker: fetchAsker(request), authorization: request.headers.authorization };
      return reply.send(await deviceAuthorization.start(await parameterBody(request), context));
    });
  };
}
