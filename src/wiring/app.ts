// The whole server: the parts, the routes over them, and how it all starts and ends.

import type { FastifyInstance } from 'fastify';
import { configWarnings } from '../config/warnings.ts';
import { createServer } from '../http/server/server.ts';
import { shedConnections } from '../http/server/shed_connections.ts';
import { SIGNING_ALGORITHMS } from '../tokens/signing_key.ts';
import { type AppOptions, type Container, createContainer } from './container.ts';
import { createPlugins } from './http.ts';

export { createContainer } from './container.ts';

/** For connections on which nothing is asked any more. */
const IDLE_MS = 1_500;
/** For requests under way when the server closes. */
const IN_FLIGHT_MS = 10_000;

export interface App {
  server: FastifyInstance;
  parts: Container;
  /** Starts listening; answers the address. If that fails, everything has ended. */
  listen(): Promise<string>;
  /** From here on balancers are told to send nobody any more; everybody is still served. */
  drain(): void;
  /** Stops listening and answers what still comes on open connections, for as long as balancers need to leave them: 1.5 s at the most. */
  shed(): Promise<void>;
  /** Stops listening, answers what is under way within ten seconds, then ends every part. Idempotent. */
  close(): Promise<void>;
}

/** Not listening yet. If it fails, nothing that was started is left. */
export async function createApp(options: AppOptions): Promise<App> {
  for (const warning of configWarnings(options.config)) options.log.warn(warning);
  const parts = await createContainer(options);
  try {
    return createAppOver(parts, options);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

function createAppOver(parts: Container, { lost_log_lines = () => 0 }: Pick<AppOptions, 'lost_log_lines'>): App {
  const { config } = parts;
  let draining = false;
  const isDraining = () => draining;
  const http = createPlugins({ ...parts, lost_log_lines, isDraining });
  const { trusted_proxies, cors_allowed_origins } = config.http;
  const log_requests = config.log.requests;
  const shared = { ...parts, ...http, trusted_proxies, cors_allowed_origins, log_requests, isDraining };
  const server = createServer(shared);
  const { enabled, listen: metrics_address } = config.metrics;
  const metricsServer = enabled && metrics_address ? createServer({ ...shared, plugins: http.metricsRoutes }) : undefined;

  async function listen(): Promise<string> {
    // A first key signs at once. So nobody is served by a process that does not know it: the JWKS of every replica has it before any token does.
    for (const algorithm of SIGNING_ALGORITHMS) await parts.keyring.ready(algorithm);
    // No request waits for the first list of banned addresses.
    await parts.throttle.isBanned('');
    if (metricsServer) parts.log.info(`metrics at ${await metricsServer.listen(metrics_address)}/metrics`);
    const address = await server.listen(config.listen);
    parts.janitor.start();
    parts.backchannelLogout.start();
    return address;
  }

  async function close(): Promise<void> {
    draining = true;
    const servers = metricsServer ? [server, metricsServer] : [server];
    const cut = setTimeout(() => {
      for (const { server: sockets } of servers) sockets.closeAllConnections();
    }, IN_FLIGHT_MS);
    try {
      await Promise.all(servers.map((each) => each.close()));
    } finally {
      clearTimeout(cut);
      await parts.close();
    }
  }

  return {
    server,
    parts,
    listen: () =>
      listen().catch(async (error) => {
        await close().catch((err: unknown) => parts.log.error({ err }, 'not all has ended'));
        throw error;
      }),
    drain() {
      draining = true;
    },
    shed() {
      draining = true;
      return shedConnections(server.server, IDLE_MS);
    },
    close,
  };
}
