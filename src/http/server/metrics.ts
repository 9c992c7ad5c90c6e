// Prometheus metrics: requests by route and status, durations, process and database pool.

import type { FastifyPluginAsync, onResponseHookHandler } from 'fastify';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { AuthError } from '../../domain/errors.ts';
import { safeEqual } from '../../domain/secret.ts';

export interface Metrics {
  /** Measures a response. Labels are route patterns, so their number is bounded. */
  observe: onResponseHookHandler;
  registry: Registry;
}

export interface MetricsDeps {
  poolCounters(): { total: number; idle: number; waiting: number };
  /** Log lines lost since the start. */
  lost_log_lines(): number;
  /** Open WebSockets. */
  open_sockets(): number;
}

export function createMetrics({ poolCounters, lost_log_lines, open_sockets }: MetricsDeps): Metrics {
  const registry = new Registry();
  const duration = new Histogram({
    name: 'latchkey_http_request_duration_seconds',
    help: 'Duration of requests by method, route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers: [registry],
  });
  gauge(registry, 'process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss());
  gauge(registry, 'process_uptime_seconds', 'Seconds since the process began', () => process.uptime());
  gauge(registry, 'latchkey_database_connections', 'Connections to the database', () => poolCounters().total);
  gauge(registry, 'latchkey_database_connections_idle', 'Connections that wait for work', () => poolCounters().idle);
  gauge(registry, 'latchkey_database_waiting', 'Requests that wait for a connection', () => poolCounters().waiting);
  gauge(registry, 'latchkey_websockets', 'Open WebSockets', open_sockets);
  new Counter({
    name: 'latchkey_log_lines_lost_total',
    help: 'Log lines that could not be written',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(lost_log_lines());
    },
  });
  return {
    registry,
    observe(request, reply, done) {
      if (request.routeOptions.config.is_socket) return done();
      const labels = { method: methodOf(request.method), route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) };
      duration.observe(labels, reply.elapsedTime / 1000);
      done();
    },
  };
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

function methodOf(method: string): string {
  return ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].includes(method) ? method : 'other';
}

/** GET /metrics, with the token as bearer; without a token only on its own listen address. */
export function metricsRoute({ registry }: Metrics, token: string | undefined): FastifyPluginAsync {
  return async (app) => {
    app.get('/metrics', { config: { monitoring: true } }, async (request, reply) => {
      const allowed = token === undefined || safeEqual(request.headers.authorization ?? '', `Bearer ${token}`);
      if (!allowed) throw new AuthError('unauthenticated', 'Unauthorized');
      return reply.type(registry.contentType).send(await registry.metrics());
    });
  };
}
