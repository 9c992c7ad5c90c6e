// One measured run against one server: keep-alive clients, latencies from autocannon, CPU time from
// /proc.

import autocannon from 'autocannon';
import { cpuSeconds, type Server } from './processes.ts';

/** What one request adds to the load. */
export interface NextRequest {
  body?: string;
  headers?: Record<string, string>;
}

export interface Load {
  path: string;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  /** Called for each request, so that requests differ. */
  next?: () => NextRequest;
  /** Receives each response body. */
  onBody?: (body: string) => void;
  /** Number of requests; absent: limited by time. */
  amount?: number;
  /** The expected status; with `steps` that of the last. */
  status: number;
  /** Requests that count as one: each follows the previous redirect, with its cookies. */
  steps?: number;
  /** Concurrent connections; default CLIENTS. */
  clients?: number;
}

export interface Figures {
  requests_per_second: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** CPU seconds of the server process per 1,000 requests. */
  cpu: number;
  /** The same of PostgreSQL; NaN when unknown. */
  database_cpu: number;
}

export const CLIENTS = 16;
const REDIRECTS = [301, 302, 303, 307, 308];

interface Redirect {
  path?: string;
  cookies?: Map<string, string>;
}

/** Runs the load for the given time or `amount`. Throws for an unexpected status. */
export async function measure(server: Server, load: Load, seconds: number, databaseCpu: () => number): Promise<Figures> {
  const before = { server: cpuSeconds(server.pid), database: databaseCpu() };
  const started = performance.now();
  let last_answer = started;
  const wrong = new Map<number, number>();
  const { steps = 1 } = load;
  const expected = steps === 1 ? [load.status] : [load.status, ...REDIRECTS];
  const options: autocannon.Options = {
    url: server.url + load.path,
    method: load.method ?? 'GET',
    headers: load.headers ?? {},
    connections: Math.min(load.clients ?? CLIENTS, load.amount ?? Number.POSITIVE_INFINITY),
    ...(load.amount === undefined ? { duration: seconds } : { amount: load.amount }),
    requests: requestsOf(load, steps),
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, outcome) => (error ? reject(error) : resolve(outcome)));
    run.on('response', (_client, status) => {
      last_answer = performance.now();
      if (!expected.includes(status)) wrong.set(status, (wrong.get(status) ?? 0) + 1);
    });
  });
  // autocannon ends a run of a given amount at the next full second.
  const elapsed = (last_answer - started) / 1000;
  if (wrong.size > 0 || result.errors > 0) {
    throw new Error(`${server.name} ${load.path}: ${JSON.stringify([...wrong])} instead of ${load.status}, ${result.errors} errors`);
  }
  const total = result.requests.total / steps;
  return {
    requests_per_second: total / elapsed,
    p50: result.latency.p50,
    p99: result.latency.p99,
    cpu: ((cpuSeconds(server.pid) - before.server) / total) * 1000,
    database_cpu: ((databaseCpu() - before.database) / total) * 1000,
  };
}

function requestsOf({ path, method = 'GET', next, onBody }: Load, steps: number): autocannon.Request[] {
  if (steps > 1) return Array.from({ length: steps }, (_, step) => followingRequest(step === 0 ? path : undefined));
  if (!next && !onBody) return [{ path, method }];
  const setupRequest = (request: autocannon.Request) => {
    const { body, headers } = next?.() ?? {};
    return { ...request, ...(body !== undefined && { body }), headers: { ...request.headers, ...headers } };
  };
  return [{ setupRequest, ...(onBody && { onResponse: (_status: number, answer: string) => onBody(answer) }) }];
}

/** The first requests `path`, later ones follow redirects. */
function followingRequest(path: string | undefined): autocannon.Request {
  return {
    setupRequest(request, context: Redirect) {
      if (path !== undefined) context.cookies = new Map();
      const cookie = [...(context.cookies ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
      return { ...request, path: path ?? context.path ?? '/', headers: cookie === '' ? {} : { cookie } };
    },
    onResponse(_status, _body, context: Redirect, headers = {}) {
      const { location, 'set-cookie': set = [] } = lowerCase(headers as Record<string, string | string[]>);
      if (location !== undefined) context.path = pathOf(String(location));
      for (const text of [set].flat()) keepCookie(context.cookies, text);
    },
  };
}

function lowerCase(headers: Record<string, string | string[]>): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The path and query of a Location, absolute or not. */
export function pathOf(location: string): string {
  const { pathname, search } = new URL(location, 'http://localhost');
  return pathname + search;
}

/** Adds a Set-Cookie header to the cookies. */
export function keepCookie(cookies: Map<string, string> | undefined, header: string): void {
  const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(header) ?? [];
  cookies?.set(name, value);
}
