// The proofs of possession that come with a request, and the nonce that goes back (RFC 9449 sections 4.1, 8 and 9).

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Dpop } from '../../tokens/dpop.ts';
import { headerValues } from './header_values.ts';

/** Every DPoP header. Whoever sends one is told the nonce for the next, whether this one is refused or not; pages of other origins may read it. */
export function dpopProofs(request: FastifyRequest, reply: FastifyReply, dpop: Pick<Dpop, 'nonce'>): string[] {
  const proofs = headerValues(request, 'dpop');
  const nonce = proofs.length > 0 ? dpop.nonce() : null;
  if (nonce !== null) reply.header('dpop-nonce', nonce).header('access-control-expose-headers', 'DPoP-Nonce, WWW-Authenticate');
  return proofs;
}
