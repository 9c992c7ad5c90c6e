// Finds the issuer for an account (OpenID Connect Discovery section 2, RFC 7033).

import { AuthError } from '../domain/errors.ts';
import type { JsonObject } from '../domain/json.ts';

const ISSUER = 'http://openid.net/specs/connect/1.0/issuer';
const MAX_LENGTH = 2048;

/**
 * The document for `resource`, the same for every account, whether or not there is one. Links of
 * other relations than those in `rel` are left out. Throws `invalid_request` if `resource` is no
 * absolute URI.
 */
export function webfinger(query: URLSearchParams, issuer: string): JsonObject {
  const [resource = '', ...others] = query.getAll('resource');
  if (others.length > 0 || resource.length > MAX_LENGTH || !URL.canParse(resource))
    throw new AuthError('invalid_request', 'resource must be one absolute URI, such as acct:ada@example.com');
  const asked = query.getAll('rel');
  const links = asked.length === 0 || asked.includes(ISSUER) ? [{ rel: ISSUER, href: issuer }] : [];
  return { subject: resource, links };
}
