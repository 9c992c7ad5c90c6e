// The end of a server's connections: no request that a balancer has sent already may meet a connection that closes on it.
import { once } from 'node:events';
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';

/**
 * Stops listening. Requests that still come on open connections are answered; resolves when no connection is left, at the latest after `ms`
 * milliseconds. `server.close()` of `node:http` would end idle connections at once, with the requests that lie unread in them.
 */
export async function shedConnections(server: Server, ms: number): Promise<void> {
  if (!server.listening) return;
  // What waits to be accepted is accepted first.
  await turn();
  const waiting = new AbortController();
  const closed = once(server, 'close', { signal: waiting.signal });
  NetServer.prototype.close.call(server);
  try {
    await Promise.race([closed, pause(ms, undefined, { signal: waiting.signal })]);
  } finally {
    closed.catch(() => {});
    waiting.abort();
  }
}
