// Checks the Host header. Where an address alone is the credential, an unknown Host could be DNS
// rebinding, which would let any web page act from inside the home network.

import type { FastifyRequest } from 'fastify';
import type { AuthProvider } from '../../domain/auth_provider.ts';
import { foreignHostAddress, isLocalAddress } from '../../domain/network.ts';

export interface HostRuleDeps {
  public_url: string;
  /** Other names of this server. */
  allowed_hosts: readonly string[];
  providers: ReadonlyMap<string, AuthProvider>;
}

export interface HostRule {
  /** The address that failures of the request count against, and whose ban applies. */
  failureAddressOf(request: FastifyRequest): string;
  /** The address that providers check; empty, which none trusts, if the Host is unknown. */
  addressOf(request: FastifyRequest): string;
}

/** Maximum hosts that are logged, once each. */
const MAX_LOGGED = 20;

/**
 * Known hosts: `public_url`'s, loopback and private addresses, and the configured names, on any
 * port.
 */
export function createHostRule({ public_url, allowed_hosts, providers }: HostRuleDeps): HostRule {
  const names = new Set([new URL(public_url).hostname, ...allowed_hosts].map((name) => name.toLowerCase()));
  const logged = new Set<string>();

  function isOurs(host: string): boolean {
    if (names.has(host)) return true;
    const name = nameOf(host);
    return names.has(name) || name === 'localhost' || isLocalAddress(name.replace(/^\[|\]$/g, ''));
  }

  /** Logs only where it makes a difference. */
  function log(request: FastifyRequest, host: string): void {
    const matters = [...providers.values()].some(
      (provider) => provider.refusal(request.remote_address) === null && provider.refusal('') !== null,
    );
    if (!matters || logged.has(host) || logged.size >= MAX_LOGGED) return;
    logged.add(host);
    request.log.warn(
      { host: host.slice(0, 255) },
      'trusted networks are not offered under this Host; if it is yours, add it to http.allowed_hosts',
    );
  }

  /** Nearly every request has the same Host. */
  let last = { host: '', is_ours: isOurs('') };
  function isKnownHost(host: string): boolean {
    if (host !== last.host) last = { host, is_ours: isOurs(host) };
    return last.is_ours;
  }

  function foreignHost({ headers }: FastifyRequest): string | undefined {
    const { host = '', 'x-forwarded-host': forwarded } = headers;
    if (!isKnownHost(host)) return host;
    return forwarded === undefined ? undefined : forwardedHosts(forwarded).find((name) => !isOurs(name));
  }

  return {
    failureAddressOf(request) {
      const is_foreign = !request.routeOptions.config.any_host && foreignHost(request) !== undefined;
      return is_foreign ? foreignHostAddress(request.remote_address) : request.remote_address;
    },

    addressOf(request) {
      const foreign = foreignHost(request);
      if (foreign === undefined) return request.remote_address;
      log(request, foreign);
      return '';
    },
  };
}

/** The host names in X-Forwarded-Host. */
function forwardedHosts(header: string | string[]): string[] {
  return [header].flat().flatMap((value) => value.split(','));
}

function nameOf(host: string): string {
  return host.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}
