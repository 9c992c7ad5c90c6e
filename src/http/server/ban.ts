// Refuses banned addresses before anything else, except the owner's browser, so that the owner
// cannot be locked out. Failed cross-site requests never lead to a ban; after too many, further
// ones are refused, and none may carry a credential.

import type { FastifyRequest, onRequestAsyncHookHandler, onSendHookHandler } from 'fastify';
import { AuthError } from '../../domain/errors.ts';
import { failureBucket } from './failure_counting.ts';
import type { HostRule } from './host_rule.ts';
import { crossSite } from './same_origin.ts';

export interface BanDeps {
  throttle: {
    isBanned(address: string): Promise<boolean>;
    failed(address: string, name: string | null): Promise<void>;
    failedCrossSite(address: string): Promise<void>;
    refusesCrossSite(address: string): Promise<boolean>;
  };
  hostRule: Pick<HostRule, 'failureAddressOf'>;
  /** Whether the request has a valid session of the owner. */
  isOwnersBrowser(request: FastifyRequest): Promise<boolean>;
}

export function banHook({ throttle, hostRule, isOwnersBrowser }: BanDeps): onRequestAsyncHookHandler {
  return async (request) => {
    const { monitoring, answers, is_socket } = request.routeOptions.config;
    if (monitoring) return;
    const is_banned = await throttle.isBanned(hostRule.failureAddressOf(request));
    if (is_banned && !(await isOwnersBrowser(request))) throw new AuthError('banned', 'Forbidden');
    if (request.is_cross_site && (answers === 'oauth' || is_socket)) await refuseCrossSite(request, throttle);
  };
}

/**
 * At endpoints where clients and tokens authenticate; pages and forward-auth legitimately receive
 * such requests.
 */
async function refuseCrossSite(request: FastifyRequest, throttle: BanDeps['throttle']): Promise<void> {
  if (/^basic\b/i.test(request.headers.authorization ?? '')) throw crossSite('Basic credentials in a request of another site');
  if (await throttle.refusesCrossSite(request.remote_address))
    throw new AuthError('too_many_requests', 'Too many failed requests from pages of other sites', { retry_after: 60 });
}

/** Counts before the response is sent, so that the ban applies to the next request. */
export function countingHook({ throttle, hostRule }: BanDeps): onSendHookHandler {
  return (request, _reply, _payload, done) => {
    const bucket = failureBucket(request);
    if (bucket === null) return done();
    const counted =
      bucket === 'address' ? throttle.failed(hostRule.failureAddressOf(request), null) : throttle.failedCrossSite(request.remote_address);
    // The response is sent even if counting fails.
    void counted.catch((err: unknown) => request.log.error({ err }, 'a failure was not counted')).then(() => done());
  };
}
