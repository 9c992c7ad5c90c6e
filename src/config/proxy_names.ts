// Resolves reverse proxies given by host name, as in a compose file, once when the configuration is
// read.
import { lookup } from 'node:dns/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parseNetwork } from '../domain/network.ts';

/** Names that do not resolve within this time are not trusted. */
const LOOKUP_MS = 3_000;

type Lookup = (name: string) => Promise<readonly { address: string }[]>;

/** Networks unchanged, names as their addresses; `unresolved` are names without any. */
export async function resolveProxies(
  proxies: readonly string[],
  lookUp: Lookup = (name) => lookup(name, { all: true }),
): Promise<{ networks: string[]; unresolved: string[] }> {
  const found = await Promise.all(proxies.map(async (text) => (parseNetwork(text) ? [text] : await addressesOf(text, lookUp))));
  return { networks: [...new Set(found.flat())], unresolved: proxies.filter((_, index) => found[index]?.length === 0) };
}

async function addressesOf(name: string, lookUp: Lookup): Promise<string[]> {
  const stop = new AbortController();
  const late = pause(LOOKUP_MS, [], { signal: stop.signal }).catch(() => []);
  const found = await Promise.race([lookUp(name).catch(() => []), late]);
  stop.abort();
  return found.flatMap(({ address }: { address: string }) => (parseNetwork(address) ? [address] : []));
}
