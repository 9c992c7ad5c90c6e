// The standard authorization endpoint without HTTP: client, request, required interaction, and what
// is granted. Errors thrown by `open` are shown on a page; errors it returns may be sent to the
// client.

import type { Audit } from '../domain/audit_event.ts';
import type { ProviderKey } from '../domain/auth_provider.ts';
import type { AuthorizationRequest } from '../domain/authorization_request.ts';
import type { Granted } from '../domain/authorization_response.ts';
import { type Client, returnsCode, returnsIdToken } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import type { CodeRelease } from '../domain/code_release.ts';
import { AuthError } from '../domain/errors.ts';
import { loginBlocked } from '../domain/login_block.ts';
import { type Interaction, nextInteraction } from '../domain/next_interaction.ts';
import {
  type ResponseTarget,
  readClientId,
  readRedirectUri,
  readResponseTarget,
  readStandardRequest,
  type StandardRequest,
} from '../domain/standard_request.ts';
import type { AuthorizationCodeRepository } from '../repository/authorization_codes.ts';
import type { ConsentRepository } from '../repository/consents.ts';
import type { PushedRequestRepository } from '../repository/pushed_authorization_requests.ts';
import type { SessionRepository } from '../repository/sessions.ts';
import { createCodes, type FinishedLogin } from '../tokens/authorization_code.ts';
import { type Lifetimes, lifetimesFor } from '../tokens/grant.ts';
import type { IdTokens } from '../tokens/id_token.ts';
import type { Keyring } from '../tokens/keyring.ts';
import type { ClientDirectory } from './client_directory.ts';
import { readIdTokenHint } from './id_token_hint.ts';
import type { LoginMarker } from './login_marker.ts';
import type { Par } from './par.ts';

/** A logged-in browser. */
export interface AuthorizingSession extends ProviderKey {
  user_id: string;
  credential_id: string | null;
  auth_time: Date;
  amr: string[];
  sid: string;
}

/**
 * How a request arrived: its query, with a login marker if a login was made for it, and the SHA-256
 * of the browser's pre-login cookie.
 */
interface Arrival {
  query: URLSearchParams;
  browser_hash: Buffer | null;
}

/** A request whose redirect URI is known to be its client's. */
export interface ValidatedRequest {
  client: Client;
  target: ResponseTarget;
  request: StandardRequest | AuthError;
  /** Hash of the pushed request that it came from. */
  pushed_hash: Buffer | null;
}

export interface AuthorizeDeps {
  clientDirectory: ClientDirectory;
  par: Par;
  pushedRequests: Pick<PushedRequestRepository, 'use'>;
  consents: Pick<ConsentRepository, 'find' | 'grant'>;
  users: { find(id: string): Promise<{ is_owner: boolean; group_ids: string[] } | undefined> };
  authorizationCodes: Pick<AuthorizationCodeRepository, 'store'>;
  sessions: Pick<SessionRepository, 'hasGrantOf'>;
  loginMarker: LoginMarker;
  keyring: Pick<Keyring, 'verify'>;
  idTokens: Pick<IdTokens, 'mintForBrowser'>;
  lifetimes: Lifetimes;
  clock: Clock;
  audit: Audit;
  /** Lifetime of a code in seconds. */
  authorization_code_lifetime: number;
  public_url: string;
}

/** The parts of a request that its code stores. */
type Asked = Pick<FinishedLogin, 'client_id' | 'redirect_uri' | 'code_challenge' | 'standard'>;

export type Authorize = ReturnType<typeof createAuthorize>;

export function createAuthorize(deps: AuthorizeDeps) {
  const { clientDirectory, par, consents, clock, audit, public_url: issuer } = deps;
  const codes = createCodes({ ...deps, lifetime: deps.authorization_code_lifetime });

  async function findClient(client_id: string, remote_address: string): Promise<Client> {
    const client = await clientDirectory.find(client_id, remote_address);
    if (!client) throw new AuthError('invalid_client_id', 'Unknown client');
    return client;
  }

  /** RFC 9126 section 6: some clients must use pushed requests. */
  function judge(read: () => StandardRequest, client: Client, is_pushed: boolean): StandardRequest | AuthError {
    try {
      if (client.require_pushed_authorization_requests && !is_pushed)
        throw new AuthError('invalid_request', 'This client must push its requests');
      if (!client.grant_types.includes('authorization_code'))
        throw new AuthError('unauthorized_client', 'This client may not use the authorization code grant');
      return read();
    } catch (error) {
      if (error instanceof AuthError) return error;
      throw error;
    }
  }

  async function factsOf(request: StandardRequest, session: AuthorizingSession | null) {
    if (session === null) return { consent: undefined, is_allowed: true };
    const { client } = request;
    const { allowed_group_ids } = client;
    const consent = await consents.find(session.user_id, client.client_id);
    if (allowed_group_ids === null) return { consent, is_allowed: true };
    const user = await deps.users.find(session.user_id);
    return { consent, is_allowed: user?.is_owner === true || allowed_group_ids.some((id) => user?.group_ids.includes(id)) };
  }

  async function issue(asked: Asked, session: AuthorizingSession, remote_address: string, release: CodeRelease): Promise<string> {
    const { user_id, auth_provider_type, auth_provider_id, auth_time, amr } = session;
    const credential_id = requireCredential(session);
    const login = { auth_provider_type, auth_provider_id, auth_time, amr, remote_address };
    const code = await codes.issue({ ...asked, ...login, subject: { purpose: 'authorize', user_id, credential_id } }, release);
    const { client_id, standard } = asked;
    const detail = { scope: standard?.scope ?? [], basis: release.basis };
    const event = { actor_user_id: user_id, target_user_id: user_id, client_id, remote_address, detail };
    audit.record({ type: 'authorization_code.issued', outcome: 'done', ...event });
    return code;
  }

  async function issueIdToken(
    { client, scope, nonce, claims }: StandardRequest,
    session: AuthorizingSession,
    code: string | undefined,
    remote_address: string,
    release: CodeRelease,
  ): Promise<string> {
    requireCredential(session);
    const { user_id, auth_time, amr, sid } = session;
    const access_token_expiration = lifetimesFor(client, deps.lifetimes).access_token;
    const login = { user_id, client, scope, auth_time, amr, nonce, sid, claims, access_token_expiration };
    const id_token = await deps.idTokens.mintForBrowser(login, code, release);
    const event = { actor_user_id: user_id, target_user_id: user_id, client_id: client.client_id, remote_address };
    audit.record({ type: 'id_token.issued', outcome: 'done', ...event, detail: { scope, basis: release.basis } });
    return id_token;
  }

  function hasLoggedInFor({ auth_time }: AuthorizingSession, { query, browser_hash }: Arrival): boolean {
    return deps.loginMarker.isFor(query, browser_hash, auth_time);
  }

  return {
    /** Whether the session's login was made for this request, in this browser. */
    hasLoggedInFor,

    /**
     * Reads a request; throws until the redirect URI is known to be the client's (RFC 6749 section
     * 4.1.2.1).
     */
    async open(query: URLSearchParams, remote_address: string): Promise<ValidatedRequest> {
      const client = await findClient(readClientId(query), remote_address);
      const pushed = await par.resolve(query, client.client_id);
      const asked = pushed?.query ?? query;
      const redirect_uri = readRedirectUri(asked);
      if (!(await clientDirectory.acceptsRedirect(client, redirect_uri, remote_address)))
        throw refusedRedirect(client, redirect_uri, clientDirectory.whyWithoutDocument(client));
      const target = readResponseTarget(asked, redirect_uri, client);
      const request = judge(() => readStandardRequest(asked, client, target, issuer), client, pushed !== null);
      return { client, target, request, pushed_hash: pushed?.hash ?? null };
    },

    /** The next interaction; throws errors for the client. */
    async next(
      request: StandardRequest,
      session: AuthorizingSession | null,
      { query, browser_hash }: Arrival,
      agreed = false,
    ): Promise<Interaction> {
      const hint = request.id_token_hint;
      return nextInteraction(request, {
        now: clock(),
        session,
        agreed,
        just_logged_in: session !== null && hasLoggedInFor(session, { query, browser_hash }),
        // A hint that this server did not issue names nobody.
        hinted_user_id: hint === null ? null : (readIdTokenHint(hint, { keyring: deps.keyring, issuer })?.user_id ?? null),
        ...(await factsOf(request, session)),
      });
    },

    /** Whether the client has a grant from this session. */
    hasGrant: ({ sid }: Pick<AuthorizingSession, 'sid'>, { client_id }: Client): Promise<boolean> =>
      deps.sessions.hasGrantOf({ sid, client_id, now: clock() }),

    /** Stores the person's consent. */
    async agree(
      { client, asked_scope: scope, asked_resource: resources, redirect_uri }: StandardRequest,
      { user_id }: AuthorizingSession,
      remote_address: string,
    ): Promise<void> {
      const { client_id } = client;
      await consents.grant({ user_id, client_id, scope, redirect_uris: [redirect_uri], resources }, clock());
      audit.record({
        type: 'consent.granted',
        outcome: 'done',
        actor_user_id: user_id,
        client_id,
        remote_address,
        detail: { scope, resources },
      });
    },

    /**
     * Issues a code in Home Assistant's dialect to a URL client whose person was logged in already.
     */
    async grantUrlClient(
      request: AuthorizationRequest,
      session: AuthorizingSession,
      remote_address: string,
      release: CodeRelease,
    ): Promise<string> {
      const { client_id, redirect_uri, code_challenge } = request;
      const admission = await clientDirectory.admissionOfUrl(client_id, remote_address);
      if (admission !== 'admitted') throw loginBlocked(admission === 'pending' ? 'app_pending' : 'app_refused');
      return await issue({ client_id, redirect_uri, code_challenge }, session, remote_address, release);
    },

    /** Issues what the client asked for, for the session's user: a code, an ID token, or both. */
    async grant(
      { request, pushed_hash }: { request: StandardRequest; pushed_hash: Buffer | null },
      session: AuthorizingSession,
      remote_address: string,
      release: CodeRelease,
    ): Promise<Granted> {
      // A pushed request yields one response, even if two tabs complete it.
      if (pushed_hash !== null && !(await deps.pushedRequests.use({ request_uri_hash: pushed_hash, now: clock() })))
        throw new AuthError('invalid_request_uri', 'The pushed request is unknown, used or expired');
      const { client, response_type, redirect_uri, code_challenge, scope, resource, nonce, claims, dpop_jkt } = request;
      const { sid } = session;
      const standard = { scope, resource, nonce, claims, sid, dpop_jkt };
      await clientDirectory.remember(client);
      const asked = { client_id: client.client_id, redirect_uri, code_challenge, standard };
      const code = returnsCode(response_type) ? await issue(asked, session, remote_address, release) : undefined;
      if (!returnsIdToken(response_type)) return { ...(code !== undefined && { code }) };
      const id_token = await issueIdToken(request, session, code, remote_address, release);
      return { ...(code !== undefined && { code }), id_token };
    },
  };
}

/** The login behind a session; a code is deleted with it. */
function requireCredential({ credential_id }: AuthorizingSession): string {
  if (credential_id === null) throw new AuthError('login_required', 'The login behind this session is gone');
  return credential_id;
}

/**
 * The error for a redirect URI, in both dialects. If the client's document or page could not be
 * fetched, its redirect URIs are unknown rather than wrong.
 */
export function refusedRedirect({ client_id }: Pick<Client, 'client_id'>, redirect_uri: string, why_without_document?: string): AuthError {
  if (why_without_document === undefined)
    return new AuthError('refused_redirect_uri', 'Invalid redirect URI', { detail: `${redirect_uri} is not an address of ${client_id}` });
  return new AuthError('client_document_missing', 'The metadata document of the client cannot be read', {
    detail: `${client_id}: ${why_without_document}; without it ${redirect_uri} is not known to be the client's`,
  });
}
