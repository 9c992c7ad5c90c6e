// Authenticates JSON routes (HA contract 1.7 and 1.8): exactly `Bearer`, one space and the token;
// nothing else.

import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { ApprovalsBy } from '../../accounts/actor.ts';
import type { Clock } from '../../domain/clock.ts';
import { AuthError } from '../../domain/errors.ts';
import { API_SCOPES } from '../../domain/scope.ts';
import type { Caller } from '../../tokens/bearer.ts';
import { type ForgedTokenDeps, isForged } from './forged_token.ts';
import { headerValues } from './header_values.ts';

/**
 * The required role. Administrators include everyone else, the owner all; who approves besides the
 * owner is a setting.
 */
export type RequiredRole = 'anyone' | 'admin' | 'approver' | 'owner';

export interface BearerGuard {
  /**
   * Sets `request.caller` or refuses: 401 for an invalid token, 403 for insufficient rights. Home
   * Assistant's tokens carry all rights of their user; standard tokens need a scope of the API.
   */
  allow(who: RequiredRole): onRequestHookHandler;
}

interface Deps {
  bearer: { authenticate(token: string, remote_address: string): Promise<Caller | null> };
  keyring: ForgedTokenDeps['keyring'];
  importedTokens: ForgedTokenDeps['importedTokens'];
  clock: Clock;
  public_url: string;
  /** Who approves new users and apps. */
  approvals_by: ApprovalsBy;
}

export function createBearerGuard({ bearer, keyring, importedTokens, clock, public_url, approvals_by }: Deps): BearerGuard {
  const challenge = `Bearer resource_metadata="${public_url}/.well-known/oauth-protected-resource"`;

  async function authenticate(request: FastifyRequest, reply: FastifyReply): Promise<Caller> {
    const token = tokenOf(request);
    const caller = token === null ? null : await bearer.authenticate(token, request.remote_address);
    if (caller) return caller;
    // Missing, expired and revoked tokens are normal; a forged one counts as a guess.
    const forged = token !== null && (await isForged(token, { keyring, importedTokens, clock }));
    request.counts_as_failure = forged;
    reply.header('www-authenticate', challenge); // RFC 9728 section 5.1
    throw new AuthError('unauthenticated', 'Unauthorized', { detail: whyNot(token, forged) });
  }

  return {
    allow: (who) => async (request, reply) => {
      const caller = await authenticate(request, reply);
      const scope = who === 'anyone' ? API_SCOPES.account : API_SCOPES.admin;
      if (caller.profile === 'standard' && !caller.scope.includes(scope)) {
        reply.header('www-authenticate', `Bearer error="insufficient_scope", scope="${scope}"`); // RFC 6750 section 3.1
        throw new AuthError('insufficient_scope', `Requires the scope ${scope}`);
      }
      request.caller = caller;
      if (!hasRole(caller, who, approvals_by)) throw new AuthError('unauthorized', { detail: `only ${who}` });
    },
  };
}

/** Whether the caller's account has the role. */
export function hasRole({ user, is_admin }: Caller, who: RequiredRole, approvals_by: ApprovalsBy = 'owner'): boolean {
  const roles_of_admins: readonly RequiredRole[] = approvals_by === 'administrators' ? ['admin', 'approver'] : ['admin'];
  return who === 'anyone' || user.is_owner || (is_admin && roles_of_admins.includes(who));
}

function tokenOf(request: FastifyRequest): string | null {
  const [value = '', ...others] = headerValues(request, 'authorization');
  if (others.length > 0) throw new AuthError('invalid_request', 'More than one Authorization header');
  return /^Bearer ([^\s]+)$/.exec(value)?.[1] ?? null;
}

function whyNot(token: string | null, forged: boolean): string {
  if (token === null) return 'no bearer token';
  return forged ? 'a token that we never signed' : 'an expired or revoked token';
}

/** The caller of a guarded route. */
export function callerOf(request: FastifyRequest): Caller {
  if (!request.caller) throw new Error('an unguarded route asked for its caller');
  return request.caller;
}
