// Closes a server's connections so that no request in transit meets a closing one.
import { once } from 'node:events';
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';

/** The limit for a server that is never idle. */
const MOST_TURNS = 100;

/**
 * Stops listening. Requests on open connections are answered; resolves when none is left, or after
 * `ms` milliseconds. `server.close()` of `node:http` would drop idle connections with unread
 * requests.
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

/**
 * Waits for a turn of the event loop without new connections; those not accepted before the
 * listener closes would be reset.
 */
async function acceptWaiting(server: Server): Promise<void> {
  let accepted = true;
  const onConnection = () => {
    accepted = true;
  };
  server.on('connection', onConnection);
  for (let turns = 0; accepted && turns < MOST_TURNS; turns += 1) {
    accepted = false;
    // The first one ends the current turn.
    await turn();
    await turn();
  }
  server.off('connection', onConnection);
}
