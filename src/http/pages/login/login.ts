// GET /login and /login/done: logins for our own pages. They use the same page as apps' logins, and
// end at `next` with a browser session but no code.

import type { FastifyPluginAsync } from 'fastify';
import { OWN_LOGIN_DONE as DONE, isOwnLogin } from '../../../domain/own_login.ts';
import { localPath } from '../../server/local_path.ts';
import { hintParameters, type LoginReason } from '../../server/login_href.ts';
import { queryText } from '../../server/query_text.ts';

const REASONS: readonly string[] = ['reauth'] satisfies LoginReason[];

/** Why our own login was requested although there was a session; null for other logins. */
export function ownLoginReason(request: { client_id: string; redirect_uri: string }, public_url: string): LoginReason | null {
  if (ownLoginTarget(request, public_url) === null) return null;
  const reason = new URL(request.redirect_uri).searchParams.get('reason');
  return reason === 'reauth' ? reason : null;
}

/** The target of our own login; null for other clients' logins. */
export function ownLoginTarget(request: { client_id: string; redirect_uri: string }, public_url: string): string | null {
  if (!isOwnLogin(request, public_url)) return null;
  const { redirect_uri } = request;
  return localPath(new URLSearchParams(redirect_uri.slice(redirect_uri.indexOf('?'))).get('next'), public_url);
}

export function loginRoute({ public_url }: { public_url: string }): FastifyPluginAsync {
  const nextOf = (query: string) => localPath(new URLSearchParams(query).get('next'), public_url) ?? '/';

  function authorizeHref(query: string): string {
    const next = nextOf(query);
    const asked = new URLSearchParams(query);
    const hints = hintParameters({ login_hint: asked.get('login_hint'), ui_locales: asked.get('ui_locales') });
    const reason = asked.get('reason') ?? '';
    const done = new URLSearchParams({ next, ...(REASONS.includes(reason) && { reason }) });
    const redirect_uri = `${public_url}${DONE}?${done}`;
    const request = { response_type: 'code', client_id: `${public_url}/`, redirect_uri };
    return `/auth/authorize?${new URLSearchParams([...Object.entries(request), ...hints])}`;
  }

  return async (app) => {
    const config = { answers: 'page' as const };
    app.get('/login', { config }, async (request, reply) => reply.redirect(authorizeHref(queryText(request)), 303));
    app.get(DONE, { config }, async (request, reply) => reply.redirect(nextOf(queryText(request)), 303));
  };
}
