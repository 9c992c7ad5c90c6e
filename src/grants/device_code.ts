// The device authorization grant (RFC 8628 section 3.4): a device polls until a person has answered
// in a browser. A pending poll takes one statement; a second one redeems the code and creates the
// grant.
import type { AuditEvent } from '../domain/audit_event.ts';
import { type Client, isConfidential } from '../domain/client.ts';
import { addSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { isLocalAddress } from '../domain/network.ts';
import { randomId, sha256 } from '../domain/secret.ts';
import { DEVICE_CODE_GRANT } from '../domain/user_code.ts';
import type { PresentedDeviceCode } from '../repository/device_codes.ts';
import { type Grant, type GrantDeps, type GrantRequest, type GrantType, lifetimesFor, rotatingSecret } from '../tokens/grant.ts';

export const grant: GrantType = { grant_type: DEVICE_CODE_GRANT, create };

function create(deps: GrantDeps): Grant {
  const { rotatingTokens, clock, audit } = deps;
  const { deviceCodes } = deps.repositories;

  async function redeem(presented: PresentedDeviceCode, client: Client, request: GrantRequest) {
    const { remote_address, admission, dpop_jkt } = request;
    const refresh_token_id = randomId();
    const { seed, refresh_token } = rotatingSecret(client, refresh_token_id, rotatingTokens);
    const lifetimes = lifetimesFor(client, deps.lifetimes);
    const [redeemed] = await deviceCodes.redeem({
      ...presented,
      remote_address,
      remote_is_local: isLocalAddress(remote_address),
      providers: admission.providers,
      allowed_group_ids: client.allowed_group_ids,
      is_trusted: client.trusted,
      refresh_token_id,
      seed,
      // RFC 9449 section 5: refresh tokens of authenticated clients are not bound to a key.
      refresh_jkt: isConfidential(client) ? null : dpop_jkt,
      access_token_expiration: lifetimes.access_token,
      idle_lifetime: lifetimes.refresh_token_idle,
      grant_expires_at: lifetimes.refresh_token === null ? null : addSeconds(presented.now, lifetimes.refresh_token),
    });
    return redeemed && { ...redeemed, refresh_token, access_token_expiration: lifetimes.access_token };
  }

  function note(type: 'redeemed' | 'refused', request: GrantRequest, target_user_id: string | null, detail: AuditEvent['detail']): void {
    const { client_id, remote_address, error_ref = null } = request;
    const outcome = type === 'redeemed' ? 'done' : 'refused';
    audit.record({ type: `device_code.${type}`, outcome, error_ref, target_user_id, client_id, remote_address, detail: detail ?? {} });
  }

  async function refuseMiss(presented: PresentedDeviceCode, request: GrantRequest): Promise<AuthError> {
    const reason = await deviceCodes.explainMiss(presented);
    note('refused', request, null, { reason });
    if (reason === 'denied') return denied('The user said no');
    if (reason === 'expired') return new AuthError('expired_token', 'The device code has expired');
    return new AuthError('invalid_grant', 'The device code is unknown or used', { detail: reason });
  }

  return {
    async authorize(request) {
      const { parameters, client, dpop_jkt } = request;
      const device_code = parameters.get('device_code');
      if (!client || !device_code) throw new AuthError('invalid_request', 'device_code is missing');
      const { client_id } = client;
      const presented = { device_code_hash: sha256(device_code), client_id, now: clock() };
      const poll = await deviceCodes.poll(presented);
      if (poll === 'early') throw new AuthError('slow_down', 'Five seconds more between requests from now on');
      if (poll === 'in_time') throw new AuthError('authorization_pending', 'The user has not answered yet');
      const redeemed = await redeem(presented, client, request);
      if (!redeemed) throw await refuseMiss(presented, request);
      const { user_id, refresh_token_id, refresh_token, access_token_expiration, auth_time, amr, scope, resource } = redeemed;
      if (refresh_token_id === null) {
        note('refused', request, user_id, { reason: 'refused_user' });
        throw denied('The user may not have tokens');
      }
      note('redeemed', request, user_id, { refresh_token_id });
      const grant = { user_id, refresh_token_id, profile: 'standard', client_id, client, access_token_expiration, auth_time, amr } as const;
      // The grant does not belong to the browser session that approved it.
      return { ...grant, scope, resource, sid: null, nonce: null, claims: null, dpop_jkt, refresh_token, ha_auth_provider: null };
    },
  };
}

function denied(description: string): AuthError {
  return new AuthError('device_denied', description);
}
