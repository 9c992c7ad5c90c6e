// Which requests may speak Home Assistant's dialect, as far as their client shows. Called by the token and the revocation endpoint.
import type { RequestContext } from '../tokens/grant.ts';

const BASIC = /^basic\b/i;

/** Whether the request carries no proof of the client's identity: no secret, no Basic credentials, no assertion. */
export function hasNoCredentials(
  parameters: ReadonlyMap<string, string>,
  { authorization = '' }: Pick<RequestContext, 'authorization'>,
): boolean {
  return !BASIC.test(authorization) && !parameters.get('client_secret') && !parameters.get('client_assertion');
}

/** A request that names a URL, or no client in any way: only the look of what it presents tells its dialect. */
export function sendsNoClientCredentials(
  parameters: ReadonlyMap<string, string>,
  { authorization = '' }: Pick<RequestContext, 'authorization'>,
): boolean {
  const client_id = parameters.get('client_id');
  if (client_id) return client_id.includes('://');
  return !BASIC.test(authorization) && !parameters.get('client_assertion');
}
