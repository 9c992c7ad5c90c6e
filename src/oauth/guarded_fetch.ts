// A GET of a URL that a stranger named: never at an address inside, never for long, never much. Called by client_page.ts.
// The address is judged three times: written as a literal, as the resolver's answer, and as the peer of the connected socket.
import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher, request } from 'undici';

export interface GuardedFetchOptions {
  /** Whether this machine may connect to the address. */
  isAllowed(address: string): boolean;
  /** The addresses of a host; throws when it has none. */
  resolve?: (hostname: string) => Promise<string[]>;
  /** For everything together: names, connections, redirects and body. */
  deadline_ms?: number;
}

/** The start of the body, whatever the status; what had come when time was up counts. Null when no answer came at all. */
export type GuardedFetch = (url: string) => Promise<Buffer | null>;

const DEADLINE_MS = 5_000;
const MAX_BYTES = 10_240;
const MAX_HEADER_BYTES = 16_384;
const MAX_REDIRECTS = 3;
const FORBIDDEN = 'ERR_ADDRESS_FORBIDDEN';
const REDIRECTS = [301, 302, 303, 307, 308];
const HEADERS = { accept: 'text/html', 'accept-encoding': 'identity', 'user-agent': 'Latchkey' };

export function createGuardedFetch({ isAllowed, resolve = resolveHost, deadline_ms = DEADLINE_MS }: GuardedFetchOptions): GuardedFetch {
  const connect = guardedConnector(isAllowed, resolve, deadline_ms);
  return async (start) => {
    const signal = AbortSignal.timeout(deadline_ms);
    let url = start;
    try {
      for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
        const answer = await visit(new URL(url), connect, signal);
        if (typeof answer !== 'string') return answer;
        url = new URL(answer, url).href;
      }
      return null;
    } catch {
      // A port that is closed, a name that is unknown, a certificate that is wrong: nobody is told which.
      return null;
    }
  };
}

/** The start of the body, or where the answer redirects to. */
async function visit(url: URL, connect: buildConnector.connector, signal: AbortSignal): Promise<Buffer | string | null> {
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return null;
  // An agent for each answer: no connection outlives it.
  const dispatcher = new Agent({ connect, maxHeaderSize: MAX_HEADER_BYTES });
  try {
    // undici itself hears of the signal only once it is connected.
    const answer = await Promise.race([request(url, { dispatcher, signal, headers: HEADERS }), end(signal)]);
    const { location } = answer.headers;
    return REDIRECTS.includes(answer.statusCode) && typeof location === 'string' ? location : await startOf(answer);
  } finally {
    // Not waited for: a connection still being made would hold up the answer.
    dispatcher.destroy().catch(() => {});
  }
}

/** Fails when the signal comes. */
export function end(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function startOf({ headers, body }: Dispatcher.ResponseData): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Nothing compressed was asked for, and nothing is unpacked: that could be a bomb.
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') return Buffer.alloc(0);
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_BYTES) break;
    }
  } catch {
    // HA contract 4.3: a failure leaves what had come so far.
  }
  return Buffer.concat(chunks).subarray(0, MAX_BYTES);
}

/** Connects to allowed addresses alone; asked at a literal address, at what a name resolves to, and at the peer of the socket. */
export function guardedConnector(
  isAllowed: (address: string) => boolean,
  resolve: (hostname: string) => Promise<string[]>,
  timeout: number,
): buildConnector.connector {
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    resolve(hostname).then(
      (addresses) => {
        // One forbidden address spoils the rest: an honest host has none.
        const [first] = addresses;
        if (first === undefined || !addresses.every(isAllowed)) return callback(forbidden(), '');
        if (!all) return callback(null, first, isIP(first));
        callback(
          null,
          addresses.map((address) => ({ address, family: isIP(address) })),
        );
      },
      (error) => callback(error, ''),
    );
  };
  const connector = buildConnector({ lookup, timeout });
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    // Node asks no lookup about a literal address.
    if (isIP(host) && !isAllowed(host)) return callback(forbidden(), null);
    connector(options, (...[error, socket]) => {
      if (error) return callback(error, null);
      if (isAllowed(socket.remoteAddress ?? '')) return callback(null, socket);
      socket.destroy();
      callback(forbidden(), null);
    });
  };
}

function forbidden(): Error {
  return Object.assign(new Error('an address that must not be reached'), { code: FORBIDDEN });
}

/** Whether a connection was not made because its address must not be reached. */
export function isForbiddenAddress(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === FORBIDDEN;
}

/** Asks DNS itself and not getaddrinfo, whose threads are the ones that passwords are hashed in. */
export async function resolveHost(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}
