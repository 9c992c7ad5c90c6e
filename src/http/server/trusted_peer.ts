// Recognizes the operator's reverse proxies, whose headers are trusted.

import type { FastifyRequest } from 'fastify';
import { type NetworkList, peerAddress } from '../../domain/network.ts';

/** Whether the socket's peer is a trusted proxy. */
export function isTrustedPeer(request: FastifyRequest, isTrusted: NetworkList): boolean {
  const peer = peerAddress(request.raw.socket.remoteAddress ?? '');
  return peer !== null && isTrusted(peer);
}
