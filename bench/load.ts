// One measured run: 16 clients on keep-alive connections, latencies from autocannon, CPU time of the server from /proc.

import autocannon from 'autocannon';
import { cpuSeconds, type Server } from './servers.ts';

export interface Load {
  path: string;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  /** The body of each request; called once a request. Answers undefined when there is nothing left to send. */
  body?: () => string | undefined;
  /** Told of each answer's body. */
  onBody?: (body: string) => void;
  /** Requests to send; left out, the run goes by time. */
  amount?: number;
  /** The status every answer must have. */
  status: number;
  /** Each answer is a redirect, with cookies, to what the client wants, which is asked for next and must answer 200: two requests count as one. */
  follow?: boolean;
}

export interface Figures {
  requests_per_second: number;
  p50: number;
  p99: number;
  /** CPU seconds of the server process per 1,000 requests. */
  cpu: number;
}

export const CLIENTS = 16;

interface Redirect {
  path?: string;
  cookie?: string;
}

function requestsOf({ path, method, body, onBody, follow }: Load): autocannon.Request[] {
  if (body) {
    const setupRequest = (request: autocannon.Request) => ({ ...request, body: body() ?? '' });
    return [{ setupRequest, ...(onBody && { onResponse: (_status: number, answer: string) => onBody(answer) }) }];
  }
  if (!follow) return [{ path, method: method ?? 'GET' }];
  return [
    {
      path,
      onResponse(_status, _body, context: Redirect, headers = {}) {
        const { location, 'set-cookie': cookies } = Object.fromEntries(
          Object.entries(headers as Record<string, string | string[]>).map(([name, value]) => [name.toLowerCase(), value]),
        );
        context.path = String(location);
        context.cookie = [cookies ?? []]
          .flat()
          .map((cookie) => cookie.split(';', 1)[0])
          .join('; ');
      },
    },
    {
      setupRequest: (request, context: Redirect) => ({ ...request, path: context.path ?? '/', headers: { cookie: context.cookie ?? '' } }),
    },
  ];
}

export async function measure(server: Server, load: Load, seconds: number): Promise<Figures> {
  const before = cpuSeconds(server.pid);
  const started = performance.now();
  let last_answer = started;
  const wrong = new Map<number, number>();
  const good = load.follow ? [load.status, 200] : [load.status];
  const options: autocannon.Options = {
    url: server.url + load.path,
    method: load.method ?? 'GET',
    headers: load.headers ?? {},
    connections: CLIENTS,
    ...(load.amount === undefined ? { duration: seconds } : { amount: load.amount }),
    requests: requestsOf(load),
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, outcome) => (error ? reject(error) : resolve(outcome)));
    run.on('response', (_client, status) => {
      last_answer = performance.now();
      if (!good.includes(status)) wrong.set(status, (wrong.get(status) ?? 0) + 1);
    });
  });
  // autocannon itself ends a run of a given amount on the next full second.
  const elapsed = (last_answer - started) / 1000;
  if (wrong.size > 0 || result.errors > 0) {
    throw new Error(`${server.name} ${load.path}: ${JSON.stringify([...wrong])} instead of ${load.status}, ${result.errors} errors`);
  }
  const total = result.requests.total / good.length;
  return {
    requests_per_second: total / elapsed,
    p50: result.latency.p50,
    p99: result.latency.p99,
    cpu: ((cpuSeconds(server.pid) - before) / total) * 1000,
  };
}

/** The middle run of several, figure by figure. */
export function median(runs: readonly Figures[]): Figures {
  const middle = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
  return {
    requests_per_second: middle(runs.map((run) => run.requests_per_second)),
    p50: middle(runs.map((run) => run.p50)),
    p99: middle(runs.map((run) => run.p99)),
    cpu: middle(runs.map((run) => run.cpu)),
  };
}
