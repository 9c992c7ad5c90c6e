// Builds every route and page of the server, area by area.

import type { FastifyPluginAsync, FastifyRequest, onResponseHookHandler } from 'fastify';
import { apiPlugin } from '../http/api/api_routes.ts';
import { createErrorPage } from '../http/pages/html_reply.ts';
import { healthRoute } from '../http/routes/health.ts';
import { createOpenConnections } from '../http/routes/websocket/open_connections.ts';
import { checkAfterChange, webSocketRoute } from '../http/routes/websocket/websocket.ts';
import { createBearerGuard } from '../http/server/bearer_guard.ts';
import type { RenderErrorPage } from '../http/server/errors.ts';
import type { HostRule } from '../http/server/host_rule.ts';
import { createMetrics, metricsRoute } from '../http/server/metrics.ts';
import { wireBrowser } from './browser.ts';
import type { Container } from './container.ts';
import { pageRoutes } from './page_routes.ts';
import { forwardAuthRoutes, homeAssistantRoutes, oauthRoutes } from './protocol_routes.ts';

export interface ProcessState {
  /** Log lines lost so far. */
  lost_log_lines(): number;
  isDraining(): boolean;
}

export interface HttpPlugins {
  plugins: FastifyPluginAsync[];
  /** The routes of a separate metrics address; empty if metrics are off. */
  metricsRoutes: FastifyPluginAsync[];
  observers: onResponseHookHandler[];
  /** Closes the WebSockets; further ones are refused. */
  closeSockets(): Promise<void>;
  renderErrorPage: RenderErrorPage;
  hostRule: HostRule;
  isOwnersBrowser(request: FastifyRequest): Promise<boolean>;
}

export function createPlugins(container: Container, { lost_log_lines, isDraining }: ProcessState): HttpPlugins {
  const { config, database } = container;
  const browser = wireBrowser(container);
  const guard = createBearerGuard({
    bearer: container.bearer,
    keyring: container.keyring,
    importedTokens: container.importedTokens,
    clock: container.clock,
    public_url: container.public_url,
    approvals_by: config.approvals.by,
  });
  const { ping, poolCounters } = database;
  const connections = createOpenConnections({ grants: container.repositories.refreshTokens, clock: container.clock, log: container.log });
  const metrics = createMetrics({ poolCounters, lost_log_lines, open_sockets: connections.count });
  const metricsRoutes = config.metrics.enabled ? [metricsRoute(metrics, config.metrics.token)] : [];
  return {
    plugins: [
      healthRoute({ ping, isDraining }),
      ...(config.metrics.listen ? [] : metricsRoutes),
      ...oauthRoutes(container, browser),
      ...forwardAuthRoutes(container, browser),
      ...homeAssistantRoutes(container, browser, guard),
      webSocketRoute({
        connections,
        bearer: container.bearer,
        keyring: container.keyring,
        importedTokens: container.importedTokens,
        audit: container.audit,
        clock: container.clock,
        throttle: container.throttle,
        hostRule: browser.hostRule,
        me: container.me,
        refreshTokens: container.refreshTokens,
        mfa: container.mfa,
        mfaSetup: container.mfaSetup,
        users: container.users,
        localLogins: container.localLogins,
        credentials: container.credentials,
      }),
      apiPlugin(
        {
          me: container.me,
          credentials: container.credentials,
          linkTickets: container.linkTickets,
          public_url: container.public_url,
          users: container.users,
          mergeUsers: container.mergeUsers,
          localLogins: container.localLogins,
          refreshTokens: container.refreshTokens,
          revokeAll: container.revokeAll,
          userSessions: container.userSessions,
          consents: container.consents,
          activity: container.activity,
          groups: container.groups,
          imports: container.imports,
          clients: container.clients,
          apps: container.apps,
          approvals: container.approvals,
          permissions: container.permissions,
          tryProvider: container.tryProvider,
          throttle: container.throttle,
          mfa: container.mfa,
          mfaSetup: container.mfaSetup,
        },
        guard,
      ),
      ...pageRoutes(container, browser),
    ],
    metricsRoutes,
    observers: [metrics.observe, checkAfterChange(connections)],
    closeSockets: connections.close,
    renderErrorPage: createErrorPage(browser.assets),
    hostRule: browser.hostRule,
    isOwnersBrowser: browser.isOwnersBrowser,
  };
}
