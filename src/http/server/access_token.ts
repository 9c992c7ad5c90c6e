// The access token of a request to a resource of the standard profile (RFC 6750 section 2, RFC 9449 section 7.1): in the header, its scheme
// in any case, or in a form body; never in the query, and never twice.

import type { FastifyRequest } from 'fastify';
import { errorDescription } from '../../domain/error_description.ts';
import { AuthError } from '../../domain/errors.ts';
import type { PresentedAccessToken } from '../../oauth/userinfo.ts';
import { headerValues } from './header_values.ts';

/** What was presented; null when nothing was. `form`: the body, where it may carry a token. */
export function presentedAccessToken(request: FastifyRequest, form?: ReadonlyMap<string, string>): PresentedAccessToken | null {
  const [header, ...others] = headerValues(request, 'authorization');
  if (others.length > 0) throw new AuthError('invalid_request', 'More than one Authorization header');
  const from_header = header === undefined ? null : readHeader(header);
  const from_body = form?.get('access_token');
  if (from_body === undefined) return from_header;
  if (from_header) throw new AuthError('invalid_request', 'More than one access token');
  return { scheme: 'Bearer', access_token: from_body };
}

function readHeader(header: string): PresentedAccessToken | null {
  const [, scheme = '', access_token = ''] = /^(bearer|dpop) +([^\s]+)$/i.exec(header) ?? [];
  if (access_token === '') return null;
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', access_token };
}

/** The challenge that goes with a refusal (RFC 6750 section 3); without a code where nothing was presented. */
export function bearerChallenge(scheme: 'Bearer' | 'DPoP', error?: AuthError): string {
  const { code, description } = error ?? {};
  const parameters = [
    ...(code ? [`error="${code}"`, `error_description="${errorDescription(description ?? '')}"`] : []),
    ...(code === 'insufficient_scope' ? ['scope="openid"'] : []),
  ];
  return [scheme, parameters.join(', ')].filter(Boolean).join(' ');
}
