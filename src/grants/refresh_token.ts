// The refresh grant (RFC 6749 section 6). Home Assistant's clients keep one refresh token
// permanently: one statement reads the grant and its user, and last use is written in batches. In
// the standard profile one statement rotates the token.
import type { AuditEvent } from '../domain/audit_event.ts';
import { providerKeyText } from '../domain/auth_provider.ts';
import { type Client, isConfidential } from '../domain/client.ts';
import { AuthError } from '../domain/errors.ts';
import { refusalToAuthenticate } from '../domain/login_block.ts';
import { isLocalAddress } from '../domain/network.ts';
import { type Authorization, HOME_ASSISTANT } from '../domain/token.ts';
import type { Rotated, RotationFailure, RotationRequest } from '../repository/refresh_token_rotation.ts';
import type { RefreshTokenRepository } from '../repository/refresh_tokens.ts';
import type { Grant, GrantDeps, GrantRequest, GrantType } from '../tokens/grant.ts';
import { isRotatingToken, refreshTokenHash } from '../tokens/refresh_token.ts';
import { requestedResource, requestedScope } from '../tokens/requested.ts';

export const grant: GrantType = { grant_type: 'refresh_token', create };

type Found = Awaited<ReturnType<RefreshTokenRepository['findBySecret']>>[number];

function create(deps: GrantDeps): Grant {
  const { refreshTokens, rotation } = deps.repositories;
  const { rotatingTokens, lastUsed, clock, audit, refresh_token_grace: grace, public_url } = deps;

  function note(type: AuditEvent['type'], request: GrantRequest, target_user_id: string | null, detail: AuditEvent['detail']): void {
    const { client_id, remote_address, error_ref = null } = request;
    audit.record({ type, outcome: 'refused', error_ref, target_user_id, client_id, remote_address, detail: detail ?? {} });
  }

  async function keep(request: GrantRequest, refresh_token: string): Promise<Authorization> {
    const [found] = await refreshTokens.findBySecret({ token_hash: refreshTokenHash(refresh_token), now: clock() });
    const refused = refusal(found, request);
    if (!found || refused) {
      const detail = { reason: refused?.detail ?? null, refresh_token_id: found?.id ?? null };
      note('refresh_token.refused', request, found?.user_id ?? null, detail);
      throw refused ?? unknown();
    }
    lastUsed.note(found.id, request.remote_address);
    return homeAssistantAuthorization(found);
  }

  async function rotate(request: GrantRequest, client: Client, refresh_token: string): Promise<Authorization> {
    const presented = rotatingTokens.read(refresh_token);
    if (!presented) throw await refuse(request, presented, { reason: 'unknown', user_id: null });
    const { parameters, remote_address, admission, dpop_jkt } = request;
    const wanted: RotationRequest = {
      client_id: client.client_id,
      allowed_group_ids: client.allowed_group_ids,
      is_trusted: client.trusted,
      now: clock(),
      grace,
      remote_address,
      remote_is_local: isLocalAddress(remote_address),
      providers: admission.providers,
      scope: requestedScope(parameters),
      resource: requestedResource(parameters),
      own_resource: public_url,
      keeps: isConfidential(client) && client.dpop_bound_access_tokens,
      dpop_jkt,
      ...presented,
    };
    const [rotated] = await rotation.rotate(wanted);
    if (!rotated) throw await refuse(request, presented, await rotation.explainMiss(wanted));
    const is_new = rotated.generation !== presented.generation;
    return standardAuthorization(rotated, wanted, client, is_new ? rotatingTokens.write({ id: presented.id, ...rotated }) : null);
  }

  /**
   * Reuse of a rotated token revokes its grant (RFC 9700 section 4.14.2). Other failures change
   * nothing.
   */
  async function refuse(
    request: GrantRequest,
    presented: ReturnType<typeof rotatingTokens.read>,
    miss: RotationFailure,
  ): Promise<AuthError> {
    const { reason, user_id } = miss;
    const refresh_token_id = user_id === null ? null : (presented?.id ?? null);
    if (presented && reason === 'replayed') {
      const revoked = await rotation.revokeReplayed(presented);
      note('refresh_token.replayed', request, user_id, { refresh_token_id, revoked });
    } else note('refresh_token.refused', request, user_id, { reason, refresh_token_id });
    return missError(reason);
  }

  return {
    profileOf: (parameters) => (isRotatingToken(parameters.get('refresh_token') ?? '') ? 'standard' : 'home_assistant'),

    async authorize(request) {
      const { client, parameters } = request;
      const refresh_token = parameters.get('refresh_token');
      if (!refresh_token)
        throw new AuthError('invalid_request', client ? 'refresh_token is missing' : '', { detail: 'refresh_token is missing' });
      return client ? await rotate(request, client, refresh_token) : await keep(request, refresh_token);
    },
  };
}

/** HA contract 3.7, in its order. */
function refusal(found: Found | undefined, { client_id, remote_address, admission }: GrantRequest): AuthError | null {
  if (!found) return unknown();
  if (found.client_id !== client_id) return new AuthError('invalid_request', '', { detail: 'client_id is not the one it was issued to' });
  const reason = refusalToAuthenticate(found, remote_address) ?? providerRefusal(found, admission);
  return reason === null ? null : new AuthError('access_denied', reason, { detail: reason });
}

function unknown(): AuthError {
  return new AuthError('invalid_grant', '', { detail: 'unknown, revoked or expired' });
}

/** The provider's rules apply to the grant even after its login was unlinked. */
function providerRefusal({ auth_provider_type, auth_provider_id }: Found, admission: GrantRequest['admission']): string | null {
  if (auth_provider_type === null) return null;
  const key = { auth_provider_type, auth_provider_id };
  return admission.providers.includes(providerKeyText(key)) ? null : admission.refusal(key);
}

function homeAssistantAuthorization({ id, user_id, client_id, access_token_expiration, auth_time, amr }: Found): Authorization {
  const grant = { user_id, refresh_token_id: id, client_id, access_token_expiration, auth_time, amr };
  return { refresh_token: null, ha_auth_provider: null, ...HOME_ASSISTANT, ...grant };
}

/**
 * A narrower scope applies to this access token only; the grant keeps its scope (RFC 6749 section
 * 6).
 */
function standardAuthorization(rotated: Rotated, wanted: RotationRequest, client: Client, refresh_token: string | null): Authorization {
  const { user_id, access_token_expiration, auth_time, amr, claims, sid } = rotated;
  return {
    profile: 'standard',
    client,
    client_id: client.client_id,
    refresh_token_id: wanted.id,
    scope: wanted.scope ?? rotated.scope,
    resource: wanted.resource ?? rotated.resource,
    nonce: null,
    dpop_jkt: wanted.dpop_jkt,
    refresh_token,
    ha_auth_provider: null,
    ...{ user_id, access_token_expiration, auth_time, amr, claims, sid },
  };
}

function missError(reason: RotationFailure['reason']): AuthError {
  const options = { detail: reason };
  if (reason === 'scope') return new AuthError('invalid_scope', 'scope is wider than what was granted', options);
  if (reason === 'resource') return new AuthError('invalid_target', 'resource was not granted', options);
  return new AuthError('invalid_grant', 'The refresh token is unknown, used, revoked or expired', options);
}
