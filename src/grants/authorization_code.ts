// The authorization code grant (RFC 6749 section 4.1.3) in Home Assistant's words: one statement spends the code and makes the grant.
// Only when it finds nothing does a second look tell why. Nobody but a holder of every proof can harm what a code bore.
import type { AuditEvent } from '../domain/audit_event.ts';
import { addSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { isCodeVerifier, s256 } from '../domain/pkce.ts';
import { randomId } from '../domain/secret.ts';
import { type Authorization, HOME_ASSISTANT } from '../domain/token.ts';
import { refusalToAuthenticate } from '../domain/user.ts';
import type { Miss, Proof, Redeemed } from '../repository/authorization_codes.ts';
import { authorizationCodeHash } from '../tokens/authorization_code.ts';
import type { Grant, GrantDeps, GrantRequest, GrantType } from '../tokens/grant.ts';
import { newRefreshToken } from '../tokens/refresh_token.ts';

export const grant: GrantType = { grant_type: 'authorization_code', create };

function create({ authorizationCodes, clock, audit, lifetimes }: GrantDeps): Grant {
  async function refuseMiss(proof: Proof, request: GrantRequest): Promise<AuthError> {
    const { reason, user_id } = await authorizationCodes.explainMiss(proof, clock());
    if (reason === 'replayed') {
      // RFC 6749 section 4.1.2. A statement of its own: it holds whatever becomes of this request.
      const revoked = await authorizationCodes.revokeGrantOfCode(proof.code_hash);
      audit.record(event('authorization_code.replayed', request, user_id, { revoked_refresh_token_id: revoked }));
    } else {
      const wrong_verifiers = reason === 'verifier_wrong' ? await authorizationCodes.countWrongVerifier(proof.code_hash) : undefined;
      audit.record(event('authorization_code.refused', request, user_id, { reason, ...(wrong_verifiers && { wrong_verifiers }) }));
    }
    return missError(reason);
  }

  /** The code is gone, and bore nothing. */
  function refuseUser(redeemed: Redeemed, request: GrantRequest): AuthError {
    const reason = refusalToAuthenticate(redeemed, request.remote_address) ?? request.admission.refusal(redeemed);
    audit.record(event('authorization_code.refused', request, redeemed.user_id, { reason }));
    return new AuthError('access_denied', reason);
  }

  return {
    async authorize(request) {
      const { remote_address, admission } = request;
      const proof = readProof(request);
      const { refresh_token, token_hash } = newRefreshToken();
      const now = clock();
      const [redeemed] = await authorizationCodes.redeem({
        ...proof,
        now,
        remote_address,
        remote_is_local: refusalToAuthenticate({ is_active: true, local_only: true }, remote_address) === null,
        providers: admission.providers,
        refresh_token_id: randomId(),
        token_hash,
        access_token_expiration: lifetimes.access_token,
        idle_lifetime: lifetimes.refresh_token_idle,
        expires_at: lifetimes.refresh_token === null ? null : addSeconds(now, lifetimes.refresh_token),
      });
      if (!redeemed) throw await refuseMiss(proof, request);
      if (redeemed.refresh_token_id === null) throw refuseUser(redeemed, request);
      const { user_id, refresh_token_id } = redeemed;
      audit.record(event('authorization_code.redeemed', request, user_id, { refresh_token_id }));
      return authorization({ ...redeemed, refresh_token_id }, proof.client_id, refresh_token, lifetimes.access_token);
    },
  };
}

function readProof({ parameters, client_id }: GrantRequest): Proof {
  if (client_id === null) throw new AuthError('invalid_request', 'Invalid client id');
  const code = parameters.get('code');
  if (!code) throw new AuthError('invalid_request', 'Invalid code');
  return { code_hash: authorizationCodeHash(code), client_id, code_challenge: challengeOf(parameters.get('code_verifier')) };
}

/** The challenge that a verifier answers; the empty text, which none is, when it is no verifier. Sent empty is not sent (RFC 6749 section 3.2). */
function challengeOf(code_verifier: string | undefined): string | null {
  if (!code_verifier) return null;
  return isCodeVerifier(code_verifier) ? s256(code_verifier) : '';
}

/** HA contract 3.7: what may have been a code once is told apart for us, not for the client. */
function missError(reason: Miss['reason']): AuthError {
  const options = { detail: reason };
  if (reason === 'verifier_missing') return new AuthError('invalid_request', 'Missing code verifier', options);
  // RFC 9700 section 2.1.1: a verifier without a challenge is a downgrade.
  if (reason === 'verifier_wrong' || reason === 'verifier_unexpected')
    return new AuthError('invalid_grant', 'Invalid code verifier', options);
  return new AuthError('invalid_request', 'Invalid code', options);
}

function authorization(
  { user_id, refresh_token_id, auth_time, amr, auth_provider_type }: Redeemed & { refresh_token_id: string },
  client_id: string,
  refresh_token: string,
  access_token_expiration: number,
): Authorization {
  const login = { user_id, auth_time, amr, ha_auth_provider: auth_provider_type };
  return { ...HOME_ASSISTANT, ...login, refresh_token_id, refresh_token, client_id, access_token_expiration };
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
