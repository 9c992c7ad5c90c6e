// Clients identified by a URL without registration: which strings are valid (HA contract 4.1), and
// what a page may show of them.

import { memoize } from './memoize.ts';
import { addressText, isLocalAddress, parseAddress, peerAddress } from './network.ts';
import { asciiAuthority, parseUri } from './uri.ts';

/** A URL client's id in canonical parts. Ids themselves are compared byte for byte. */
export interface ClientId {
  readonly scheme: 'http' | 'https';
  /** Host and port in lower case; default ports are kept as written. */
  readonly authority: string;
  /** Without brackets and port. */
  readonly host: string;
  readonly path: string;
  /**
   * Whether the host is an IP address outside the local networks: valid only as this server's own.
   */
  readonly has_public_address: boolean;
}

/** The maximum length of a client_id; it must fit a database index. */
const MAX_CLIENT_ID_LENGTH = 2048;

/** Parses the id of a URL client; null if it is not one. */
export const parseClientId = memoize((text): ClientId | null => {
  const uri = text.length <= MAX_CLIENT_ID_LENGTH ? parseUri(text) : null;
  if (!uri || (uri.scheme !== 'http' && uri.scheme !== 'https') || uri.fragment) return null;
  const path = uri.path || '/';
  const authority = uri.authority?.toLowerCase() ?? '';
  const host = parseHost(authority);
  if (host === null || hasDotSegment(path)) return null;
  const has_public_address = parseAddress(host) !== null && !isLocalAddress(host);
  return { scheme: uri.scheme, authority, host, path, has_public_address };
});

/** Whether the text has the form of a URL client's id. */
export function isUrlClientId(text: string): boolean {
  return parseClientId(text) !== null;
}

/**
 * Whether the text is accepted as a URL client: an IP address must be local, or the host of
 * `public_url` at any port.
 */
export function isAcceptedClientId(text: string, public_url: string): boolean {
  const client = parseClientId(text);
  return client !== null && (!client.has_public_address || isSameAddress(client.host, parseClientId(public_url)?.host ?? ''));
}

function isSameAddress(one: string, other: string): boolean {
  const [a, b] = [peerAddress(one), peerAddress(other)];
  return a !== null && b !== null && addressText(a) === addressText(b);
}

/**
 * The host and port of a URL client as a page shows them: look-alike letters as `xn--…`. Null for a
 * client of another kind.
 */
export function displayHost(client_id: string): string | null {
  const parsed = parseClientId(client_id);
  return parsed && asciiAuthority(parsed.authority);
}

function parseHost(authority: string): string | null {
  const [, bracketed, name, port] = /^(?:\[([^[\]@]*)\]|([^[\]@:]+))(?::(\d*))?$/.exec(authority) ?? [];
  const host = bracketed ?? name;
  if (host === undefined || Number(port ?? 0) > 65_535 || hidesDelimiter(authority)) return null;
  const address = parseAddress(host);
  if (bracketed !== undefined && address?.family !== 6) return null;
  return host;
}

// Letters such as U+2100 turn into text with a slash when a host is normalised.
function hidesDelimiter(authority: string): boolean {
  const plain = authority.replace(/[@:#?]/g, '');
  const normalised = plain.normalize('NFKC');
  return normalised !== plain && /[/?#@:]/.test(normalised);
}

// `..;x` is a dot segment to servers that read path parameters.
function hasDotSegment(path: string): boolean {
  return path.split('/').some((segment) => /^\.{1,2}(;|$)/.test(segment));
}
