// The client's address (HA contract 1.5): the socket's peer, or X-Forwarded-For from a trusted
// proxy. From other peers the header is refused; it is accepted or rejected as a whole.

import { isIPv4 } from 'node:net';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { AuthError } from '../../domain/errors.ts';
import { addressText, type IpAddress, type NetworkList, networksOf, parseAddress, peerAddress, unmapIpv4 } from '../../domain/network.ts';
import { headerValues } from './header_values.ts';

type Scheme = 'http' | 'https';

const MAX_HOPS = 50;
/** For an operator who has just added a proxy; its address appears in the log only. */
const NOT_TRUSTED =
  'This request came through a reverse proxy that http.trusted_proxies (LATCHKEY_HTTP_TRUSTED_PROXIES) does not name. The log has its address.';

/** Sets `remote_address` and `scheme`. */
export function clientIpHook(trusted_proxies: readonly string[]): onRequestHookHandler {
  const isTrusted = networksOf(trusted_proxies);
  return (request, _reply, done) => {
    const peer = request.raw.socket.remoteAddress ?? '';
    request.remote_address = peerText(peer);
    if (request.headers['x-forwarded-for'] === undefined) return done();
    try {
      believe(request, peerAddress(peer), isTrusted);
      done();
    } catch (error) {
      done(error instanceof Error ? error : undefined);
    }
  };
}

/** The peer in canonical text form; empty if the socket is closed. */
function peerText(peer: string): string {
  // Already canonical.
  if (isIPv4(peer)) return peer;
  const address = peerAddress(peer);
  return address ? addressText(address) : '';
}

function believe(request: FastifyRequest, peer: IpAddress | null, isTrusted: NetworkList): void {
  if (!peer || !isTrusted(peer))
    throw new AuthError('invalid_forwarded_header', NOT_TRUSTED, {
      reason: 'untrusted_proxy',
      detail: `${peer ? addressText(peer) : 'a closed socket'} sent X-Forwarded-For and is not in http.trusted_proxies`,
    });
  const addresses = elements(request, 'x-forwarded-for').map(addressOf);
  if (addresses.length > MAX_HOPS) throw refused('X-Forwarded-For is too long');
  const schemes = forwardedSchemes(request, addresses.length);
  forwardedHost(request);
  // From the right, the first that is no trusted proxy; if all are, the left-most.
  const chosen = Math.max(
    addresses.findLastIndex((address) => !isTrusted(address)),
    0,
  );
  const address = addresses[chosen];
  if (!address) throw refused('X-Forwarded-For is empty');
  request.remote_address = addressText(address);
  request.scheme = schemes[schemes.length === 1 ? 0 : chosen] ?? request.scheme;
}

function addressOf(text: string): IpAddress {
  const address = parseAddress(text);
  if (!address) throw refused('X-Forwarded-For has an element that is no address');
  return unmapIpv4(address);
}

function forwardedSchemes(request: FastifyRequest, addresses: number): Scheme[] {
  if (request.headers['x-forwarded-proto'] === undefined) return [];
  const schemes = elements(request, 'x-forwarded-proto').map(schemeOf);
  if (schemes.length !== 1 && schemes.length !== addresses) throw refused('X-Forwarded-Proto and X-Forwarded-For differ in length');
  return schemes;
}

/** Traefik uses the URL scheme of WebSockets. */
const SCHEMES: Readonly<Record<string, Scheme>> = { http: 'http', https: 'https', ws: 'http', wss: 'https' };

function schemeOf(text: string): Scheme {
  const scheme = Object.hasOwn(SCHEMES, text.toLowerCase()) ? SCHEMES[text.toLowerCase()] : undefined;
  if (scheme !== undefined) return scheme;
  throw refused('X-Forwarded-Proto has an element that is no scheme');
}

function forwardedHost(request: FastifyRequest): void {
  if (request.headers['x-forwarded-host'] === undefined) return;
  if (single(request, 'x-forwarded-host').trim() === '') throw refused('X-Forwarded-Host is empty');
}

function elements(request: FastifyRequest, name: string): string[] {
  return single(request, name)
    .split(',')
    .map((element) => element.trim());
}

function single(request: FastifyRequest, name: string): string {
  const [value, ...others] = headerValues(request, name);
  if (value === undefined || others.length > 0) throw refused(`more than one ${name} header`);
  return value;
}

function refused(detail: string): AuthError {
  return new AuthError('invalid_forwarded_header', 'Bad Request', { detail });
}
