// The HTTP server before any route: limits, the hooks every request passes in order, and what no route answers.
// It knows no route; app.ts hands them in as plug-ins.

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
import { randomBuffer } from '../../domain/secret.ts';
import { type BanDeps, banHook, countingHook } from './ban.ts';
import { BODY_LIMIT, contentTypeHook, installBodies } from './body.ts';
import { clientErrorHandler } from './client_error.ts';
import { clientIpHook } from './client_ip.ts';
import { type ConnectionLimits, limitConnections } from './connection_limit.ts';
import { corsHook } from './cors.ts';
import { answerFrameworkError, installErrors, type RenderErrorPage } from './errors.ts';
import { boundsHook, headersHook, securityHeaders, sheddingHook } from './headers.ts';
import { LOG_SERIALIZERS } from './log.ts';
import { requestLogHook } from './request_log.ts';
import { createRouteTable, type RouteTable } from './route_table.ts';
import { crossSiteHook } from './same_origin.ts';
import { limitTime } from './time_limit.ts';
import { networksOf } from './trusted_peer.ts';
import './request.ts';

export interface ServerDeps extends BanDeps {
  /** The issuer: no path, no slash at the end. */
  public_url: string;
  log: FastifyBaseLogger;
  audit: Audit;
  trusted_proxies: readonly string[];
  cors_allowed_origins: readonly string[];
  /** One line for each request. */
  log_requests: boolean;
  /** Whether the server is about to end; its answers then ask clients to leave the connection. */
  isDraining(): boolean;
  /** A promise while the clock looks for the time, after the machine has slept. */
  settleClock(): Promise<void> | undefined;
  /** Times every answer. */
  observe?: onResponseHookHandler;
  /** Absent: pages answer refusals as plain text. */
  renderErrorPage?: RenderErrorPage;
  /** Routes and pages. */
  plugins: readonly FastifyPluginAsync[];
}

const LIMITS = {
  bodyLimit: BODY_LIMIT,
  /** A client's URL, each of its characters written as three, is part of a path. */
  routerOptions: { maxParamLength: 3 * 2048 },
  /** For the whole request to arrive. */
  requestTimeout: 15_000,
  /** A socket on which nothing moves. */
  connectionTimeout: 30_000,
  /** Longer than any balancer keeps an idle connection, so that it is never us who closes one in use. */
  keepAliveTimeout: 72_000,
  http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000, maxHeaderSize: 16 * 1024 },
  /** Beyond it Node drops what comes, whoever it is from: never reached by connections that are counted. */
  maxConnections: 10_240,
};
/** Of one address: many people behind one router, each with the six connections of a browser. */
const CONNECTIONS: ConnectionLimits = { of_address: 512, total: 8192 };

/** A server that waits to be listened to or injected into. */
export function createServer(parts: ServerDeps): FastifyInstance {
  const headers = securityHeaders(parts.public_url);
  const errors = { audit: parts.audit, renderErrorPage: parts.renderErrorPage };
  const { maxConnections, ...limits } = LIMITS;
  const app: FastifyInstance = fastify({
    ...limits,
    loggerInstance: parts.log.child({}, { serializers: LOG_SERIALIZERS }),
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: errorRef,
    // While we drain, a request on a connection that is still open gets its answer.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => {
      reply.headers(headers);
      answerFrameworkError(errors, error, request, reply);
    },
    clientErrorHandler: clientErrorHandler(headers),
  });
  app.server.maxConnections = maxConnections;
  limitConnections(app.server, CONNECTIONS, networksOf(parts.trusted_proxies));
  decorate(app);
  const routes = createRouteTable(app);
  installBodies(app);
  installErrors(app, errors);
  addHooks(app, parts, headers, routes);
  app.setNotFoundHandler(refuseUnknown(routes));
  for (const plugin of parts.plugins) void app.register(plugin);
  return app;
}

/** The reference of a request: 40 random bits, short enough to be read out. A client's X-Request-Id is not asked. */
function errorRef(): string {
  return randomBuffer(5).toString('hex');
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

function addHooks(app: FastifyInstance, parts: ServerDeps, headers: Readonly<Record<string, string>>, routes: RouteTable): void {
  app.addHook('onRequest', headersHook(headers));
  limitTime(app);
  app.addHook('onRequest', settledClockHook(parts.settleClock));
  app.addHook('onRequest', clientIpHook(parts.trusted_proxies));
  app.addHook('onRequest', crossSiteHook({ public_url: parts.public_url, allowed: parts.cors_allowed_origins }));
  app.addHook('onRequest', banHook(parts));
  app.addHook('onRequest', boundsHook);
  app.addHook('onRequest', contentTypeHook);
  app.addHook('onRequest', corsHook(routes, parts.cors_allowed_origins));
  app.addHook('onSend', countingHook(parts));
  app.addHook(
    'onSend',
    sheddingHook(() => parts.isDraining() && !app.server.listening),
  );
  if (parts.observe) app.addHook('onResponse', parts.observe);
  if (parts.log_requests) app.addHook('onResponse', requestLogHook);
}

/** After the machine has slept, nothing is judged by a time that is being corrected. */
function settledClockHook(settleClock: ServerDeps['settleClock']): onRequestHookHandler {
  return (request, _reply, done) => {
    const settling = request.routeOptions.config.monitoring ? undefined : settleClock();
    if (settling) void settling.then(() => done());
    else done();
  };
}

/** 405 with Allow where the path exists, else the same 404 for all. */
function refuseUnknown(routes: RouteTable): (request: FastifyRequest, reply: FastifyReply) => never {
  return (request, reply) => {
    const route = routes.find(request.url);
    if (!route) throw new AuthError('not_found', 'Not Found');
    reply.header('allow', route.methods.join(', '));
    throw new AuthError('method_not_allowed', 'Method Not Allowed');
  };
}
