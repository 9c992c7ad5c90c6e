// The whole server: the parts, the routes over them, and how it all starts and ends.

import type { FastifyInstance } from 'fastify';
import { createPlugins } from './http/plugins.ts';
import { createServer } from './http/server.ts';
import { type AppOptions, createParts, type Parts } from './parts.ts';

export { createParts } from './parts.ts';

/** For requests under way when the server closes. */
const IN_FLIGHT_MS = 10_000;

export interface App {
  server: FastifyInstance;
  parts: Parts;
  /** Starts listening; answers the address. */
  listen(): Promise<string>;
  /** From here on balancers are told to send nobody any more; everybody is still served. */
  drain(): void;
  /** Stops listening, answers what is under way within ten seconds, then ends every part. Idempotent. */
  close(): Promise<void>;
}

/** Not listening yet. */
export async function createApp(options: AppOptions): Promise<App> {
  const parts = await createParts(options);
  const { config } = parts;
  let draining = false;
  const isDraining = () => draining;
  const http = createPlugins({ ...parts, isDraining });
  const { trusted_proxies, cors_allowed_origins } = config.http;
  const log_requests = config.log.requests;
  const server = createServer({ ...parts, ...http, trusted_proxies, cors_allowed_origins, log_requests, isDraining });
  return {
    server,
    parts,
    async listen() {
      const address = await server.listen(config.listen);
      parts.janitor.start();
      parts.backchannelLogout.start();
      // The first start does not wait for the keys of ID tokens, and whoever reads the JWKS should not have to either.
      for (const algorithm of ['RS256', 'EdDSA'] as const)
        parts.keyring.ready(algorithm).catch((err: unknown) => parts.log.error({ err }, `no ${algorithm} key yet`));
      return address;
    },
    drain() {
      draining = true;
    },
    async close() {
      draining = true;
      const cut = setTimeout(() => server.server.closeAllConnections(), IN_FLIGHT_MS);
      await server.close().finally(() => clearTimeout(cut));
      await parts.close();
    },
  };
}
