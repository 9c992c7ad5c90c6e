// /account/sessions: a person's browser sessions, with a button to end each. Requires a browser
// session.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../../../accounts/actor.ts';
import type { UserSessions } from '../../../accounts/user_sessions.ts';
import { AuthError } from '../../../domain/errors.ts';
import { MAX_PAGE } from '../../../domain/pagination.ts';
import { formBody } from '../../server/body.ts';
import type { BrowserSession, BrowserSessions } from '../../server/browser_session.ts';
import type { Csrf } from '../../server/csrf.ts';
import { loginHref } from '../../server/login_href.ts';
import { pathId } from '../../server/path_id.ts';
import type { Assets } from '../assets.ts';
import { languageOf, sendPage } from '../html_reply.ts';
import { sessionsPage } from './sessions_page.tsx';

export interface AccountSessionsDeps {
  userSessions: UserSessions;
  browserSessions: BrowserSessions;
  csrf: Csrf;
  assets: Assets;
}

const PATH = '/account/sessions';

export function accountSessionsRoute({ userSessions, browserSessions, csrf, assets }: AccountSessionsDeps): FastifyPluginAsync {
  const stylesheet = assets.href('style.css');

  async function show(request: FastifyRequest, reply: FastifyReply, { user_id, sid }: BrowserSession): Promise<FastifyReply> {
    const { csrf_token } = csrf.meet(request, reply);
    // The first page only; the rest appears once some are ended.
    const { items } = await userSessions.list(user_id, { limit: MAX_PAGE, cursor: null }, { sid });
    return sendPage(reply, sessionsPage({ language: languageOf(request), stylesheet, csrf: csrf_token, path: PATH, sessions: items }));
  }

  return async (app) => {
    const config = { answers: 'page' as const, database_only: true };

    app.get(PATH, { config }, async (request, reply) => {
      const session = await browserSessions.find(request);
      return session ? await show(request, reply, session) : reply.redirect(loginHref(PATH), 303);
    });

    // For reloads and the link of error pages: the step has no page of its own.
    app.get(`${PATH}/:session_id/end`, { config }, (_request, reply) => reply.redirect(PATH, 303));

    app.post<{ Params: { session_id: string } }>(`${PATH}/:session_id/end`, { config }, async (request, reply) => {
      csrf.check(request, await formBody(request));
      const session = await browserSessions.find(request);
      if (!session) return reply.redirect(loginHref(PATH), 303);
      await userSessions.end(session.user_id, pathId(request.params.session_id), actorOf(session, request)).catch(gone);
      return reply.redirect(PATH, 303);
    });
  };
}

/** A session that has ended already is no error here. */
function gone(error: unknown): void {
  if (!(error instanceof AuthError && error.code === 'not_found')) throw error;
}

function actorOf({ user_id, is_owner }: BrowserSession, { remote_address }: FastifyRequest): Actor {
  return { user_id, is_owner, is_admin: is_owner, remote_address };
}
