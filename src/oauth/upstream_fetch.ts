// A fetch for providers that ask other servers (providers/oidc.ts): bounded in time and size, following no redirect.
// The hosts that an operator named may lie anywhere; what those name in turn, only where a stranger's URL may lead.
import { lookup } from 'node:dns/promises';
import { Agent, type Dispatcher, request } from 'undici';
import type { UpstreamFetch } from '../domain/auth_provider.ts';
import { isLocalAddress, isSpecialUse } from '../domain/network.ts';
import { isUpstreamUrl } from '../domain/upstream_url.ts';
import { end, guardedConnector, resolveHost } from './guarded_fetch.ts';

interface UpstreamFetchOptions {
  /** Host names as in URLs. */
  hosts: readonly string[];
  /** Whether other hosts may lie on this machine and in the home network. */
  allow_private_addresses: boolean;
  /** For tests. */
  resolve?: (hostname: string) => Promise<string[]>;
  deadline_ms?: number;
}

const DEADLINE_MS = 5_000;
const MAX_BYTES = 262_144;
const MAX_HEADER_BYTES = 16_384;

export function createUpstreamFetch(options: UpstreamFetchOptions): UpstreamFetch {
  const { hosts, allow_private_addresses, resolve = resolveName, deadline_ms = DEADLINE_MS } = options;
  const anywhere = guardedConnector(() => true, resolve, deadline_ms);
  const isAllowed = (address: string) => !isSpecialUse(address) || (allow_private_addresses && isLocalAddress(address));
  const guarded = guardedConnector(isAllowed, resolve, deadline_ms);

  return async (url, { signal, headers, method, body }) => {
    const target = new URL(url);
    if (!isUpstreamUrl(url)) throw new Error(`${target.origin} is neither https nor on this machine`);
    const deadline = AbortSignal.any([AbortSignal.timeout(deadline_ms), ...(signal ? [signal] : [])]);
    const connect = hosts.includes(target.hostname) ? anywhere : guarded;
    // An agent for each answer: no connection outlives it.
    const dispatcher = new Agent({ connect, maxHeaderSize: MAX_HEADER_BYTES });
    const asked = { 'user-agent': 'Latchkey', ...headers, 'accept-encoding': 'identity' };
    try {
      const sent = {
        dispatcher,
        signal: deadline,
        method: method === 'POST' ? 'POST' : 'GET',
        headers: asked,
        body: body ?? null,
      } as const;
      // undici itself hears of the signal only once it is connected.
      return await Promise.race([request(target, sent).then(asResponse), end(deadline)]);
    } finally {
      // Not waited for: a connection still being made would hold up the answer.
      dispatcher.destroy().catch(() => {});
    }
  };
}

async function asResponse({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Response> {
  const bytes = await wholeOf(body);
  const fields = Object.entries(headers).flatMap(([name, values]) => [values ?? []].flat().map((value): [string, string] => [name, value]));
  const isNull = bytes.length === 0 || [204, 205, 304].includes(statusCode);
  return new Response(isNull ? null : new Uint8Array(bytes), { status: statusCode, headers: fields });
}

async function wholeOf(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`an answer of more than ${MAX_BYTES} bytes`);
  }
  return Buffer.concat(chunks);
}

/** DNS itself first, see `resolveHost`; then whatever else this machine knows names by, such as /etc/hosts. */
async function resolveName(hostname: string): Promise<string[]> {
  const addresses = hostname === 'localhost' ? [] : await resolveHost(hostname);
  return addresses.length > 0 ? addresses : (await lookup(hostname, { all: true })).map(({ address }) => address);
}
