// GET /healthz: the process answers. GET /readyz: it can serve, so a balancer may send it people.

import type { FastifyPluginAsync } from 'fastify';
import { AuthError } from '../../domain/errors.ts';

interface Parts {
  /** Resolves within a second when the database takes queries, else throws `unavailable`. */
  ping(): Promise<void>;
  /** The server is about to stop. */
  isDraining(): boolean;
}

export function healthRoute({ ping, isDraining }: Parts): FastifyPluginAsync {
  const config = { monitoring: true };
  return async (app) => {
    // Never asks the database: an outage there is no reason to restart this process.
    app.get('/healthz', { config }, async () => ({ status: 'ok' }));
    app.get('/readyz', { config }, async () => {
      if (isDraining()) throw new AuthError('unavailable', 'Stopping');
      await ping();
      return { status: 'ok' };
    });
  };
}
