// Redirect URIs of registered clients: which may be registered, and which requests match them (RFC
// 9700 section 4.1).
import { isLoopback } from './network.ts';
import { isForbiddenRedirectUri } from './redirect_uri.ts';
import { parseUri, type Uri } from './uri.ts';

/** RFC 3986 section 2 without the asterisk, which would look like a pattern; there are none. */
const URI_CHARACTERS = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()+,;=%]+$/;
const HOST_AND_PORT = /^(?:([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)|\[([0-9a-f:.]+)\])(?::(\d{1,5}))?$/i;
const LOOPBACK_REDIRECT = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::(\d{1,5}))?((?:\/|\?|$).*)$/s;

/**
 * Why a redirect URI cannot be registered; null if it can. `allow_http`: unencrypted to hosts other
 * than loopback.
 */
export function redirectUriIssue(text: string, allow_http: boolean): string | null {
  const uri = parseUri(text);
  if (!uri || isForbiddenRedirectUri(text)) return 'must be an absolute URI: https, or a scheme of the app’s own';
  if (text.includes('#')) return 'must have no fragment'; // RFC 6749 section 3.1.2
  if (!URI_CHARACTERS.test(text)) return 'must be one URI: it is compared character by character, and there are no wildcards';
  return /^https?$/.test(uri.scheme) ? webComplaint(uri, allow_http) : null;
}

function webComplaint({ scheme, authority = '', path }: Uri, allow_http: boolean): string | null {
  const host = hostFromAuthority(authority);
  if (host === null) return 'must name a host, and no user';
  // A browser would resolve these to another path.
  if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(path)) return 'must have no dot segments';
  // RFC 9700 section 2.6
  if (scheme === 'http' && !allow_http && !isLoopbackHost(host))
    return 'must be https, unless it is loopback or the configuration has allow_http_redirect_uris: true';
  return null;
}

/** The host of an authority without user, brackets and port; null if there is none. */
export function hostFromAuthority(authority: string): string | null {
  const [, name, address, port] = HOST_AND_PORT.exec(authority) ?? [];
  return Number(port ?? 0) > 65_535 ? null : (name ?? address ?? null);
}

/** Whether a host is loopback, by name or by address. */
export function isLoopbackHost(host: string): boolean {
  return host.toLowerCase() === 'localhost' || isLoopback(host);
}

/**
 * Whether the URI matches a registered one: equal, or loopback with another port (RFC 8252 section
 * 7.3). `localhost` counts as well, as many tools register it.
 */
export function isRegisteredRedirectUri(registered: readonly string[], redirect_uri: string): boolean {
  if (registered.includes(redirect_uri)) return true;
  const sent = loopback(redirect_uri);
  return sent !== null && registered.some((uri) => loopback(uri) === sent);
}

/** A loopback redirect URI without its port; null for others. */
function loopback(uri: string): string | null {
  const [, host, port, rest] = LOOPBACK_REDIRECT.exec(uri) ?? [];
  return host === undefined || rest === undefined || Number(port ?? 0) > 65_535 ? null : host + rest;
}
