// Which answers count against the address that asked, and in which bucket: the one rule for every route.
// Counted are wrong credentials and factors, unknown codes and refresh tokens, forged bearers, and the
// refusals of Home Assistant's login routes (HA contract 1.6).

import type { FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../domain/errors.ts';

/**
 * `address`: counts towards a ban. `cross_site`: the page of another site made the browser send the request, which only refuses further
 * requests of that kind. Null: does not count.
 */
export type FailureBucket = 'address' | 'cross_site' | null;

/** Refusals that tell nothing about who is guessing: no guess was looked at, or the fault is ours. */
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
  // The proof lacks nothing but a fresh nonce.
  'use_dpop_nonce',
];

/** The bucket in which the answer to a request counts; asked once the answer is known. */
export function failureBucket(request: FastifyRequest): FailureBucket {
  if (!isFailure(request)) return null;
  return request.is_cross_site ? 'cross_site' : 'address';
}

function isFailure({ refusal, counts_as_failure, presents_client, routeOptions }: FastifyRequest): boolean {
  const { counts_refusals } = routeOptions.config;
  // A wrong client secret is a guess on any route; a request that names no client is none.
  if (counts_as_failure || (refusal?.code === 'invalid_client' && presents_client)) return true;
  return counts_refusals === true && refusal !== null && refusal.status < 500 && !HARMLESS.includes(refusal.code);
}
