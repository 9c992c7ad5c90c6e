// Banned addresses are refused before anything else is looked at, except the owner's own browser, so that nobody locks the owner out.
// And what counts towards a ban: the refusals of Home Assistant's login routes (HA contract 1.6) and forged tokens.

import type { FastifyRequest, onRequestAsyncHookHandler, onSendHookHandler } from 'fastify';
import { AuthError, type ErrorCode } from '../domain/errors.ts';

export interface BanDeps {
  throttle: {
    isBanned(address: string): Promise<boolean>;
    failed(address: string, name: string | null): Promise<void>;
  };
  /** Whether the request carries a live session of the owner. */
  isOwnersBrowser(request: FastifyRequest): Promise<boolean>;
}

export function banHook({ throttle, isOwnersBrowser }: BanDeps): onRequestAsyncHookHandler {
  return async (request) => {
    if (request.routeOptions.config.monitoring || !(await throttle.isBanned(request.remote_address))) return;
    if (!(await isOwnersBrowser(request))) throw new AuthError('banned', 'Forbidden');
  };
}

/** Refusals that say nothing about who is guessing: no guess was looked at, or we ourselves were at fault. */
const HARMLESS: readonly ErrorCode[] = [
  'invalid_json',
  'invalid_format',
  'banned',
  'invalid_forwarded_header',
  'cross_site_request',
  'payload_too_large',
  'headers_too_large',
  'unsupported_media_type',
  'too_many_requests',
  'flow_in_progress',
  // Of a device code that is known.
  'authorization_pending',
  'slow_down',
  'device_denied',
  'expired_token',
  // The proof was good but for its nonce.
  'use_dpop_nonce',
];

/** Counts before the answer leaves, so that the next request already meets the ban. */
export function countingHook({ throttle }: BanDeps): onSendHookHandler {
  return (request, _reply, _payload, done) => {
    if (!counts(request)) return done();
    // The answer stands, counted or not.
    const log = (err: unknown) => request.log.error({ err }, 'a failure was not counted');
    void throttle
      .failed(request.remote_address, null)
      .catch(log)
      .then(() => done());
  };
}

function counts(request: FastifyRequest): boolean {
  const { refusal } = request;
  // A wrong client secret is a guess, wherever it is made.
  if (request.counts_as_failure || refusal?.code === 'invalid_client') return true;
  if (!refusal || !request.routeOptions.config.counts_refusals) return false;
  return refusal.status < 500 && !HARMLESS.includes(refusal.code);
}
