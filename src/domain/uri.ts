// URIs taken apart as raw strings (RFC 3986 appendix B). WHATWG URL would drop default ports, resolve dot segments, rewrite hosts and read `\` as `/`,
// and so call two strings equal that Home Assistant and other clients tell apart.
import { domainToASCII } from 'node:url';
import { memoize } from './memoize.ts';

/** The parts of a reference as they are written, but the scheme in lower case. Undefined: not there; empty: there, but empty. */
interface Reference {
  scheme: string | undefined;
  authority: string | undefined;
  path: string;
  query: string | undefined;
  fragment: string | undefined;
}

/** The parts of an absolute URI. */
export interface Uri extends Reference {
  scheme: string;
}

const PARTS = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;
// A browser drops or re-reads these, so that it would go elsewhere than we judged.
const AMBIGUOUS = /[\s\p{Cc}\p{Cs}\\]/u;

/** Takes an absolute URI apart; null for a relative one and for one with a backslash, a blank, a control character or a lone surrogate in it. */
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

/** A host with its port as a reader can trust it: look-alike letters as punycode (`xn--…`), nothing but ASCII. */
export const asciiAuthority = memoize((authority): string => {
  const [, host = authority, port = ''] = /^(.*?)(:\d*)?$/s.exec(authority) ?? [];
  return (domainToASCII(host) || asciiOnly(host)) + port;
});

/** A URI with everything beyond printable ASCII percent-encoded, as a header needs it; a browser reads it as the same. */
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
