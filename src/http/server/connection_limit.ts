// How many connections one address, and all together, may hold, so that nobody locks others out by opening thousands. Of an address that has its
// share, and at the total of the address or IPv6 /48 that has most, the connection that was idle longest makes room for a new one.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { failureKey, type IpAddress, type IpNetwork, isLoopback, networkText, peerAddress } from '../../domain/network.ts';
import { isTrustedAddress } from './trusted_peer.ts';

/** A connection, and what was last asked on it. */
interface Held {
  key: string;
  /** The IPv4 address or IPv6 /48. */
  site: string;
  response: ServerResponse | null;
  upgraded: boolean;
}

export interface ConnectionLimits {
  /** Of one IPv4 address or one IPv6 /64. */
  of_address: number;
  /** Of all addresses that are counted. */
  total: number;
}

/**
 * Holds each IPv4 address, or IPv6 /64, and all of them together to so many connections; `exempt` networks and what `isOwn` says of (loopback) are not counted. One with a request under way, or that
 * was upgraded, is never closed for another: where all are busy, the new one is.
 */
export function limitConnections(server: Server, limits: ConnectionLimits, exempt: readonly IpNetwork[], isOwn = isLoopback): void {
  const held = new Map<Socket, Held>();
  /** By address, the one that was asked on last at the end. */
  const byAddress = new Map<string, Set<Socket>>();
  const bySite = new Map<string, Set<Socket>>();

  function release(socket: Socket): void {
    const connection = held.get(socket);
    if (!connection) return;
    held.delete(socket);
    remove(byAddress, connection.key, socket);
    remove(bySite, connection.site, socket);
  }

  function makeRoom(sockets: Set<Socket>): boolean {
    for (const socket of sockets) {
      const connection = held.get(socket);
      if (!connection || isBusy(connection)) continue;
      socket.destroy();
      release(socket);
      return true;
    }
    return false;
  }

  /** From where most are held; where all of those are busy, from where the next most are. */
  function makeRoomInTotal(): boolean {
    let most = new Set<Socket>();
    for (const sockets of bySite.values()) if (sockets.size > most.size) most = sockets;
    return makeRoom(most) || [...bySite.values()].toSorted((one, other) => other.size - one.size).some(makeRoom);
  }

  server.on('connection', (socket) => {
    const text = socket.remoteAddress ?? '';
    const peer = peerAddress(text);
    if (!peer || isOwn(text) || isTrustedAddress(peer, exempt)) return;
    const key = failureKey(text);
    const site = siteOf(peer, key);
    const own = byAddress.get(key);
    const has_room = own && own.size >= limits.of_address ? makeRoom(own) : held.size < limits.total || makeRoomInTotal();
    if (!has_room) {
      socket.destroy();
      return;
    }
    add(byAddress, key, socket);
    add(bySite, site, socket);
    held.set(socket, { key, site, response: null, upgraded: false });
    socket.once('close', () => release(socket));
  });

  server.on('request', ({ socket }, response) => {
    const connection = held.get(socket);
    if (!connection) return;
    connection.response = response;
    for (const sockets of [byAddress.get(connection.key), bySite.get(connection.site)]) if (sockets?.delete(socket)) sockets.add(socket);
  });

  // Node asks for upgrades only where somebody listens: with a listener of its own this would change what other servers answer.
  server.on('newListener', function watch(event) {
    if (event !== 'upgrade') return;
    server.off('newListener', watch);
    server.on('upgrade', ({ socket }) => {
      const connection = held.get(socket);
      if (connection) connection.upgraded = true;
    });
  });
}

function add(groups: Map<string, Set<Socket>>, key: string, socket: Socket): void {
  groups.set(key, (groups.get(key) ?? new Set()).add(socket));
}

function remove(groups: Map<string, Set<Socket>>, key: string, socket: Socket): void {
  const sockets = groups.get(key);
  sockets?.delete(socket);
  if (sockets?.size === 0) groups.delete(key);
}

/** An IPv6 /48 is what one customer of a provider may get, with 65,536 /64s in it. */
function siteOf({ family, value }: IpAddress, key: string): string {
  return family === 4 ? key : networkText({ address: { family, value: (value >> 80n) << 80n }, prefix: 48 });
}

function isBusy({ response, upgraded }: Held): boolean {
  return upgraded || (response !== null && !response.writableFinished && !response.destroyed);
}
