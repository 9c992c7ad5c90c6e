// Redirect URIs of URL clients (HA contract 4.2), and how a code is appended to them. Registered
// clients' redirect_uris are compared as whole strings instead.
import { parseClientId } from './client_id.ts';
import { asciiAuthority, asciiOnly, parseUri } from './uri.ts';

const FORBIDDEN_SCHEMES = new Set(['javascript', 'data', 'vbscript', 'file', 'about', 'blob']);

// Home Assistant's companion apps cannot receive a response at the host of their client_id.
const COMPANION_APPS: ReadonlyMap<string, readonly string[]> = new Map([
  ['https://home-assistant.io/iOS', ['homeassistant://auth-callback']],
  [
    'https://home-assistant.io/android',
    [
      'homeassistant://auth-callback',
      'https://wear.googleapis.com/3p_auth/io.homeassistant.companion.android',
      'https://wear.googleapis-cn.com/3p_auth/io.homeassistant.companion.android',
    ],
  ],
]);

/**
 * Whether redirects to this URI are never allowed: it runs script, reads files, is not absolute, or
 * is ambiguous to browsers.
 */
export function isForbiddenRedirectUri(redirect_uri: string): boolean {
  const uri = parseUri(redirect_uri);
  if (!uri || FORBIDDEN_SCHEMES.has(uri.scheme)) return true;
  return /^https?$/.test(uri.scheme) && !uri.authority;
}

/**
 * Whether the URI belongs to the URL client without asking its page: same scheme and authority, or
 * a companion app's.
 */
export function redirectUriMatches(client_id: string, redirect_uri: string): boolean {
  const client = parseClientId(client_id);
  if (!client || isForbiddenRedirectUri(redirect_uri)) return false;
  if (COMPANION_APPS.get(client_id)?.includes(redirect_uri)) return true;
  const uri = parseUri(redirect_uri);
  return uri?.scheme === client.scheme && uri.authority?.toLowerCase() === client.authority;
}

/**
 * Whether the URI is accepted for the URL client; `published` are its page's URIs, needed only if
 * `redirectUriMatches` is false.
 */
export function acceptsRedirectUri(client_id: string, redirect_uri: string, published: readonly string[]): boolean {
  if (redirectUriMatches(client_id, redirect_uri)) return true;
  return parseClientId(client_id) !== null && !isForbiddenRedirectUri(redirect_uri) && published.includes(redirect_uri);
}

/**
 * Appends the code as Home Assistant's page does (HA contract 3.3); the URI's own query is kept.
 * The result is ASCII.
 */
export function appendCode(redirect_uri: string, answer: { code: string; state?: string | null; storeToken?: boolean }): string {
  const separator = redirect_uri.includes('?') ? (redirect_uri.endsWith('&') ? '' : '&') : '?';
  const state = answer.state ? `&state=${encode(answer.state)}` : '';
  return `${asciiOnly(redirect_uri)}${separator}code=${encode(answer.code)}${state}${answer.storeToken ? '&storeToken=true' : ''}`;
}

/**
 * The redirect's destination for a page: the host in ASCII, preceded by an app's own scheme. Empty
 * for an invalid URI.
 */
export function redirectHost(redirect_uri: string): string {
  const uri = parseUri(redirect_uri);
  if (!uri) return '';
  const authority = asciiAuthority(uri.authority ?? '');
  return /^https?$/.test(uri.scheme) ? authority : `${uri.scheme}:${authority && `//${authority}`}`;
}

function encode(value: string): string {
  return encodeURIComponent(value.replace(/\p{Cs}/gu, '\ufffd'));
}
