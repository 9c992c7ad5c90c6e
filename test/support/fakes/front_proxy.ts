// A reverse proxy in front of a server under test: plain http or https, and every request from one
// address that is not this machine's.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface FrontProxyOptions {
  /** Absent: plain http. */
  tls?: { key: string | Buffer; cert: string | Buffer };
  /** What X-Forwarded-For says. */
  client_address: string;
}

/** Listens at once, and passes requests on as soon as `target` is set. */
export async function startFrontProxy({ tls, client_address }: FrontProxyOptions) {
  let target: URL | null = null;
  const seen: { method: string; url: string; site: string | null; status: number }[] = [];

  function pass(incoming: IncomingMessage, answer: ServerResponse): void {
    if (!target) return void answer.writeHead(503).end();
    const headers = { ...incoming.headers, 'x-forwarded-for': client_address, 'x-forwarded-proto': tls ? 'https' : 'http' };
    const { method = 'GET', url = '/' } = incoming;
    const onwards = request({ host: target.hostname, port: target.port, method, path: url, headers }, (reply) => {
      const status = reply.statusCode ?? 0;
      seen.push({ method, url, site: String(incoming.headers['sec-fetch-site'] ?? '') || null, status });
      answer.writeHead(status, reply.rawHeaders);
      reply.pipe(answer);
    });
    onwards.on('error', () => answer.destroy());
    incoming.pipe(onwards);
  }

  const server = tls ? createTlsServer(tls, pass) : createServer(pass);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    /** What browsers asked for, with their Sec-Fetch-Site. */
    seen,
    passTo(origin: string): void {
      target = new URL(origin);
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
