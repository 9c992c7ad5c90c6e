// RP-Initiated Logout 1.0 without HTTP: validates a logout request and ends the session with its
// grants.
import type { Audit } from '../domain/audit_event.ts';
import { responseUrl } from '../domain/authorization_response.ts';
import type { Client } from '../domain/client.ts';
import { isOperatorRegistered } from '../domain/client_assurance.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { SessionEndRepository } from '../repository/session_ends.ts';
import type { Keyring } from '../tokens/keyring.ts';
import type { BackchannelLogout } from './backchannel_logout.ts';
import type { ClientDirectory } from './client_directory.ts';
import { type IdTokenHint, readIdTokenHint } from './id_token_hint.ts';

export interface EndSessionDeps {
  keyring: Pick<Keyring, 'verify'>;
  clientDirectory: Pick<ClientDirectory, 'find'>;
  sessionEnds: Pick<SessionEndRepository, 'end'>;
  backchannelLogout: Pick<BackchannelLogout, 'wake'>;
  clock: Clock;
  audit: Audit;
  issuer: string;
}

/** A validated logout request. */
export interface LogoutRequest {
  /** The login to end; null without proof. */
  hint: IdTokenHint | null;
  /** The client's post-logout redirect URI with `state`. */
  return_url: string | null;
  /** Whether the operator registered the client of `return_url`. */
  is_operators_client: boolean;
  /** Whether all its parameters are consistent. */
  is_sound: boolean;
}

export type EndSession = ReturnType<typeof createEndSession>;

/** The parameters; others are ignored. */
export const LOGOUT_PARAMETERS = ['id_token_hint', 'client_id', 'post_logout_redirect_uri', 'state'] as const;
/** Longer values are refused, never cut. */
const MAX_LENGTH = 4096;

export function createEndSession(deps: EndSessionDeps) {
  const { clientDirectory, sessionEnds, backchannelLogout, clock, audit } = deps;

  async function findClient(client_id: string, remote_address: string): Promise<Client | null> {
    try {
      return await clientDirectory.find(client_id, remote_address);
    } catch (error) {
      // A client that cannot be resolved now has no return URL.
      if (error instanceof AuthError) return null;
      throw error;
    }
  }

  /** Section 3: must exactly match a registered one. */
  function returnUrl(client: Client | null, redirect_uri: string | null, state: string | null): string | null {
    if (redirect_uri === null || !client?.post_logout_redirect_uris.includes(redirect_uri)) return null;
    if (state === null) return redirect_uri;
    return responseUrl({ redirect_uri, response_mode: 'query', state: null }, { state });
  }

  return {
    async read(query: URLSearchParams, remote_address: string): Promise<LogoutRequest> {
      const token = only(query, 'id_token_hint');
      const named_client = only(query, 'client_id');
      const redirect_uri = only(query, 'post_logout_redirect_uri');
      const state = only(query, 'state');
      const found = token === null ? null : readIdTokenHint(token, deps);
      // Section 2: client_id must match the token's audience.
      const hint = found && (named_client ?? found.client_id) === found.client_id ? found : null;
      const is_contradictory = (token !== null) !== (hint !== null);
      const client_id = hint?.client_id ?? named_client;
      const client = redirect_uri === null || client_id === null ? null : await findClient(client_id, remote_address);
      const return_url = is_contradictory ? null : returnUrl(client, redirect_uri, state);
      const is_operators_client = client !== null && isOperatorRegistered(client);
      return { hint, return_url, is_operators_client, is_sound: !is_contradictory && (redirect_uri === null || return_url !== null) };
    },

    /**
     * Whether the person must confirm: anybody can send a browser here, but only the session's
     * clients have its ID token.
     */
    mustConfirm({ hint, is_sound }: LogoutRequest, session: { sid: string; user_id: string }): boolean {
      if (hint === null || !is_sound) return true;
      return hint.sid === null ? hint.user_id !== session.user_id : hint.sid !== session.sid;
    },

    /** Ends the session; clients are notified in the background. */
    async end({ sid, user_id }: { sid: string; user_id: string }, remote_address: string): Promise<void> {
      const ended = await sessionEnds.end({ sid, now: clock() });
      if (!ended) return;
      const { refresh_token_ids, client_ids } = ended;
      const detail = { sid, refresh_token_ids, client_ids };
      audit.record({ type: 'session.ended', outcome: 'done', actor_user_id: user_id, target_user_id: user_id, remote_address, detail });
      if (client_ids.length > 0) backchannelLogout.wake();
    },
  };
}

/** A parameter; absent if empty, refused if repeated. */
function only(query: URLSearchParams, name: string): string | null {
  const [value = '', ...others] = query.getAll(name);
  if (others.length > 0) throw new AuthError('invalid_request', `${name} is there more than once`);
  // Token lengths are checked by the keyring.
  if (value.includes('\0') || (name !== 'id_token_hint' && value.length > MAX_LENGTH))
    throw new AuthError('invalid_request', `${name} is too long, or no text`);
  return value === '' ? null : value;
}
