// The person's side of the device flow (RFC 8628 section 3.3), without HTTP: shows the request
// behind a code and takes the decision. A code belongs to the session that opened it; opening
// approves nothing.
import type { Audit } from '../domain/audit_event.ts';
import type { Client } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import { releaseCode } from '../domain/code_release.ts';
import { AuthError } from '../domain/errors.ts';
import { readUserCode } from '../domain/user_code.ts';
import type { ClaimedCode, DeviceCodeRepository } from '../repository/device_codes.ts';
import type { AuthorizingSession } from './authorize.ts';
import type { ClientAdmission, ClientDirectory } from './client_directory.ts';
import type { LoginMarker } from './login_marker.ts';
import type { UserCodeGuesses } from './user_code_guesses.ts';

/** A device's request. */
export interface DeviceRequest extends Pick<ClaimedCode, 'scope' | 'resource' | 'max_age' | 'acr_values'> {
  user_code: string;
  client: Client;
  /** Whether people may log in to the client. */
  admission: ClientAdmission;
}

export interface DeviceApprovalDeps {
  deviceCodes: Pick<DeviceCodeRepository, 'claim' | 'find' | 'approve' | 'deny'>;
  clientDirectory: Pick<ClientDirectory, 'find' | 'admission'>;
  guesses: UserCodeGuesses;
  loginMarker: Pick<LoginMarker, 'isFor'>;
  clock: Clock;
  audit: Audit;
}

export type DeviceApproval = ReturnType<typeof createDeviceApproval>;

export function createDeviceApproval({ deviceCodes, clientDirectory, guesses, loginMarker, clock, audit }: DeviceApprovalDeps) {
  /** Null for every unusable code, whatever the reason, so that guesses look the same. */
  async function look(typed: string, session: AuthorizingSession, remote_address: string, how: 'claim' | 'find') {
    const { user_id, sid } = session;
    await guesses.admit({ user_id, remote_address });
    const user_code = readUserCode(typed);
    const found = user_code === null ? undefined : await deviceCodes[how]({ user_code, user_id, sid, now: clock() });
    const client = found && (await clientDirectory.find(found.client_id, remote_address));
    if (user_code === null || !found || !client) {
      await guesses.failed({ user_id, remote_address });
      return null;
    }
    if (!found.is_claimed)
      throw new AuthError('forbidden', 'This code was opened in another session', { detail: 'claimed by another session' });
    const { is_claimed, client_id, ...asked } = found;
    return { ...asked, user_code, client, admission: await clientDirectory.admission(client) };
  }

  function note(
    type: 'approved' | 'denied',
    { client, scope }: DeviceRequest,
    { user_id }: AuthorizingSession,
    remote_address: string,
  ): void {
    const { client_id } = client;
    const who = { actor_user_id: user_id, target_user_id: user_id, client_id, remote_address };
    audit.record({ type: `device_code.${type}`, outcome: 'done', ...who, detail: { scope } });
  }

  return {
    /**
     * Opens a code and binds it to this session; null if unusable. Throws `forbidden` for another
     * person's.
     */
    open: (typed: string, session: AuthorizingSession, remote_address: string): Promise<DeviceRequest | null> =>
      look(typed, session, remote_address, 'claim'),

    /** A code that this session has opened; throws `forbidden` for others. */
    reopen: (typed: string, session: AuthorizingSession, remote_address: string): Promise<DeviceRequest | null> =>
      look(typed, session, remote_address, 'find'),

    /**
     * Whether the device's client requires a stronger or newer login. `query`: with a marker if a
     * login was made for it.
     */
    needsLogin(
      { max_age, acr_values }: DeviceRequest,
      { auth_time, amr, credential_id }: AuthorizingSession,
      query: URLSearchParams,
      browser_hash: Buffer | null,
    ): boolean {
      if (credential_id === null) return true;
      // One new login satisfies every requirement for one; a user without the factor cannot be
      // asked forever.
      if (loginMarker.isFor(query, browser_hash, auth_time)) return false;
      if (max_age !== null && (clock().getTime() - auth_time.getTime()) / 1000 > max_age) return true;
      return acr_values.length > 0 && acr_values.every((acr) => acr === '2') && !amr.includes('mfa');
    },

    /**
     * Approves and stores a consent; false if it was too late. Denies, and throws `forbidden`, for
     * a client that the user may not use.
     */
    async approve(request: DeviceRequest, session: AuthorizingSession, remote_address: string): Promise<boolean> {
      const { user_code, client, admission } = request;
      const { user_id, sid, credential_id, auth_provider_type, auth_provider_id, auth_time, amr } = session;
      const answering = { user_code, sid, now: clock() };
      if (credential_id === null) throw new AuthError('login_required', 'The login behind this session is gone');
      if (admission !== 'admitted') throw new AuthError('forbidden', 'This client is not let in', { detail: admission });
      const login = { user_id, credential_id, auth_provider_type, auth_provider_id, auth_time, amr };
      const { allowed_group_ids } = client;
      const release = releaseCode({ receiver: 'app', act: 'consent', client, redirect_uri: null, agreed_before: false });
      if (release === null) throw new Error('a consent always releases');
      const approved = await deviceCodes.approve({ ...answering, ...login, allowed_group_ids }, release);
      if (approved) note('approved', request, session, remote_address);
      // It was still pending but cannot be approved.
      else if (await deviceCodes.deny(answering)) throw new AuthError('forbidden', 'The user may not use this client');
      return approved;
    },

    /** Denies; false if it was too late. */
    async deny(request: DeviceRequest, session: AuthorizingSession, remote_address: string): Promise<boolean> {
      const denied = await deviceCodes.deny({ user_code: request.user_code, sid: session.sid, now: clock() });
      if (denied) note('denied', request, session, remote_address);
      return denied;
    },
  };
}
