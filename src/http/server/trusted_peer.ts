// Which peers are reverse proxies of the operator's, so that what they say about a request is believed.

import type { FastifyRequest } from 'fastify';
import { type IpAddress, type IpNetwork, networkContains, parseNetwork, peerAddress } from '../../domain/network.ts';

/** The networks, read once; throws for a text that is none. */
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

/** Whether the other end of the socket itself is such a proxy, whatever it says. */
export function isTrustedPeer(request: FastifyRequest, trusted: readonly IpNetwork[]): boolean {
  const peer = peerAddress(request.raw.socket.remoteAddress ?? '');
  return peer !== null && isTrustedAddress(peer, trusted);
}
