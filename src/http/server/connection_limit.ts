// Limits connections per address and in total. When a limit is reached, the longest idle connection
// of the address, or of the busiest address or IPv6 /48, is closed for a new one.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { failureKey, type IpAddress, isLoopback, type NetworkList, networkText, peerAddress } from '../../domain/network.ts';

/** A connection and its last use. */
interface Held {
  key: string;
  /** The IPv4 address or IPv6 /48. */
  site: string;
  response: ServerResponse | null;
  upgraded: boolean;
}

export interface ConnectionLimits {
  /** Per IPv4 address or IPv6 /64. */
  of_address: number;
  /** In total. */
  total: number;
}

/**
 * Limits the connections of a server; `isExempt` addresses and loopback do not count. Connections
 * with a request in progress, or upgraded ones, are never closed; if all are busy, the new one is.
 */
export function limitConnections(server: Server, limits: ConnectionLimits, isExempt: NetworkList, isOwn = isLoopback): void {
  const held = new Map<Socket, Held>();
  /** By address, in order of last use. */
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

  /** From the busiest site with an idle connection. */
  function makeRoomInTotal(): boolean {
    let most = new Set<Socket>();
    for (const sockets of bySite.values()) if (sockets.size > most.size) most = sockets;
    return makeRoom(most) || [...bySite.values()].toSorted((one, other) => other.size - one.size).some(makeRoom);
  }

  server.on('connection', (socket) => {
    const text = socket.remoteAddress ?? '';
    const peer = peerAddress(text);
    // Handed back by upgrade.ts.
    if (held.has(socket)) return;
    if (!peer || isOwn(text) || isExempt(peer)) return;
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
    connection.upgraded = false;
    for (const sockets of [byAddress.get(connection.key), bySite.get(connection.site)]) if (sockets?.delete(socket)) sockets.add(socket);
  });

  // Node handles upgrades only if somebody listens; our own listener would change other servers'
  // responses.
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

/** An IPv6 /48 is the largest usual assignment to one customer. */
function siteOf({ family, value }: IpAddress, key: string): string {
  return family === 4 ? key : networkText({ address: { family, value: (value >> 80n) << 80n }, prefix: 48 });
}

function isBusy({ response, upgraded }: Held): boolean {
  return upgraded || (response !== null && !response.writableFinished && !response.destroyed);
}
