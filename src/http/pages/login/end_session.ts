// GET and POST /auth/end_session (RP-Initiated Logout 1.0), and /logout for people. Unless the
// session's own app proves the request, the person must confirm.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { AuthError } from '../../../domain/errors.ts';
import { redirectHost } from '../../../domain/redirect_uri.ts';
import { type EndSession, LOGOUT_PARAMETERS, type LogoutRequest } from '../../../oauth/end_session.ts';
import { parameterBody } from '../../server/body.ts';
import type { BrowserSession, BrowserSessions } from '../../server/browser_session.ts';
import type { Cookies } from '../../server/cookies.ts';
import { CSRF_FIELD, type Csrf } from '../../server/csrf.ts';
import { queryText } from '../../server/query_text.ts';
import { fetchAsker } from '../../server/same_origin.ts';
import type { Assets } from '../assets.ts';
import { messagePage } from '../components/message_page.tsx';
import { languageOf, sendPage } from '../html_reply.ts';
import { LOGOUT, logoutPage } from './logout_page.tsx';

export interface EndSessionRouteDeps {
  endSession: EndSession;
  browserSessions: BrowserSessions;
  cookies: Cookies;
  csrf: Csrf;
  assets: Assets;
}

const PATH = '/auth/end_session';
/** Longer URLs are truncated on their way. */
const MAX_QUERY_LENGTH = 12_000;

/** A logout request, and the browser's session. */
interface Visit {
  request: FastifyRequest;
  reply: FastifyReply;
  query: URLSearchParams;
  asked: LogoutRequest;
  session: BrowserSession | null;
}

export function endSessionRoute({ endSession, browserSessions, cookies, csrf, assets }: EndSessionRouteDeps): FastifyPluginAsync {
  const stylesheet = assets.href('style.css');

  async function visit(request: FastifyRequest, reply: FastifyReply): Promise<Visit> {
    const query = known(new URLSearchParams(queryText(request)));
    const asked = await endSession.read(query, fetchAsker(request));
    return { request, reply, query, asked, session: await browserSessions.find(request) };
  }

  function confirm({ request, reply, query }: Visit, session: BrowserSession): FastifyReply {
    const { csrf_token } = csrf.meet(request, reply);
    const account = session.name ?? session.user_id;
    const page = { language: languageOf(request), stylesheet, account, sid: session.sid, action: `${PATH}?${query}`, csrf: csrf_token };
    return sendPage(reply, logoutPage(page), { any_form_target: true });
  }

  /**
   * Redirects for the operator's clients, and for the client whose session has just ended;
   * otherwise shows a link (RFC 9700 section 4.11.2).
   */
  function tell({ request, reply, asked }: Visit, ended: BrowserSession | null): FastifyReply {
    const { hint, return_url, is_operators_client } = asked;
    const is_known = is_operators_client || (ended !== null && hint?.sid === ended.sid);
    if (hint && return_url !== null && is_known) return reply.redirect(return_url, 303);
    const language = languageOf(request);
    const { t } = language;
    const link = return_url === null ? {} : { link: { href: return_url, text: t('authorize.back', { host: redirectHost(return_url) }) } };
    return sendPage(reply, messagePage({ language, stylesheet, title: t('logout.done_title'), text: t('logout.done'), ...link }));
  }

  async function end(visited: Visit, session: BrowserSession | null): Promise<FastifyReply> {
    const { request, reply } = visited;
    if (session) await endSession.end(session, request.remote_address);
    if (cookies.read(request, 'session') !== null) cookies.clear(reply, 'session');
    return tell(visited, session);
  }

  return async (app) => {
    const config = { answers: 'page' as const };

    app.get(PATH, { config }, async (request, reply) => {
      const visited = await visit(request, reply);
      const { session, asked } = visited;
      return session && endSession.mustConfirm(asked, session) ? confirm(visited, session) : await end(visited, session);
    });

    app.post(PATH, { config }, async (request, reply) => {
      const form = await parameterBody(request);
      // Browsers send no cookie with another site's form, but do after a redirect.
      if (!form.has(CSRF_FIELD)) return reply.redirect(`${PATH}?${bounded(known(form))}`, 303);
      csrf.check(request, form);
      const visited = await visit(request, reply);
      const { session } = visited;
      // The page was shown for another session.
      return session && session.sid !== form.get(LOGOUT.sid) ? confirm(visited, session) : await end(visited, session);
    });

    app.get('/logout', { config }, async (_request, reply) => reply.redirect(PATH, 303));
  };
}

function known(parameters: ReadonlyMap<string, string> | URLSearchParams): URLSearchParams {
  const names: readonly string[] = LOGOUT_PARAMETERS;
  return new URLSearchParams([...parameters].filter(([name]) => names.includes(name)));
}

function bounded(query: URLSearchParams): URLSearchParams {
  if (query.toString().length > MAX_QUERY_LENGTH) throw new AuthError('invalid_request', 'The request is too long');
  return query;
}
