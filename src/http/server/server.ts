// The HTTP server without routes: limits, hooks in their order, and answers to unknown paths.
// Routes are passed in as plug-ins.

import cookie from '@fastify/cookie';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
  type onRequestHookHandler,
  type onResponseHookHandler,
} from 'fastify';
import type { Audit } from '../../domain/audit_event.ts';
import { AuthError } from '../../domain/errors.ts';
import { networksOf } from '../../domain/network.ts';
import { type BanDeps, banHook, countingHook } from './ban.ts';
import { BODY_LIMIT, contentTypeHook, installBodies } from './body.ts';
import { clientErrorHandler } from './client_error.ts';
import { clientIpHook } from './client_ip.ts';
import { type ConnectionLimits, limitConnections } from './connection_limit.ts';
import { corsHook } from './cors.ts';
import { errorRef } from './error_ref.ts';
import { answerFrameworkError, installErrors, type RenderErrorPage } from './errors.ts';
import { boundsHook, headersHook, securityHeaders, sheddingHook } from './headers.ts';
import { LOG_SERIALIZERS } from './log.ts';
import { requestLogHook } from './request_log.ts';
import { createRouteTable, type RouteTable } from './route_table.ts';
import { crossSiteHook } from './same_origin.ts';
import { limitTime } from './time_limit.ts';
import './request.ts';

export interface ServerDeps extends BanDeps {
  /** The issuer, without path or trailing slash. */
  public_url: string;
  log: FastifyBaseLogger;
  audit: Audit;
  trusted_proxies: readonly string[];
  cors_allowed_origins: readonly string[];
  /** Logs every request. */
  log_requests: boolean;
  /** Whether the server is shutting down; responses then ask clients to close the connection. */
  isDraining(): boolean;
  /** A promise while the clock is corrected after a suspension. */
  settleClock(): Promise<void> | undefined;
  /** Called after every response. */
  observers?: readonly onResponseHookHandler[];
  /** Absent: errors of pages are plain text. */
  renderErrorPage?: RenderErrorPage;
  /** Routes and pages. */
  plugins: readonly FastifyPluginAsync[];
}

const LIMITS = {
  bodyLimit: BODY_LIMIT,
  /** A client's URL in a path, with every character percent-encoded. */
  routerOptions: { maxParamLength: 3 * 2048 },
  /** Milliseconds for a complete request to arrive. */
  requestTimeout: 15_000,
  /** Milliseconds without traffic. */
  connectionTimeout: 30_000,
  /** Longer than the idle timeout of load balancers, so that the balancer closes first. */
  keepAliveTimeout: 72_000,
  http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000, maxHeaderSize: 16 * 1024 },
  /** Beyond this Node drops connections; counted connections never reach it. */
  maxConnections: 10_240,
};
/** Per address: many people behind one router, each with a browser's six connections. */
const CONNECTIONS: ConnectionLimits = { of_address: 512, total: 8192 };

/** Creates a server, to be listened on or injected into. */
export function createServer(deps: ServerDeps): FastifyInstance {
  const headers = securityHeaders(deps.public_url);
  const errors = { audit: deps.audit, renderErrorPage: deps.renderErrorPage };
  const { maxConnections, ...limits } = LIMITS;
  const app: FastifyInstance = fastify({
    ...limits,
    loggerInstance: deps.log.child({}, { serializers: LOG_SERIALIZERS }),
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: errorRef,
    // While draining, requests on open connections are still answered.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => {
      reply.headers(headers);
      answerFrameworkError(errors, error, request, reply);
    },
    clientErrorHandler: clientErrorHandler(headers),
  });
  app.server.maxConnections = maxConnections;
  limitConnections(app.server, CONNECTIONS, networksOf(deps.trusted_proxies));
  decorate(app);
  const routes = createRouteTable(app);
  installBodies(app);
  // Cookies are parsed only where one is read.
  void app.register(cookie, { hook: false });
  installErrors(app, errors);
  addHooks(app, deps, headers, routes);
  app.setNotFoundHandler(refuseUnknown(routes));
  for (const plugin of deps.plugins) void app.register(plugin);
  return app;
}

function decorate(app: FastifyInstance): void {
  app.decorateRequest('remote_address', '');
  app.decorateRequest('scheme', 'http');
  app.decorateRequest('error_ref', {
    getter() {
      return this.id;
    },
  });
  app.decorateRequest('caller', null);
  app.decorateRequest('refusal', null);
  app.decorateRequest('counts_as_failure', false);
  app.decorateRequest('is_cross_site', false);
  app.decorateRequest('is_our_form', false);
  app.decorateRequest('presents_client', false);
}

function addHooks(app: FastifyInstance, deps: ServerDeps, headers: Readonly<Record<string, string>>, routes: RouteTable): void {
  app.addHook('onRequest', headersHook(headers));
  limitTime(app);
  app.addHook('onRequest', settledClockHook(deps.settleClock));
  app.addHook('onRequest', clientIpHook(deps.trusted_proxies));
  app.addHook('onRequest', crossSiteHook({ public_url: deps.public_url, allowed: deps.cors_allowed_origins }));
  app.addHook('onRequest', banHook(deps));
  app.addHook('onRequest', boundsHook);
  app.addHook('onRequest', contentTypeHook);
  app.addHook('onRequest', corsHook(routes, deps.cors_allowed_origins));
  app.addHook('onSend', countingHook(deps));
  app.addHook(
    'onSend',
    sheddingHook(() => deps.isDraining() && !app.server.listening),
  );
  for (const observe of deps.observers ?? []) app.addHook('onResponse', observe);
  if (deps.log_requests) app.addHook('onResponse', requestLogHook);
}

/** After a suspension, requests wait until the clock is corrected. */
function settledClockHook(settleClock: ServerDeps['settleClock']): onRequestHookHandler {
  return (request, _reply, done) => {
    const settling = request.routeOptions.config.monitoring ? undefined : settleClock();
    if (settling) void settling.then(() => done());
    else done();
  };
}

/** 405 with Allow for an existing path, else 404. */
function refuseUnknown(routes: RouteTable): (request: FastifyRequest, reply: FastifyReply) => never {
  return (request, reply) => {
    const route = routes.find(request.url);
    if (!route) throw new AuthError('not_found', 'Not Found');
    reply.header('allow', route.methods.join(', '));
    throw new AuthError('method_not_allowed', 'Method Not Allowed');
  };
}
