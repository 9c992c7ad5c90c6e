// POST /auth/token: issues tokens for codes and refresh tokens (HA contract 3.7).

import type { FastifyPluginAsync } from 'fastify';
import type { TokenEndpoint } from '../../oauth/token_endpoint.ts';
import type { AdmissionChecks } from '../../tokens/admission.ts';
import type { Dpop } from '../../tokens/dpop.ts';
import { formBody } from '../server/body.ts';
import { dpopProofs } from '../server/dpop_proofs.ts';
import type { HostRule } from '../server/host_rule.ts';
import { fetchAsker } from '../server/same_origin.ts';

interface Deps {
  tokenEndpoint: TokenEndpoint;
  admissions: AdmissionChecks;
  dpop: Dpop;
  hostRule: HostRule;
}

export function tokenRoute({ tokenEndpoint, admissions, dpop, hostRule }: Deps): FastifyPluginAsync {
  const config = { answers: 'oauth', cors: 'any', counts_refusals: true } as const;
  return async (app) => {
    app.post('/auth/token', { config }, async (request, reply) => {
      const form = await formBody(request);
      const { remote_address, error_ref } = request;
      const answer = await tokenEndpoint.answer(form, {
        remote_address,
        asker: fetchAsker(request),
        error_ref,
        admission: admissions(hostRule.addressOf(request)),
        authorization: request.headers.authorization,
        dpop: dpopProofs(request, reply, dpop),
      });
      reply.header('pragma', 'no-cache'); // RFC 6749 section 5.1; no-store is on every answer
      return reply.send(answer === 'revoked' ? '' : answer);
    });
  };
}
