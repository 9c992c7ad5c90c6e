// DPoP headers of a request, and the nonce for the response (RFC 9449 sections 4.1, 8 and 9).

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Dpop } from '../../tokens/dpop.ts';
import { headerValues } from './header_values.ts';

/**
 * All DPoP headers. Senders of one receive the next nonce with any response; pages of other origins
 * may read it.
 */
export function dpopProofs(request: FastifyRequest, reply: FastifyReply, dpop: Pick<Dpop, 'nonce'>): string[] {
  const proofs = headerValues(request, 'dpop');
  const nonce = proofs.length > 0 ? dpop.nonce() : null;
  if (nonce !== null) reply.header('dpop-nonce', nonce).header('access-control-expose-headers', 'DPoP-Nonce, WWW-Authenticate');
  return proofs;
}
