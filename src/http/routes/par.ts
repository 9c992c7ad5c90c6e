// POST /auth/par: pushed authorization requests (RFC 9126).

import type { FastifyPluginAsync } from 'fastify';
import { AuthError } from '../../domain/errors.ts';
import type { ClientAuthentication } from '../../oauth/client_authentication.ts';
import type { Par } from '../../oauth/par.ts';
import type { Dpop } from '../../tokens/dpop.ts';
import { parameterBody } from '../server/body.ts';
import { dpopProofs } from '../server/dpop_proofs.ts';
import { fetchAsker } from '../server/same_origin.ts';

export interface ParRouteDeps {
  par: Par;
  clientAuthentication: ClientAuthentication;
  dpop: Dpop;
}

const PATH = '/auth/par';
/** Client credentials, which are not part of the request. */
const CREDENTIALS = ['client_secret', 'client_assertion', 'client_assertion_type'];

export function parRoute({ par, clientAuthentication, dpop }: ParRouteDeps): FastifyPluginAsync {
  const config = { answers: 'oauth', cors: 'any' } as const;
  return async (app) => {
    app.post(PATH, { config }, async (request, reply) => {
      const parameters = await parameterBody(request);
      const { remote_address, is_cross_site } = request;
      const asker = fetchAsker(request);
      const { authorization } = request.headers;
      const client = await clientAuthentication.authenticate({
        authorization,
        parameters,
        remote_address: asker,
        endpoint: PATH,
      });
      if (!client.grant_types.includes('authorization_code'))
        throw new AuthError('unauthorized_client', 'The client may not use this grant');
      const dpop_jkt = await dpop.prove({ proofs: dpopProofs(request, reply, dpop), method: 'POST', path: PATH, profile: client.profile });
      const asked = new Map([...parameters].filter(([name]) => !CREDENTIALS.includes(name)));
      return reply.code(201).send(await par.push(client, asked, { remote_address, is_cross_site, asker, dpop_jkt }));
    });
  };
}
