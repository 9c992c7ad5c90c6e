// Determines which requests may use Home Assistant's dialect. Used by the token and revocation
// endpoints.
import type { RequestContext } from '../tokens/grant.ts';

const BASIC = /^basic\b/i;

/** Whether the request carries no client credentials: no secret, Basic header or assertion. */
export function hasNoCredentials(
  parameters: ReadonlyMap<string, string>,
  { authorization = '' }: Pick<RequestContext, 'authorization'>,
): boolean {
  return !BASIC.test(authorization) && !parameters.get('client_secret') && !parameters.get('client_assertion');
}

/** A request that names a URL or no client: only the presented token or code shows its dialect. */
export function sendsNoClientCredentials(
  parameters: ReadonlyMap<string, string>,
  { authorization = '' }: Pick<RequestContext, 'authorization'>,
): boolean {
  const client_id = parameters.get('client_id');
  if (client_id) return client_id.includes('://');
  return !BASIC.test(authorization) && !parameters.get('client_assertion');
}
