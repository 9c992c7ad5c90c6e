// The fetch of providers that use other servers: bounded in time and size, no redirects. Hosts
// named by the operator may have any address; hosts that those name in turn must be public unless
// allowed.
import { lookup } from 'node:dns/promises';
import type { Dispatcher } from 'undici';
import type { UpstreamFetch } from '../domain/auth_provider.ts';
import { deadline } from '../domain/deadline.ts';
import { isLocalAddress, isSpecialUse } from '../domain/network.ts';
import { isUpstreamUrl } from '../domain/upstream_url.ts';
import { guardedRequest, resolveHost } from './guarded_request.ts';

interface UpstreamFetchOptions {
  /** Host names as in URLs. */
  hosts: readonly string[];
  /** Whether other hosts may have internal addresses. */
  allow_private_addresses: boolean;
  /** For tests. */
  resolve?: (hostname: string) => Promise<string[]>;
  deadline_ms?: number;
}

const DEADLINE_MS = 5_000;
const MAX_BYTES = 262_144;

export function createUpstreamFetch(options: UpstreamFetchOptions): UpstreamFetch {
  const { hosts, allow_private_addresses, resolve = resolveName, deadline_ms = DEADLINE_MS } = options;
  const guarded = (address: string) => !isSpecialUse(address) || (allow_private_addresses && isLocalAddress(address));

  return async (url, { signal, headers, method, body }) => {
    const target = new URL(url);
    if (!isUpstreamUrl(url)) throw new Error(`${target.origin} is neither https nor on this machine`);
    const isAllowed = hosts.includes(target.hostname) ? () => true : guarded;
    const sent = {
      signal: deadline(deadline_ms, signal ?? undefined),
      method: method === 'POST' ? 'POST' : 'GET',
      headers: { 'user-agent': 'Latchkey', ...headers, 'accept-encoding': 'identity' },
      body: body ?? null,
    } as const;
    return await guardedRequest(target, { isAllowed, resolve, deadline_ms }, sent, asResponse);
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

/** DNS first, see `resolveHost`; then the system's other sources, such as /etc/hosts. */
async function resolveName(hostname: string): Promise<string[]> {
  const addresses = hostname === 'localhost' ? [] : await resolveHost(hostname);
  return addresses.length > 0 ? addresses : (await lookup(hostname, { all: true })).map(({ address }) => address);
}
