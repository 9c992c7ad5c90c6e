// The headers every answer carries, refusals included: no framing, no sniffing, no referrer, nothing loaded, nothing cached.

import type { onRequestHookHandler, onSendHookHandler } from 'fastify';
import { AuthError } from '../../domain/errors.ts';

const MAX_HEADERS = 100;

/** The security headers of an answer that is not a page. */
export function securityHeaders(public_url: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': "default-src 'none'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'",
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    ...(public_url.startsWith('https:') ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}

/**
 * The policy of a page. `any_form_target` for pages whose POST ends in a redirect to a client:
 * Chromium applies form-action to the whole redirect chain, custom schemes included.
 */
export function pagePolicy({ any_form_target = false } = {}): string {
  return any_form_target ? ANY_FORM_TARGET : `${ANY_FORM_TARGET}; form-action 'self'`;
}

const ANY_FORM_TARGET = [
  ...["default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self' data:", "connect-src 'self'"],
  ...["base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"],
].join('; ');

/** Sets the headers first of all, so that every later refusal has them. */
export function headersHook(headers: Readonly<Record<string, string>>): onRequestHookHandler {
  return (_request, reply, done) => {
    reply.headers(headers);
    done();
  };
}

/** Refuses what no honest client sends: heaps of headers and compressed bodies. */
export const boundsHook: onRequestHookHandler = (request, _reply, done) => {
  if (request.raw.rawHeaders.length > 2 * MAX_HEADERS) return done(new AuthError('headers_too_large', 'Too many headers'));
  const { 'content-encoding': encoding, 'content-length': length, 'transfer-encoding': transfer } = request.headers;
  // A proxy that asks about a request sends its headers without its body.
  const has_body = transfer !== undefined || Number(length ?? 0) > 0;
  if (has_body && encoding !== undefined && encoding !== 'identity')
    return done(new AuthError('unsupported_media_type', 'Content-Encoding is not supported'));
  done();
};

/**
 * Asks clients to connect elsewhere next time, so that none loses a request to a connection that ends. Not before the server listens no more:
 * a client that is asked earlier connects here again, and what waits to be accepted when the listener closes is reset.
 */
export function sheddingHook(isShedding: () => boolean): onSendHookHandler {
  return (_request, reply, _payload, done) => {
    if (isShedding()) reply.header('connection', 'close');
    done();
  };
}
