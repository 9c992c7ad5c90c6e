// URIs split as raw strings (RFC 3986 appendix B). WHATWG URL drops default ports, resolves dot
// segments, rewrites hosts and reads `\` as `/`, which would equate strings that Home Assistant and
// other clients distinguish.
import { domainToASCII } from 'node:url';
import { memoize } from './memoize.ts';

/**
 * The components of a reference as written, with the scheme in lower case. Undefined: absent;
 * empty: present but empty.
 */
interface Reference {
  scheme: string | undefined;
  authority: string | undefined;
  path: string;
  query: string | undefined;
  fragment: string | undefined;
}

/** The components of an absolute URI. */
export interface Uri extends Reference {
  scheme: string;
}

const PARTS = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;
// Characters that browsers drop or interpret differently.
const AMBIGUOUS = /[\s\p{Cc}\p{Cs}\\]/u;

/**
 * Splits an absolute URI; null for relative ones and those with a backslash, space, control
 * character or lone surrogate.
 */
export function parseUri(text: string): Uri | null {
  const { scheme, ...rest } = split(text);
  return scheme === undefined || AMBIGUOUS.test(text) ? null : { scheme, ...rest };
}

/** Resolves a reference against a base URI as Python's `urljoin` does. */
export function resolveUri(base: string, reference: string): string {
  const from = split(base);
  const to = split(reference);
  if (reference === '') return base;
  if (to.scheme !== undefined && to.scheme !== from.scheme) return reference;
  if (to.authority) return join({ ...to, scheme: from.scheme });
  if (to.path === '') return join({ ...from, query: to.query || from.query, fragment: to.fragment });
  return join({ ...to, scheme: from.scheme, authority: from.authority, path: mergePaths(from.path, to.path) });
}

/** Host and port as a reader can trust them: look-alike letters as punycode (`xn--…`). */
export const asciiAuthority = memoize((authority): string => {
  const [, host = authority, port = ''] = /^(.*?)(:\d*)?$/s.exec(authority) ?? [];
  return (domainToASCII(host) || asciiOnly(host)) + port;
});

/**
 * Percent-encodes everything beyond printable ASCII, as headers require; browsers read the result
 * as the same URI.
 */
export function asciiOnly(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd').replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}

function split(text: string): Reference {
  const [, scheme, authority, path = '', query, fragment] = PARTS.exec(text) ?? [];
  return { scheme: scheme?.toLowerCase(), authority, path, query, fragment };
}

function join({ scheme, authority, path, query, fragment }: Reference): string {
  return `${scheme ?? ''}:${authority === undefined ? '' : `//${authority}`}${path}${query ? `?${query}` : ''}${fragment ? `#${fragment}` : ''}`;
}

function mergePaths(base: string, reference: string): string {
  const merged = reference.startsWith('/') ? reference.split('/') : relativeSegments(base, reference);
  const resolved: string[] = [];
  for (const segment of merged) {
    if (segment === '..') resolved.pop();
    else if (segment !== '.') resolved.push(segment);
  }
  if (/(^|\/)\.{1,2}$/.test(reference)) resolved.push('');
  return `/${resolved.join('/').replace(/^\//, '')}`;
}

function relativeSegments(base: string, reference: string): string[] {
  const folder = base.split('/');
  if (folder.at(-1) !== '') folder.pop();
  const segments = [...folder, ...reference.split('/')];
  return segments.filter((segment, index) => segment !== '' || index === 0 || index === segments.length - 1);
}
