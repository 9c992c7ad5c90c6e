// GET and POST /device: connects a device by its code. GET stores and counts nothing; the code is
// looked up when the form is sent, and approved on a page that names the app (RFC 8628 section
// 3.3.1). /device/qr: that page's URL as an image.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { renderSVG } from 'uqr';
import type { Client } from '../../../domain/client.ts';
import { isOperatorRegistered } from '../../../domain/client_assurance.ts';
import { displayHost } from '../../../domain/client_id.ts';
import { AuthError } from '../../../domain/errors.ts';
import { redirectHost } from '../../../domain/redirect_uri.ts';
import type { ConfiguredScope } from '../../../domain/scope.ts';
import { cleanText } from '../../../domain/text.ts';
import { readUserCode, showUserCode } from '../../../domain/user_code.ts';
import type { DeviceApproval, DeviceRequest } from '../../../oauth/device_approval.ts';
import { verificationUri } from '../../../oauth/device_authorization.ts';
import { LOGIN_AFTER, type LoginMarker } from '../../../oauth/login_marker.ts';
import type { UserFactsRepository } from '../../../repository/user_facts.ts';
import { formBody } from '../../server/body.ts';
import type { BrowserSession, BrowserSessions } from '../../server/browser_session.ts';
import type { Csrf } from '../../server/csrf.ts';
import { loginHref } from '../../server/login_href.ts';
import { queryText } from '../../server/query_text.ts';
import type { Assets } from '../assets.ts';
import { hasUnverifiedName } from '../components/client_label.ts';
import type { ClientLabel } from '../components/client_label_view.tsx';
import { messagePage } from '../components/message_page.tsx';
import { languageOf, sendPage } from '../html_reply.ts';
import { DEVICE, deviceCodePage, devicePage } from './device_page.tsx';
import { grantableScopes } from './promised_scopes.ts';
import { scopeTexts } from './scope_texts.ts';

export interface DeviceRouteDeps {
  deviceApproval: DeviceApproval;
  loginMarker: LoginMarker;
  browserSessions: BrowserSessions;
  csrf: Csrf;
  assets: Assets;
  scopes: readonly ConfiguredScope[];
  userFacts: UserFactsRepository;
  public_url: string;
}

const PATH = '/device';
/** Maximum length of a typed code. */
const MAX_TYPED = 64;

/** A visit by a logged-in person. */
interface Visit {
  request: FastifyRequest;
  reply: FastifyReply;
  session: BrowserSession;
  query: URLSearchParams;
}

export function deviceRoute(deps: DeviceRouteDeps): FastifyPluginAsync {
  const { deviceApproval, loginMarker, browserSessions, csrf, assets } = deps;
  const stylesheet = assets.href('style.css');

  function tell({ request, reply }: Visit, what: 'connected' | 'denied' | 'pending' | 'refused'): FastifyReply {
    const language = languageOf(request);
    const { t } = language;
    const page = { language, stylesheet };
    if (what === 'pending' || what === 'refused')
      return sendPage(reply.code(403), messagePage({ ...page, title: t('blocked.title'), text: t(`client.${what}`) }));
    return sendPage(reply, messagePage({ ...page, title: t(`device.${what}_title`), text: t(`device.${what}`) }));
  }

  /** The form for the code, prefilled from the URL. */
  function askForCode({ request, reply, query }: Visit, is_wrong: boolean): FastifyReply {
    const { csrf_token } = csrf.meet(request, reply);
    const typed = query.get(DEVICE.user_code) ?? '';
    const page = deviceCodePage({
      language: languageOf(request),
      stylesheet,
      action: `${PATH}?${query}`,
      csrf: csrf_token,
      typed,
      is_wrong,
    });
    return sendPage(reply.code(is_wrong ? 400 : 200), page, { any_form_target: true });
  }

  async function askForAnswer(
    { request, reply, session, query }: Visit,
    { client, user_code, scope, resource }: DeviceRequest,
  ): Promise<FastifyReply> {
    const promised = await grantableScopes(scope, session.user_id, deps.userFacts.find);
    const language = languageOf(request);
    const { browser_hash, csrf_token } = csrf.meet(request, reply);
    const page = devicePage({
      ...{ language, stylesheet },
      client: shownOf(client),
      account: session.name ?? session.user_id,
      user_code: showUserCode(user_code),
      scopes: scopeTexts(promised, deps.scopes, language),
      resources: resource.filter((uri) => uri !== deps.public_url),
      action: `${PATH}?${query}`,
      csrf: csrf_token,
      other: loginHref(`${PATH}?${loginMarker.mark(query, browser_hash)}`),
    });
    return sendPage(reply, page, { any_form_target: true });
  }

  function toLogin({ request, reply, query }: Omit<Visit, 'session'>): FastifyReply {
    const { browser_hash } = csrf.meet(request, reply);
    return reply.redirect(loginHref(`${PATH}?${loginMarker.mark(query, browser_hash)}`), 303);
  }

  /** Claims the code for this session and shows the request. */
  async function claim(visit: Visit, typed: string): Promise<FastifyReply> {
    const { request, session, query } = visit;
    const asked = await deviceApproval.open(typed, session, request.remote_address);
    if (!asked) return askForCode(visit, true);
    if (asked.admission !== 'admitted') return tell(visit, asked.admission);
    return deviceApproval.needsLogin(asked, session, query, csrf.hashOf(request)) ? toLogin(visit) : askForAnswer(visit, asked);
  }

  async function decide(visit: Visit, typed: string, decision: string): Promise<FastifyReply> {
    const { request, session, query } = visit;
    if (decision !== 'allow' && decision !== 'deny') throw new AuthError('invalid_request', 'A decision is missing');
    const asked = await deviceApproval.reopen(typed, session, request.remote_address);
    if (!asked) return askForCode(visit, true);
    if (decision === 'allow' && deviceApproval.needsLogin(asked, session, query, csrf.hashOf(request))) return toLogin(visit);
    const answered = await (decision === 'allow' ? deviceApproval.approve : deviceApproval.deny)(asked, session, request.remote_address);
    if (!answered) return askForCode(visit, true);
    return tell(visit, decision === 'allow' ? 'connected' : 'denied');
  }

  return async (app) => {
    const config = { answers: 'page' as const };

    app.get(PATH, { config }, async (request, reply) => {
      const query = readQuery(request);
      const session = await browserSessions.find(request);
      return session ? askForCode({ request, reply, session, query }, false) : toLogin({ request, reply, query });
    });

    app.post(PATH, { config }, async (request, reply) => {
      const form = await formBody(request);
      csrf.check(request, form);
      const typed = (form.get(DEVICE.user_code) ?? '').slice(0, MAX_TYPED);
      const query = readQuery(request);
      // After an intermediate login, continues with the typed code.
      query.set(DEVICE.user_code, typed);
      const session = await browserSessions.find(request);
      if (!session) return toLogin({ request, reply, query });
      const visit = { request, reply, session, query };
      const decision = form.get(DEVICE.decision);
      return decision === undefined ? await claim(visit, typed) : await decide(visit, typed, decision);
    });

    app.get(`${PATH}/qr`, { config: { answers: 'plain', cors: 'any' } }, async (request, reply) => {
      const user_code = readUserCode(readQuery(request).get(DEVICE.user_code) ?? '');
      if (user_code === null) throw new AuthError('not_found', 'Not Found');
      return reply.type('image/svg+xml').send(renderSVG(verificationUri(deps.public_url, user_code)));
    });
  };
}

/**
 * There is no redirect; the host is that of the client's id, its client_uri, or its redirect URIs.
 */
function shownOf(client: Client): ClientLabel {
  const { client_id, client_name, client_uri, redirect_uris } = client;
  const registered = isOperatorRegistered(client) ? (client_uri ?? redirect_uris[0]) : redirect_uris[0];
  const host = displayHost(client_id) ?? (registered === undefined ? '' : redirectHost(registered));
  return { name: cleanText(client_name ?? client_id), host, redirect_host: null, is_self_named: hasUnverifiedName(client) };
}

/** Only known parameters are kept for the return from a login. */
function readQuery(request: FastifyRequest): URLSearchParams {
  const sent = new URLSearchParams(queryText(request));
  const typed = sent.get(DEVICE.user_code)?.slice(0, MAX_TYPED);
  const mark = sent.get(LOGIN_AFTER)?.slice(0, MAX_TYPED * 2);
  return new URLSearchParams({
    ...(typed !== undefined && { [DEVICE.user_code]: typed }),
    ...(mark !== undefined && { [LOGIN_AFTER]: mark }),
  });
}
