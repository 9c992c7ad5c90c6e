// Where a URL client may have its code sent (HA contract 4.2), and how the answer is joined to that place.
// A registered client's redirect_uris are compared as whole strings instead; nothing here loosens that.
import { parseClientId } from './client_id.ts';
import { asciiAuthority, asciiOnly, parseUri } from './uri.ts';

const FORBIDDEN_SCHEMES = new Set(['javascript', 'data', 'vbscript', 'file', 'about', 'blob']);

// Home Assistant's own apps cannot receive an answer at the host that their name is.
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

/** Whether nobody may ever be sent to this URI: it runs script, reads files, is no absolute URI, or a browser could read it differently. */
export function isForbiddenRedirectUri(redirect_uri: string): boolean {
  const uri = parseUri(redirect_uri);
  if (!uri || FORBIDDEN_SCHEMES.has(uri.scheme)) return true;
  return /^https?$/.test(uri.scheme) && !uri.authority;
}

/** Whether the URI is the URL client's own, by itself: same scheme and authority, or a companion app's. No page is asked. */
export function redirectUriMatches(client_id: string, redirect_uri: string): boolean {
  const client = parseClientId(client_id);
  if (!client || isForbiddenRedirectUri(redirect_uri)) return false;
  if (COMPANION_APPS.get(client_id)?.includes(redirect_uri)) return true;
  const uri = parseUri(redirect_uri);
  return uri?.scheme === client.scheme && uri.authority?.toLowerCase() === client.authority;
}

/** Whether the URI is accepted for the URL client; `published` are those on its page, needed only where `redirectUriMatches` says no. */
export function acceptsRedirectUri(client_id: string, redirect_uri: string, published: readonly string[]): boolean {
  if (redirectUriMatches(client_id, redirect_uri)) return true;
  return parseClientId(client_id) !== null && !isForbiddenRedirectUri(redirect_uri) && published.includes(redirect_uri);
}

/** Joins the answer to the URI exactly as Home Assistant's page does (HA contract 3.3); its own query stays. The result is ASCII, fit for a header. */
export function appendCode(redirect_uri: string, answer: { code: string; state?: string | null; storeToken?: boolean }): string {
  const separator = redirect_uri.includes('?') ? (redirect_uri.endsWith('&') ? '' : '&') : '?';
  const state = answer.state ? `&state=${encode(answer.state)}` : '';
  return `${asciiOnly(redirect_uri)}${separator}code=${encode(answer.code)}${state}${answer.storeToken ? '&storeToken=true' : ''}`;
}

/** Where the URI leads, for a page: the host in ASCII, for an app's own scheme with that in front. Empty where it is no URI. */
export function redirectHost(redirect_uri: string): string {
  const uri = parseUri(redirect_uri);
  if (!uri) return '';
  const authority = asciiAuthority(uri.authority ?? '');
  return /^https?$/.test(uri.scheme) ? authority : `${uri.scheme}:${authority && `//${authority}`}`;
}

function encode(value: string): string {
  return encodeURIComponent(value.replace(/\p{Cs}/gu, '\ufffd'));
}
