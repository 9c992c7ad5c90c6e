// The end of a server's connections: no request that a balancer has sent already may meet a connection that closes on it.
import { once } from 'node:events';
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';

/** A server that is never quiet stops listening all the same. */
const MOST_TURNS = 100;

/**
 * Stops listening. Requests that still come on open connections are answered; resolves when no connection is left, at the latest after `ms`
 * milliseconds. `server.close()` of `node:http` would end idle connections at once, with the requests that lie unread in them.
 */
export async function shedConnections(server: Server, ms: number): Promise<void> {
  if (!server.listening) return;
  await acceptWaiting(server);
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

/** Turns of the event loop until one accepts no connection: what still waits to be accepted when the listener closes is reset. */
async function acceptWaiting(server: Server): Promise<void> {
  let accepted = true;
  const onConnection = () => {
    accepted = true;
  };
  server.on('connection', onConnection);
  for (let turns = 0; accepted && turns < MOST_TURNS; turns += 1) {
    accepted = false;
    // The first one ends the turn that we are in.
    await turn();
    await turn();
  }
  server.off('connection', onConnection);
}
