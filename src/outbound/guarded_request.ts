// One request over its own connection, to allowed addresses only and until the signal aborts. An
// address is checked as a literal, as the resolver's answer, and as the peer of the connected
// socket.
import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import type { buildConnector, Dispatcher } from 'undici';

export interface AddressGuard {
  /** Whether the address may be connected to. */
  isAllowed(address: string): boolean;
  /** The addresses of a host; throws if there are none. */
  resolve(hostname: string): Promise<string[]>;
  /** The connection timeout. */
  deadline_ms: number;
}

type Asked = Partial<Pick<Dispatcher.RequestOptions, 'method' | 'headers' | 'body'>> & { signal: AbortSignal };

const MAX_HEADER_BYTES = 16_384;
const FORBIDDEN = 'ERR_ADDRESS_FORBIDDEN';

/** Passes the response to `read`; redirects are not followed. */
export async function guardedRequest<Answer>(
  url: string | URL,
  guard: AddressGuard,
  { method = 'GET', signal, ...asked }: Asked,
  read: (answer: Dispatcher.ResponseData) => Promise<Answer>,
): Promise<Answer> {
  // Loaded on demand, which keeps the start fast for servers that fetch nothing.
  const { Agent, buildConnector, request } = await import('undici');
  const connector = buildConnector({ lookup: guardedLookup(guard), timeout: guard.deadline_ms });
  // One agent per response, so that no connection is reused.
  const dispatcher = new Agent({ connect: guardedConnector(connector, guard), maxHeaderSize: MAX_HEADER_BYTES });
  try {
    // undici notices the signal only once it is connected.
    return await read(await Promise.race([request(url, { ...asked, method, dispatcher, signal }), end(signal)]));
  } finally {
    // Not awaited, since a pending connection would delay the result.
    dispatcher.destroy().catch(() => {});
  }
}

/** Rejects when the signal aborts. */
function end(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** A lookup that refuses forbidden addresses. */
function guardedLookup({ resolve, isAllowed }: AddressGuard): LookupFunction {
  return (hostname, { all }, callback) => {
    resolve(hostname).then(
      (addresses) => {
        // One forbidden address rejects the host; an honest host has none.
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
}

function guardedConnector(connector: buildConnector.connector, { isAllowed }: AddressGuard): buildConnector.connector {
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    // Node does no lookup for literal addresses.
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

/** Whether a connection was refused because of its address. */
export function isForbiddenAddress(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === FORBIDDEN;
}

/** Queries DNS directly: getaddrinfo would block threads that hash passwords. */
export async function resolveHost(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}
