// The original request of a reverse proxy's query, from the headers of a trusted proxy. Anything
// missing, malformed, repeated or contradictory makes it null.

import type { FastifyRequest } from 'fastify';
import type { NetworkList } from '../../../domain/network.ts';
import { headerValues } from '../../server/header_values.ts';
import { isTrustedPeer } from '../../server/trusted_peer.ts';

export interface OriginalRequest {
  /** In lower case, with the port unless it is the default. */
  host: string;
  /** Path and query as received. */
  uri: string;
  /** Empty if the proxy does not send it. */
  method: string;
}

/** nginx is configured to send the first four; Traefik and Caddy send the others by default. */
const HEADERS = [
  ...['x-original-url', 'x-original-uri', 'x-original-host', 'x-original-method'],
  ...['x-forwarded-uri', 'x-forwarded-host', 'x-forwarded-method', 'x-forwarded-proto'],
] as const;

/** Variants of these names elsewhere. CGI does not distinguish `_` and `-`. */
const ALIAS = /^x-(original|forwarded|rewrite)-(ur[il]|path|prefix|host|method|proto|protocol|scheme)$/;

/** Null for an ambiguous request. */
export function originalRequest(request: FastifyRequest, trusted: NetworkList): OriginalRequest | null {
  const told = toldBy(request, trusted);
  if (!told) return null;
  const whole = told.get('x-original-url');
  const [, host_of_whole = '', path_of_whole = ''] = /^https?:\/\/([^/?#@\\\s]+)([/?].*)?$/.exec(whole ?? '') ?? [];
  // If two headers give the path, one may be the client's.
  const [uri, ...other_uris] = there([whole && rooted(path_of_whole), told.get('x-original-uri'), told.get('x-forwarded-uri')]);
  const hosts = there([whole && host_of_whole, told.get('x-original-host'), told.get('x-forwarded-host')]).map(plainHost);
  const [method = '', ...other_methods] = there([told.get('x-original-method'), told.get('x-forwarded-method')]);
  const host = hosts[0] ?? '';
  if (uri === undefined || other_uris.length > 0 || host === '' || hosts.some((other) => other !== host)) return null;
  return other_methods.every((other) => other === method) && /^[A-Z-]{0,32}$/.test(method) ? { host, uri, method } : null;
}

/** The protected host for which a proxy forwards a request to this server; null as above. */
export function forwardedHost(request: FastifyRequest, trusted: NetworkList): string | null {
  const host = plainHost(toldBy(request, trusted)?.get('x-forwarded-host') ?? '');
  return host === '' ? null : host;
}

/** The headers by name; null from an untrusted peer. */
function toldBy(request: FastifyRequest, trusted: NetworkList): Map<string, string> | null {
  // Without X-Forwarded-For the proxy itself would count as the client.
  if (!isTrustedPeer(request, trusted) || headerValues(request, 'x-forwarded-for').length !== 1) return null;
  if (Object.keys(request.headers).some((name) => !isOurs(name) && ALIAS.test(name.replaceAll(/[_.]/g, '-')))) return null;
  const told = new Map<string, string>();
  for (const name of HEADERS) {
    const [value, ...others] = headerValues(request, name);
    if (others.length > 0) return null;
    if (value !== undefined) told.set(name, value);
  }
  return told;
}

function isOurs(name: string): boolean {
  return HEADERS.some((known) => known === name);
}

function there(values: readonly (string | undefined)[]): string[] {
  return values.filter((value) => value !== undefined);
}

function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

/** A host as written in rules; empty for an invalid one. */
function plainHost(text: string): string {
  const host = text.toLowerCase().replace(/:(80|443)$/, '');
  return /^[a-z0-9][a-z0-9.-]*(:\d{1,5})?$/.test(host) ? host : '';
}
