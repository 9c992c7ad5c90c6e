// Who vouches for a client's identity: the operator, the owner's approval, or nobody. Consulted
// before a code is issued, or a browser redirected, without showing a page.
import { type Client, isConfidential } from './client.ts';
import { redirectUriMatches } from './redirect_uri.ts';
import { hostFromAuthority, isLoopbackHost } from './registered_redirect_uri.ts';
import { parseUri } from './uri.ts';

type Named = Pick<Client, 'client_id' | 'kind' | 'approval' | 'trusted' | 'token_endpoint_auth_method'>;

/** Whether the operator registered the client; what other clients claim is unverified. */
export function isOperatorRegistered({ kind }: Pick<Client, 'kind'>): boolean {
  return kind === 'registered';
}

/** Whether the operator registered the client, or the owner approved what it says of itself. */
export function isVouchedFor({ kind, approval }: Pick<Client, 'kind' | 'approval'>): boolean {
  return isOperatorRegistered({ kind }) || approval === 'approved';
}

/**
 * Whether the operator lets the client receive codes without consent. A URL client's redirect URI
 * must have its own origin, or be one of the companion apps' URIs.
 */
export function isTrustedClient(client: Named, redirect_uri: string): boolean {
  if (!client.trusted) return false;
  return isOperatorRegistered(client) || redirectUriMatches(client.client_id, redirect_uri);
}

/**
 * Whether an earlier consent may replace a page: only if no other program can impersonate the
 * client. Public clients with a custom scheme or a loopback address can be impersonated (RFC 8252
 * section 8.6).
 */
export function hasAssuredIdentity(client: Named, redirect_uri: string): boolean {
  if (!isVouchedFor(client)) return false;
  return isConfidential(client) || isWebAddress(redirect_uri);
}

/** An http or https URL of another machine. */
function isWebAddress(redirect_uri: string): boolean {
  const { scheme = '', authority = '' } = parseUri(redirect_uri) ?? {};
  const host = hostFromAuthority(authority);
  return /^https?$/.test(scheme) && host !== null && !isLoopbackHost(host);
}
