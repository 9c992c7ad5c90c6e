// GET /healthz: the process is alive. GET /readyz: it can serve requests.

import type { FastifyPluginAsync } from 'fastify';
import { AuthError } from '../../domain/errors.ts';

interface Deps {
  /** Resolves within a second if the database accepts queries, else throws `unavailable`. */
  ping(): Promise<void>;
  /** Whether the server is shutting down. */
  isDraining(): boolean;
}

export function healthRoute({ ping, isDraining }: Deps): FastifyPluginAsync {
  const config = { monitoring: true };
  return async (app) => {
    // Independent of the database: restarting this process would not help.
    app.get('/healthz', { config }, async () => ({ status: 'ok' }));
    app.get('/readyz', { config }, async () => {
      if (isDraining()) throw new AuthError('unavailable', 'Stopping');
      await ping();
      return { status: 'ok' };
    });
  };
}
