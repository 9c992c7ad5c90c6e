// Recognizes the operator's reverse proxies, whose headers are trusted.

import type { FastifyRequest } from 'fastify';
import { type IpAddress, type IpNetwork, networkContains, parseNetwork, peerAddress } from '../../domain/network.ts';

/** Parses the networks; throws for an invalid one. */
export function networksOf(texts: readonly string[]): readonly IpNetwork[] {
  return texts.map((text) => {
    const network = parseNetwork(text);
    if (!network) throw new Error(`not a network: ${text}`);
    return network;
  });
}

export function isTrustedAddress(address: IpAddress, trusted: readonly IpNetwork[]): boolean {
  return trusted.some((network) => networkContains(network, address));
}

/** Whether the socket's peer is a trusted proxy. */
export function isTrustedPeer(request: FastifyRequest, trusted: readonly IpNetwork[]): boolean {
  const peer = peerAddress(request.raw.socket.remoteAddress ?? '');
  return peer !== null && isTrustedAddress(peer, trusted);
}
