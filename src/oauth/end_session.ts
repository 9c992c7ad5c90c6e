// RP-Initiated Logout 1.0 below HTTP: what an app's request to log somebody out is worth, where it leads, and the end of the session with all that
// hangs on it. It knows no page and no cookie.
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

/** What a request to log out has proven. */
export interface LogoutRequest {
  /** The login that it wants ended; null where it proves none. */
  hint: IdTokenHint | null;
  /** The way back: the client's own, with its `state`. */
  return_url: string | null;
  /** Whether the operator registered the client that the way back belongs to. */
  is_operators_client: boolean;
  /** Whether everything that it names fits together. */
  is_sound: boolean;
}

export type EndSession = ReturnType<typeof createEndSession>;

/** What is read; anything else is ignored. */
export const LOGOUT_PARAMETERS = ['id_token_hint', 'client_id', 'post_logout_redirect_uri', 'state'] as const;
/** Echoed or refused, never cut. */
const MAX_LENGTH = 4096;

export function createEndSession(deps: EndSessionDeps) {
  const { clientDirectory, sessionEnds, backchannelLogout, clock, audit } = deps;

  async function findClient(client_id: string, remote_address: string): Promise<Client | null> {
    try {
      return await clientDirectory.find(client_id, remote_address);
    } catch (error) {
      // A client that cannot be had now has no way back now.
      if (error instanceof AuthError) return null;
      throw error;
    }
  }

  /** Section 3: exactly one that the client registered. */
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
      // Section 2: a client that names itself must be the one that the token was made for.
      const hint = found && (named_client ?? found.client_id) === found.client_id ? found : null;
      const is_contradictory = (token !== null) !== (hint !== null);
      const client_id = hint?.client_id ?? named_client;
      const client = redirect_uri === null || client_id === null ? null : await findClient(client_id, remote_address);
      const return_url = is_contradictory ? null : returnUrl(client, redirect_uri, state);
      const is_operators_client = client !== null && isOperatorRegistered(client);
      return { hint, return_url, is_operators_client, is_sound: !is_contradictory && (redirect_uri === null || return_url !== null) };
    },

    /** Whether the person must say so: anybody can send a browser here, but only the session's own clients have its ID token. */
    mustConfirm({ hint, is_sound }: LogoutRequest, session: { sid: string; user_id: string }): boolean {
      if (hint === null || !is_sound) return true;
      return hint.sid === null ? hint.user_id !== session.user_id : hint.sid !== session.sid;
    },

    /** Ends the session; its clients are told in the background. */
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

/** A parameter; absent when it is empty, refused when it is there twice. */
function only(query: URLSearchParams, name: string): string | null {
  const [value = '', ...others] = query.getAll(name);
  if (others.length > 0) throw new AuthError('invalid_request', `${name} is there more than once`);
  // The keyring looks at the length of tokens.
  if (value.includes('\0') || (name !== 'id_token_hint' && value.length > MAX_LENGTH))
    throw new AuthError('invalid_request', `${name} is too long, or no text`);
  return value === '' ? null : value;
}
