// GET /login and /login/done: a login for our own pages. It goes through the same page as an app's login, with us as the app, and ends where
// `next` says; the browser keeps the session, and the code is good for nothing: nobody knows its verifier.

import { randomBytes } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { localPath } from '../local_path.ts';
import { queryText } from '../page.ts';

const DONE = '/login/done';

/** The way to a login that comes back to this path. */
export function loginHref(next: string): string {
  return `/login?${new URLSearchParams({ next })}`;
}

export function loginRoute({ public_url }: { public_url: string }): FastifyPluginAsync {
  const nextOf = (query: string) => localPath(new URLSearchParams(query).get('next'), public_url) ?? '/';

  function authorizeHref(next: string): string {
    const redirect_uri = `${public_url}${DONE}?${new URLSearchParams({ next })}`;
    const code_challenge = randomBytes(32).toString('base64url');
    const pkce = { code_challenge, code_challenge_method: 'S256' };
    return `/auth/authorize?${new URLSearchParams({ response_type: 'code', client_id: `${public_url}/`, redirect_uri, ...pkce })}`;
  }

  return async (app) => {
    const config = { answers: 'page' as const };
    app.get('/login', { config }, async (request, reply) => reply.redirect(authorizeHref(nextOf(queryText(request))), 303));
    app.get(DONE, { config }, async (request, reply) => reply.redirect(nextOf(queryText(request)), 303));
  };
}
