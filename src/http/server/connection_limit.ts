// How many connections one address may hold, so that nobody locks others out by opening thousands. Of an address that has its share, the connection
// that was idle longest makes room for a new one.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { failureKey, isLoopback, type Network, peerAddress } from '../../domain/network.ts';
import { isTrusted } from './trusted_peer.ts';

/** A connection, and what was last asked on it. */
interface Held {
  key: string;
  response: ServerResponse | null;
  upgraded: boolean;
}

/**
 * Holds each IPv4 address, or IPv6 /64, to `most` connections; `exempt` networks and what `isOwn` says of (loopback) are not counted. One with a request under way, or that
 * was upgraded, is never closed for another: where all are busy, the new one is.
 */
export function limitConnections(server: Server, most: number, exempt: readonly Network[], isOwn = isLoopback): void {
  const held = new Map<Socket, Held>();
  /** By address, the one that was asked on last at the end. */
  const byAddress = new Map<string, Set<Socket>>();

  function release(socket: Socket, key: string): void {
    held.delete(socket);
    const sockets = byAddress.get(key);
    sockets?.delete(socket);
    if (sockets?.size === 0) byAddress.delete(key);
  }

  function makeRoom(sockets: Set<Socket>): boolean {
    for (const socket of sockets) {
      const connection = held.get(socket);
      if (!connection || isBusy(connection)) continue;
      socket.destroy();
      release(socket, connection.key);
      return true;
    }
    return false;
  }

  server.on('connection', (socket) => {
    const text = socket.remoteAddress ?? '';
    const peer = peerAddress(text);
    if (!peer || isOwn(text) || isTrusted(peer, exempt)) return;
    const key = failureKey(text);
    const sockets = byAddress.get(key) ?? new Set<Socket>();
    if (sockets.size >= most && !makeRoom(sockets)) {
      socket.destroy();
      return;
    }
    byAddress.set(key, sockets.add(socket));
    held.set(socket, { key, response: null, upgraded: false });
    socket.once('close', () => release(socket, key));
  });

  server.on('request', ({ socket }, response) => {
    const connection = held.get(socket);
    if (!connection) return;
    connection.response = response;
    const sockets = byAddress.get(connection.key);
    if (sockets?.delete(socket)) sockets.add(socket);
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

function isBusy({ response, upgraded }: Held): boolean {
  return upgraded || (response !== null && !response.writableFinished && !response.destroyed);
}
