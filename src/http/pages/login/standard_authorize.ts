// GET /auth/authorize for standard clients, and the answer to the consent page: single sign-on,
// consent, and the response in the requested mode. For a login, people are sent to our login page
// and return.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Audit } from '../../../domain/audit_event.ts';
import { errorResponse, grantedResponse, type ResponseParameters, responseUrl } from '../../../domain/authorization_response.ts';
import type { Client } from '../../../domain/client.ts';
import { isVouchedFor } from '../../../domain/client_assurance.ts';
import { AuthError } from '../../../domain/errors.ts';
import type { ConfiguredScope } from '../../../domain/scope.ts';
import type { StandardRequest } from '../../../domain/standard_request.ts';
import type { Authorize, ValidatedRequest } from '../../../oauth/authorize.ts';
import type { ClientDirectory } from '../../../oauth/client_directory.ts';
import { LOGIN_AFTER, type LoginMarker } from '../../../oauth/login_marker.ts';
import type { UserFactsRepository } from '../../../repository/user_facts.ts';
import type { BrowserSession, BrowserSessions } from '../../server/browser_session.ts';
import type { Csrf } from '../../server/csrf.ts';
import { loginHref } from '../../server/login_href.ts';
import { fetchAsker } from '../../server/same_origin.ts';
import type { Assets } from '../assets.ts';
import { clientLabel } from '../components/client_label.ts';
import { messagePage } from '../components/message_page.tsx';
import { languageOf, sendPage } from '../html_reply.ts';
import { consentPage } from './consent_page.tsx';
import { formPostPage } from './form_post_page.tsx';
import { grantableScopes } from './promised_scopes.ts';
import { scopeTexts } from './scope_texts.ts';

export interface StandardAuthorizeDeps {
  authorize: Authorize;
  clientDirectory: ClientDirectory;
  loginMarker: LoginMarker;
  browserSessions: BrowserSessions;
  csrf: Csrf;
  assets: Assets;
  audit: Audit;
  scopes: readonly ConfiguredScope[];
  userFacts: UserFactsRepository;
  public_url: string;
}

/** The answer to the consent page, and the session it was shown for. */
export interface Decision {
  sid: string;
  allowed: boolean;
}

/**
 * Longer queries would not survive the redirects of a login; clients can push such requests (RFC
 * 9126).
 */
const MAX_QUERY_LENGTH = 3000;
const PATH = '/auth/authorize';

export function createStandardAuthorize(deps: StandardAuthorizeDeps) {
  const { authorize, clientDirectory, loginMarker, browserSessions, csrf, assets, audit, public_url } = deps;
  const stylesheet = assets.href('style.css');

  function respond(
    reply: FastifyReply,
    request: FastifyRequest,
    { target }: ValidatedRequest,
    parameters: ResponseParameters,
  ): FastifyReply {
    if (target.response_mode !== 'form_post') return reply.redirect(responseUrl(target, parameters), 303);
    const page = { language: languageOf(request), stylesheet, script: assets.href('form_post.js') };
    return sendPage(reply, formPostPage({ ...page, action: target.redirect_uri, parameters }), { any_form_target: true });
  }

  /**
   * Whether an error may be sent to the client without any interaction (RFC 9700 section 4.11.2).
   */
  async function mayRedirect(request: FastifyRequest, client: Client): Promise<boolean> {
    if (isVouchedFor(client)) return true;
    const session = client.kind === 'self_registered' ? await browserSessions.find(request) : null;
    return session !== null && (await authorize.hasGrant(session, client));
  }

  /** Other clients get no automatic redirect, which would make this an open redirector. */
  async function refuse(reply: FastifyReply, request: FastifyRequest, opened: ValidatedRequest, error: AuthError, is_asked: boolean) {
    const { client, target } = opened;
    const { code, description, detail } = error;
    const event = { client_id: client.client_id, remote_address: request.remote_address, error_ref: request.error_ref };
    audit.record({ type: 'request.refused', outcome: 'refused', ...event, detail: { code, description, detail: detail ?? null } });
    reply.header('error-ref', request.error_ref);
    const parameters = errorResponse(target, public_url, error);
    if (is_asked || (await mayRedirect(request, client))) return respond(reply, request, opened, parameters);
    const language = languageOf(request);
    const { t } = language;
    const host = clientLabel(client, target.redirect_uri).host;
    const link = { href: responseUrl(target, parameters), text: t('authorize.back', { host }) };
    const page = { language, stylesheet, title: t('error.title'), text: t('authorize.refused'), error_ref: request.error_ref, link };
    return sendPage(reply.code(400), messagePage({ ...page, note: t('error.nothing_sent') }), { any_form_target: true });
  }

  /** Apps that no operator registered may need the owner's approval. */
  async function turnAway(
    reply: FastifyReply,
    request: FastifyRequest,
    { client, target }: ValidatedRequest,
    session: BrowserSession | null,
  ): Promise<FastifyReply | null> {
    const admission = await clientDirectory.admission(client);
    if (admission === 'admitted') return null;
    const language = languageOf(request);
    const { t } = language;
    const page = { language, stylesheet, title: t('blocked.title') };
    if (admission === 'refused') return sendPage(reply.code(403), messagePage({ ...page, text: t('client.refused') }));
    const { name, host } = clientLabel(client, target.redirect_uri);
    const text = t('client.waits', { client: name === host ? host : `${name} (${host})` });
    const link = session?.is_owner ? { link: { href: '/admin/approvals', text: t('page.approvals') } } : {};
    return sendPage(reply.code(403), messagePage({ ...page, text, note: t('client.waits_note'), ...link }));
  }

  function toLogin(reply: FastifyReply, request: FastifyRequest, query: URLSearchParams, asked: StandardRequest): FastifyReply {
    const { browser_hash } = csrf.meet(request, reply);
    return reply.redirect(
      loginHref(`${PATH}?${loginMarker.mark(query, browser_hash)}`, {
        login_hint: asked.login_hint,
        ui_locales: query.get('ui_locales'),
      }),
      303,
    );
  }

  async function ask(
    reply: FastifyReply,
    request: FastifyRequest,
    asked: StandardRequest,
    session: BrowserSession,
    query: URLSearchParams,
  ): Promise<FastifyReply> {
    const promised = await grantableScopes(asked.asked_scope, session.user_id, deps.userFacts.find);
    const language = languageOf(request);
    const { browser_hash, csrf_token } = csrf.meet(request, reply);
    const page = consentPage({
      language,
      stylesheet,
      client: clientLabel(asked.client, asked.redirect_uri),
      account: session.name ?? session.user_id,
      sid: session.sid,
      full_access: false,
      scopes: scopeTexts(promised, deps.scopes, language),
      resources: asked.asked_resource,
      action: `${PATH}/consent?${query}`,
      csrf: csrf_token,
      other: loginHref(`${PATH}?${loginMarker.mark(query, browser_hash)}`),
      keep: false,
    });
    return sendPage(reply, page, { any_form_target: true });
  }

  async function goOn(
    reply: FastifyReply,
    request: FastifyRequest,
    opened: ValidatedRequest,
    query: URLSearchParams,
    decision: Decision | null,
  ) {
    if (opened.request instanceof AuthError) throw opened.request;
    const { approval } = opened.client;
    // Before a password is entered in vain.
    const refused = approval === 'refused' ? await turnAway(reply, request, opened, null) : null;
    if (refused) return refused;
    const session = await browserSessions.find(request);
    // A denial counts for any session; an approval only for the one the page was shown for.
    if (decision !== null && !decision.allowed) throw new AuthError('access_denied', 'The user said no');
    const is_answered = decision !== null && session?.sid === decision.sid;
    const arrival = { query, browser_hash: csrf.hashOf(request) };
    const interaction = await authorize.next(opened.request, session, arrival, is_answered);
    if (interaction.next === 'login' || session === null) return toLogin(reply, request, query, opened.request);
    // Any page can send a logged-in browser here, so the owner is asked only after a login for this
    // app.
    if (approval === 'new' && !authorize.hasLoggedInFor(session, arrival)) return toLogin(reply, request, query, opened.request);
    const turned_away = await turnAway(reply, request, opened, session);
    if (turned_away) return turned_away;
    if (interaction.next !== 'grant') return ask(reply, request, opened.request, session, query);
    if (is_answered) await authorize.agree(opened.request, session, request.remote_address);
    const { pushed_hash } = opened;
    const asked = { request: opened.request, pushed_hash };
    const granted = await authorize.grant(asked, session, request.remote_address, interaction.release);
    return respond(reply, request, opened, grantedResponse(opened.target, public_url, granted));
  }

  return {
    /** Handles a request, or the answer to its consent page. */
    async answer(reply: FastifyReply, request: FastifyRequest, query: URLSearchParams, decision: Decision | null): Promise<FastifyReply> {
      const is_too_long = isTooLong(query);
      const found = await authorize.open(query, fetchAsker(request));
      const opened = is_too_long ? withoutLongState(found) : found;
      try {
        if (is_too_long) throw new AuthError('invalid_request', 'The request is too long: push it (RFC 9126)');
        return await goOn(reply, request, opened, query, decision);
      } catch (error) {
        if (!(error instanceof AuthError) || error.code === 'invalid_request_uri') throw error;
        return await refuse(reply, request, opened, error, decision !== null);
      }
    },
  };
}

/** Whether a request is too long for the redirects of a login, not counting our marker. */
export function isTooLong(query: URLSearchParams): boolean {
  const asked = new URLSearchParams(query);
  asked.delete(LOGIN_AFTER);
  return asked.toString().length > MAX_QUERY_LENGTH;
}

/** Proxies limit the length of headers, so the error must not repeat a long state. */
function withoutLongState(opened: ValidatedRequest): ValidatedRequest {
  const { state } = opened.target;
  if (state === null || new URLSearchParams({ state }).toString().length <= MAX_QUERY_LENGTH) return opened;
  return { ...opened, target: { ...opened.target, state: null } };
}
