// The authorization code grant (RFC 6749 section 4.1.3): one statement redeems the code and creates
// the grant; only on failure a second one finds the reason. Only a request with every proof can
// consume a code.
import type { AuditEvent } from '../domain/audit_event.ts';
import { providerKeyText } from '../domain/auth_provider.ts';
import { isConfidential } from '../domain/client.ts';
import { addSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { refusalToAuthenticate } from '../domain/login_block.ts';
import { isLocalAddress } from '../domain/network.ts';
import { isCodeVerifier, s256Challenge } from '../domain/pkce.ts';
import { randomId } from '../domain/secret.ts';
import { type Authorization, HOME_ASSISTANT, type PasswordlessAccess } from '../domain/token.ts';
import type { Proof, RedeemedCode, Redemption, RedemptionFailure } from '../repository/authorization_codes.ts';
import { authorizationCodeHash, isStandardCode } from '../tokens/authorization_code.ts';
import { type Grant, type GrantDeps, type GrantRequest, type GrantType, lifetimesFor, rotatingSecret } from '../tokens/grant.ts';
import { newRefreshToken } from '../tokens/refresh_token.ts';
import { requestedResource } from '../tokens/requested.ts';

export const grant: GrantType = { grant_type: 'authorization_code', create };

function create(deps: GrantDeps): Grant {
  const { rotatingTokens, clock, audit } = deps;
  const { authorizationCodes } = deps.repositories;

  async function refuseMiss(proof: Proof, request: GrantRequest): Promise<AuthError> {
    const { reason, user_id } = await authorizationCodes.explainMiss(proof, clock());
    if (reason === 'replayed') {
      // RFC 6749 section 4.1.2. A separate statement, so that it outlasts the error response.
      const revoked = await authorizationCodes.revokeGrantOfCode(proof.code_hash);
      audit.record(event('authorization_code.replayed', request, user_id, { revoked_refresh_token_id: revoked }));
    } else {
      const wrong_verifiers = reason === 'verifier_wrong' ? await authorizationCodes.countWrongVerifier(proof.code_hash) : undefined;
      audit.record(event('authorization_code.refused', request, user_id, { reason, ...(wrong_verifiers && { wrong_verifiers }) }));
    }
    return request.client ? missError(reason) : homeAssistantMissError(reason);
  }

  /** The code was consumed without a grant. */
  function refuseUser(redeemed: RedeemedCode, request: GrantRequest): AuthError {
    const { remote_address, admission, client } = request;
    const reason = refusalToAuthenticate(redeemed, remote_address) ?? grantRefusal(redeemed, admission);
    audit.record(event('authorization_code.refused', request, redeemed.user_id, { reason }));
    if (!client) return new AuthError('access_denied', reason);
    return new AuthError('invalid_grant', 'The user may not have tokens', { detail: reason });
  }

  /** One statement, and the refresh token of the new grant. */
  async function redeem(proof: Proof, request: GrantRequest) {
    const { client, remote_address, admission } = request;
    const now = clock();
    const refresh_token_id = randomId();
    const secret = client
      ? { token_hash: null, ...rotatingSecret(client, refresh_token_id, rotatingTokens) }
      : { seed: null, ...newRefreshToken() };
    const { access_token, refresh_token_idle, refresh_token } = lifetimesFor(client, deps.lifetimes);
    const redemption: Redemption = {
      token_hash: secret.token_hash,
      seed: secret.seed,
      now,
      remote_address,
      remote_is_local: isLocalAddress(remote_address),
      providers: admission.providers,
      allowed_group_ids: client?.allowed_group_ids ?? null,
      is_trusted: client?.trusted ?? true,
      refresh_token_id,
      // RFC 9449 section 5: refresh tokens of authenticated clients are not bound to a key.
      refresh_jkt: client && !isConfidential(client) ? request.dpop_jkt : null,
      access_token_expiration: access_token,
      idle_lifetime: refresh_token_idle,
      expires_at: refresh_token === null ? null : addSeconds(now, refresh_token),
      ...proof,
    };
    const [redeemed] = await authorizationCodes.redeem(redemption);
    return { redeemed, refresh_token: secret.refresh_token, access_token_expiration: access_token };
  }

  return {
    profileOf: (parameters) => (isStandardCode(parameters.get('code') ?? '') ? 'standard' : 'home_assistant'),

    async authorize(request) {
      const proof = readProof(request, deps.public_url);
      const { redeemed, refresh_token, access_token_expiration } = await redeem(proof, request);
      if (!redeemed) throw await refuseMiss(proof, request);
      if (redeemed.refresh_token_id === null) throw refuseUser(redeemed, request);
      const { user_id, refresh_token_id, auth_time, amr } = redeemed;
      audit.record(event('authorization_code.redeemed', request, user_id, { refresh_token_id }));
      const { client_id } = proof;
      const authorization = { client_id, user_id, refresh_token_id, auth_time, amr, refresh_token, access_token_expiration };
      if (!request.client) return { ha_auth_provider: redeemed.auth_provider_type, ...HOME_ASSISTANT, ...authorization };
      return { client: request.client, ...standardFacts(redeemed, proof), ...authorization };
    },
  };
}

/** Why the user, who may authenticate, got no grant. */
function grantRefusal(redeemed: RedeemedCode, admission: PasswordlessAccess): string {
  if (!redeemed.is_in_session) return 'The session has ended';
  return admission.providers.includes(providerKeyText(redeemed)) ? 'User may not use this client' : admission.refusal(redeemed);
}

function standardFacts({ scope, resource, nonce, claims, sid }: RedeemedCode, proof: Proof) {
  const { dpop_jkt } = proof;
  const facts = { scope, resource: proof.resource ?? resource, nonce, claims, sid, dpop_jkt };
  return { profile: 'standard', ...facts, ha_auth_provider: null } as const satisfies Partial<Authorization>;
}

function readProof({ parameters, client_id, client, dpop_jkt }: GrantRequest, own_resource: string): Proof {
  if (client_id === null) throw new AuthError('invalid_request', 'Invalid client id');
  const code = parameters.get('code');
  if (!code) throw new AuthError('invalid_request', client ? 'code is missing' : 'Invalid code');
  const code_challenge = challengeOf(parameters.get('code_verifier'));
  const known = { code_hash: authorizationCodeHash(code), client_id, code_challenge, own_resource };
  // Home Assistant ignores the rest.
  if (!client) return { profile: 'home_assistant', redirect_uri: null, dpop_jkt: null, resource: null, ...known };
  const redirect_uri = parameters.get('redirect_uri') ?? null;
  return { profile: 'standard', redirect_uri, dpop_jkt, resource: requestedResource(parameters), ...known };
}

/**
 * The challenge of a verifier; an empty text, which matches none, if it is malformed. An empty
 * parameter counts as absent (RFC 6749 section 3.2).
 */
function challengeOf(code_verifier: string | undefined): string | null {
  if (!code_verifier) return null;
  return isCodeVerifier(code_verifier) ? s256Challenge(code_verifier) : '';
}

/** HA contract 3.7: the reasons are distinguished in the log, not for the client. */
function homeAssistantMissError(reason: RedemptionFailure['reason']): AuthError {
  const options = { detail: reason };
  if (reason === 'verifier_missing') return new AuthError('invalid_request', 'Code verifier required', options);
  // RFC 9700 section 2.1.1: a verifier without a challenge is a downgrade.
  if (reason === 'verifier_unexpected')
    return new AuthError('invalid_request', 'Code verifier provided but no code challenge was present', options);
  if (reason === 'verifier_wrong') return new AuthError('invalid_grant', 'Invalid code verifier', options);
  if (reason === 'linked') return new AuthError('invalid_grant', 'Sign in again', options);
  return new AuthError('invalid_request', 'Invalid code', options);
}

/** RFC 6749 section 5.2, RFC 8707 section 2. */
function missError(reason: RedemptionFailure['reason']): AuthError {
  const options = { detail: reason };
  if (reason === 'resource') return new AuthError('invalid_target', 'resource was not granted', options);
  if (reason.startsWith('verifier')) return new AuthError('invalid_grant', 'The code verifier does not fit', options);
  if (reason === 'redirect_uri') return new AuthError('invalid_grant', 'redirect_uri is not the one the code was sent to', options);
  if (reason === 'other_key') return new AuthError('invalid_grant', 'The code is bound to another key', options);
  return new AuthError('invalid_grant', 'The code is unknown, used or expired', options);
}

type EventType = `authorization_code.${'redeemed' | 'replayed' | 'refused'}`;

function event(
  type: EventType,
  request: GrantRequest,
  target_user_id: string | null,
  detail: NonNullable<AuditEvent['detail']>,
): AuditEvent {
  const { client_id, remote_address, error_ref = null } = request;
  const outcome = type === 'authorization_code.redeemed' ? 'done' : 'refused';
  return { type, outcome, error_ref, target_user_id, client_id, remote_address, detail };
}
