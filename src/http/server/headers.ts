// Security headers of every response: no framing, sniffing, referrer, loading or caching.

import type { onRequestHookHandler, onSendHookHandler } from 'fastify';
import { AuthError } from '../../domain/errors.ts';

const MAX_HEADERS = 100;

/** The headers of responses other than pages. */
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
 * A page's Content-Security-Policy. `any_form_target` for pages whose POST redirects to a client:
 * Chromium applies form-action to the whole redirect chain.
 */
export function pagePolicy({ any_form_target = false } = {}): string {
  return any_form_target ? ANY_FORM_TARGET : `${ANY_FORM_TARGET}; form-action 'self'`;
}

const ANY_FORM_TARGET = [
  ...["default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self' data:", "connect-src 'self'"],
  ...["base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"],
].join('; ');

/** Sets the headers first, so that errors have them, too. */
export function headersHook(headers: Readonly<Record<string, string>>): onRequestHookHandler {
  return (_request, reply, done) => {
    reply.headers(headers);
    done();
  };
}

/** Refuses excessive headers and compressed bodies. */
export const boundsHook: onRequestHookHandler = (request, _reply, done) => {
  if (request.raw.rawHeaders.length > 2 * MAX_HEADERS) return done(new AuthError('headers_too_large', 'Too many headers'));
  const { 'content-encoding': encoding, 'content-length': length, 'transfer-encoding': transfer } = request.headers;
  // A proxy sends the headers of the original request without its body.
  const has_body = transfer !== undefined || Number(length ?? 0) > 0;
  if (has_body && encoding !== undefined && encoding !== 'identity')
    return done(new AuthError('unsupported_media_type', 'Content-Encoding is not supported'));
  done();
};

/**
 * Asks clients to reconnect, so that none loses a request to a closing connection. Only after
 * listening has ended: earlier, clients would reconnect here, and be reset.
 */
export function sheddingHook(isShedding: () => boolean): onSendHookHandler {
  return (_request, reply, _payload, done) => {
    if (isShedding()) reply.header('connection', 'close');
    done();
  };
}
