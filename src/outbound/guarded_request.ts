// One request over a connection of its own: to addresses that the guard allows, and for no longer than the signal says. An address is judged
// three times: written as a literal, as the resolver's answer, and as the peer of the connected socket.
import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import type { buildConnector, Dispatcher } from 'undici';

export interface AddressGuard {
  /** Whether this machine may connect to the address. */
  isAllowed(address: string): boolean;
  /** The addresses of a host; throws when it has none. */
  resolve(hostname: string): Promise<string[]>;
  /** For a connection. */
  deadline_ms: number;
}

type Asked = Partial<Pick<Dispatcher.RequestOptions, 'method' | 'headers' | 'body'>> & { signal: AbortSignal };

const MAX_HEADER_BYTES = 16_384;
const FORBIDDEN = 'ERR_ADDRESS_FORBIDDEN';

/** What `read` makes of the answer; redirects are answers like any other. */
export async function guardedRequest<Answer>(
  url: string | URL,
  guard: AddressGuard,
  { method = 'GET', signal, ...asked }: Asked,
  read: (answer: Dispatcher.ResponseData) => Promise<Answer>,
): Promise<Answer> {
  // Loaded when it is needed: many servers never ask anybody, and all want to start soon.
  const { Agent, buildConnector, request } = await import('undici');
  const connector = buildConnector({ lookup: guardedLookup(guard), timeout: guard.deadline_ms });
  // An agent for each answer: no connection outlives it.
  const dispatcher = new Agent({ connect: guardedConnector(connector, guard), maxHeaderSize: MAX_HEADER_BYTES });
  try {
    // undici itself hears of the signal only once it is connected.
    return await read(await Promise.race([request(url, { ...asked, method, dispatcher, signal }), end(signal)]));
  } finally {
    // Not waited for: a connection still being made would hold up the answer.
    dispatcher.destroy().catch(() => {});
  }
}

/** Fails when the signal comes. */
function end(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** A name leads nowhere that is forbidden. */
function guardedLookup({ resolve, isAllowed }: AddressGuard): LookupFunction {
  return (hostname, { all }, callback) => {
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
}

function guardedConnector(connector: buildConnector.connector, { isAllowed }: AddressGuard): buildConnector.connector {
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
