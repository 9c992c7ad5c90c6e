// A server with the hooks of every server and the routes that a test hands in; no database, nobody
// banned.
import type { FastifyPluginAsync } from 'fastify';
import { pino } from 'pino';
import type { AuditEvent } from '../../../src/domain/audit_event.ts';
import { LOG_SERIALIZERS } from '../../../src/http/server/log.ts';
import { createServer, type ServerDeps } from '../../../src/http/server/server.ts';

export function createBareServer(plugin: FastifyPluginAsync = async () => {}, parts: Partial<ServerDeps> = {}) {
  const lines: string[] = [];
  const events: AuditEvent[] = [];
  const failures: string[] = [];
  const log = pino({ level: 'info', base: null, serializers: LOG_SERIALIZERS }, { write: (line: string) => lines.push(line) });
  const app = createServer({
    public_url: 'https://auth.example.com',
    log,
    audit: { record: (event) => events.push(event) },
    trusted_proxies: [],
    cors_allowed_origins: [],
    log_requests: true,
    throttle: {
      isBanned: async () => false,
      failed: async (address) => {
        failures.push(address);
      },
      failedCrossSite: async () => {},
      refusesCrossSite: async () => false,
    },
    hostRule: { failureAddressOf: ({ remote_address }) => remote_address },
    isOwnersBrowser: async () => false,
    isDraining: () => false,
    settleClock: () => undefined,
    plugins: [plugin],
    ...parts,
  });
  return { app, lines, events, failures };
}
