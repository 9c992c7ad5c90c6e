// The whole server: container, routes, start and shutdown.

import type { FastifyInstance } from 'fastify';
import { configWarnings } from '../config/warnings.ts';
import { SIGNING_ALGORITHMS } from '../domain/client.ts';
import { createServer, type ServerDeps } from '../http/server/server.ts';
import { shedConnections } from '../http/server/shed_connections.ts';
import { type AppOptions, type Container, createContainer } from './container.ts';
import { createPlugins } from './http.ts';

export { createContainer } from './container.ts';

/** For idle connections. */
const IDLE_MS = 1_500;
/** For running requests at shutdown. */
const IN_FLIGHT_MS = 10_000;

export interface App {
  server: FastifyInstance;
  container: Container;
  /** Starts listening; returns the address. On failure everything is closed. */
  listen(): Promise<string>;
  /** Reports "not ready" to load balancers; requests are still served. */
  drain(): void;
  /** Stops listening and answers requests on open connections, for at most 1.5 s. */
  shed(): Promise<void>;
  /**
   * Stops listening, finishes running requests within ten seconds, then closes everything.
   * Idempotent.
   */
  close(): Promise<void>;
}

/** Creates the server without listening. On failure everything is closed. */
export async function createApp(options: AppOptions): Promise<App> {
  for (const warning of configWarnings(options.config)) options.log.warn(warning);
  const container = await createContainer(options);
  try {
    return createAppOver(container, options);
  } catch (error) {
    await container.close();
    throw error;
  }
}

function createAppOver(container: Container, { lost_log_lines = () => 0 }: Pick<AppOptions, 'lost_log_lines'>): App {
  const { config, public_url, log, audit, settleClock, throttle } = container;
  let draining = false;
  const isDraining = () => draining;
  const http = createPlugins(container, { lost_log_lines, isDraining });
  const serverWith = (plugins: ServerDeps['plugins']) =>
    createServer({
      public_url,
      log,
      audit,
      settleClock,
      throttle,
      hostRule: http.hostRule,
      isOwnersBrowser: http.isOwnersBrowser,
      trusted_proxies: config.http.trusted_proxies,
      cors_allowed_origins: config.http.cors_allowed_origins,
      log_requests: config.log.requests,
      isDraining,
      observers: http.observers,
      renderErrorPage: http.renderErrorPage,
      plugins,
    });
  const server = serverWith(http.plugins);
  const { enabled, listen: metrics_address } = config.metrics;
  const metricsServer = enabled && metrics_address ? serverWith(http.metricsRoutes) : undefined;

  async function listen(): Promise<string> {
    // A first key signs at once, so it must exist before any replica serves requests.
    for (const algorithm of SIGNING_ALGORITHMS) await container.keyring.ready(algorithm);
    // Loads the list of bans before the first request.
    await container.throttle.isBanned('');
    if (metricsServer) container.log.info(`metrics at ${await metricsServer.listen(metrics_address)}/metrics`);
    const address = await server.listen(config.listen);
    container.janitor.start();
    container.backchannelLogout.start();
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
      await container.close();
    }
  }

  return {
    server,
    container,
    listen: () =>
      listen().catch(async (error) => {
        await close().catch((err: unknown) => container.log.error({ err }, 'not all has ended'));
        throw error;
      }),
    drain() {
      draining = true;
    },
    async shed() {
      draining = true;
      const shed = shedConnections(server.server, IDLE_MS);
      // Their clients connect again at once, and find another server.
      await http.closeSockets();
      await shed;
    },
    close,
  };
}
