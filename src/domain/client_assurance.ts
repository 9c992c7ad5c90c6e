// Who answers for a client's identity: the operator, the client's own host, or nobody.
// Asked before a code is issued without a page, and before a browser is redirected without one.
import { type Client, isConfidential } from './client.ts';
import { redirectUriMatches } from './redirect_uri.ts';
import { hostFromAuthority, isLoopbackHost } from './registered_redirect_uri.ts';
import { parseUri } from './uri.ts';

type Named = Pick<Client, 'client_id' | 'kind' | 'trusted' | 'token_endpoint_auth_method'>;

/** Whether the operator registered the client. Nobody checked what the others say of themselves. */
export function isOperatorRegistered({ kind }: Pick<Client, 'kind'>): boolean {
  return kind === 'registered';
}

/**
 * Whether the operator lets the client have codes without asking the person. A URL client's answer must then
 * go to its own origin, or be one of the companion apps' redirect URIs.
 */
export function isTrustedClient(client: Named, redirect_uri: string): boolean {
  if (!client.trusted) return false;
  return isOperatorRegistered(client) || redirectUriMatches(client.client_id, redirect_uri);
}

/**
 * Whether an earlier consent may stand in for a page: only where another program cannot pass itself off as the
 * client. A public client with a custom scheme or a loopback address cannot be told apart (RFC 8252 section 8.6).
 */
export function hasAssuredIdentity(client: Named, redirect_uri: string): boolean {
  if (!isOperatorRegistered(client)) return false;
  return isConfidential(client) || isWebAddress(redirect_uri);
}

/** An http or https URL of another machine. */
function isWebAddress(redirect_uri: string): boolean {
  const { scheme = '', authority = '' } = parseUri(redirect_uri) ?? {};
  const host = hostFromAuthority(authority);
  return /^https?$/.test(scheme) && host !== null && !isLoopbackHost(host);
}
