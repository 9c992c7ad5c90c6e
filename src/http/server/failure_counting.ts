// Decides which responses count as failures of the address, and in which bucket, for every route:
// wrong credentials and factors, unknown codes and refresh tokens, forged bearer tokens, and errors
// of Home Assistant's login routes (HA contract 1.6).

import type { FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../domain/errors.ts';

/**
 * `address`: counts towards a ban. `cross_site`: caused by another site's page; only further such
 * requests are refused. Null: does not count.
 */
export type FailureBucket = 'address' | 'cross_site' | null;

/** Errors that reveal no guess, or are the server's fault. */
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
  // For a known device code.
  'authorization_pending',
  'slow_down',
  'device_denied',
  'expired_token',
  // The proof only lacks a fresh nonce.
  'use_dpop_nonce',
];

/** The bucket of a request; called once the response is known. */
export function failureBucket(request: FastifyRequest): FailureBucket {
  if (!isFailure(request)) return null;
  return request.is_cross_site ? 'cross_site' : 'address';
}

function isFailure({ refusal, counts_as_failure, presents_client, routeOptions }: FastifyRequest): boolean {
  const { counts_refusals } = routeOptions.config;
  // A wrong client secret is a guess on any route, unless no client is named.
  if (counts_as_failure || (refusal?.code === 'invalid_client' && presents_client)) return true;
  return counts_refusals === true && refusal !== null && refusal.status < 500 && !HARMLESS.includes(refusal.code);
}
