// Warnings about valid but questionable settings, printed by `config check` and logged at start.
import { isLocalAddress } from '../domain/network.ts';
import type { Config } from './load.ts';

/** Names used in home networks only. */
const LOCAL_NAME = /(^localhost|\.localhost|\.local|\.lan|\.home\.arpa|\.internal|^[^.:]+)$/;

/** One sentence each, starting with the setting. */
export function configWarnings({ public_url, unresolved_proxies }: Pick<Config, 'public_url' | 'unresolved_proxies'>): string[] {
  const proxies = unresolved_proxies.map(
    (name) => `http.trusted_proxies: ${name} does not resolve, so it is not trusted: start it first, or give its network instead`,
  );
  return public_url !== undefined && isPublicHttp(public_url)
    ? [`public_url: ${public_url} is plain http, so passwords and tokens cross the internet readable: use https`, ...proxies]
    : proxies;
}

/** Whether it is reachable without encryption from outside the local network. */
function isPublicHttp(public_url: string): boolean {
  const { protocol, hostname } = new URL(public_url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return protocol === 'http:' && !isLocalAddress(host) && !LOCAL_NAME.test(host);
}
