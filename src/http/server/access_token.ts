// Reads the access token of a request (RFC 6750 section 2, RFC 9449 section 7.1): from the header,
// with a case-insensitive scheme, or from a form body; never from the query, and never twice.

import type { FastifyRequest } from 'fastify';
import { errorDescription } from '../../domain/error_description.ts';
import { AuthError } from '../../domain/errors.ts';
import type { PresentedAccessToken } from '../../oauth/userinfo.ts';
import { headerValues } from './header_values.ts';

/** The presented token; null if there is none. `form`: the body, if it may contain a token. */
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

/**
 * The WWW-Authenticate challenge (RFC 6750 section 3); without an error code if no token was
 * presented.
 */
export function bearerChallenge(scheme: 'Bearer' | 'DPoP', error?: AuthError): string {
  const { code, description } = error ?? {};
  const parameters = [
    ...(code ? [`error="${code}"`, `error_description="${errorDescription(description ?? '')}"`] : []),
    ...(code === 'insufficient_scope' ? ['scope="openid"'] : []),
  ];
  return [scheme, parameters.join(', ')].filter(Boolean).join(' ');
}
