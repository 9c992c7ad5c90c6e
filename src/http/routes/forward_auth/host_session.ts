// Gives a browser a protected host's own cookie. GET /.latchkey/login on the host marks the browser
// and redirects here; GET /auth/forward/login issues a code after a login; GET /.latchkey/callback
// on the host redeems it for the cookie and redirects back.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { AuthError } from '../../../domain/errors.ts';
import { type NetworkList, networksOf } from '../../../domain/network.ts';
import { randomToken, sha256 } from '../../../domain/secret.ts';
import type { ForwardAuth } from '../../../forward_auth/forward_auth.ts';
import type { LoginMarker } from '../../../oauth/login_marker.ts';
import type { BrowserSession, BrowserSessions } from '../../server/browser_session.ts';
import { type Cookies, hostCookie } from '../../server/cookies.ts';
import type { Csrf } from '../../server/csrf.ts';
import { localPath } from '../../server/local_path.ts';
import { loginHref } from '../../server/login_href.ts';
import { queryText } from '../../server/query_text.ts';
import { HOST_LOGIN } from './access_check.ts';
import { forwardedHost } from './original_request.ts';

const CALLBACK = '/.latchkey/callback';
const OUR_LOGIN = '/auth/forward/login';
const CODE = /^lk_hc_[\w-]{43}$/;
const STATE = /^[\w-]{43}$/;

export interface HostSessionDeps {
  forwardAuth: ForwardAuth;
  cookies: Cookies;
  browserSessions: BrowserSessions;
  csrf: Pick<Csrf, 'meet' | 'hashOf'>;
  loginMarker: LoginMarker;
  public_url: string;
}

export function hostSessionRoute(deps: HostSessionDeps, trusted_proxies: readonly string[]): FastifyPluginAsync {
  const { forwardAuth, cookies, browserSessions, csrf, loginMarker, public_url } = deps;
  const trusted = networksOf(trusted_proxies);

  /** Marks the browser at the host; the returned code is valid in this browser only. */
  function begin(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const host = protectedHost(request, trusted, forwardAuth);
    const to = pathAt(host, new URLSearchParams(queryText(request)).get('to'), forwardAuth);
    const name = hostCookie('login', host);
    const known = cookies.read(request, name);
    const mark = known ?? randomToken('lk_br_');
    if (known === null) cookies.set(reply, name, mark);
    const state = sha256(mark).toString('base64url');
    return reply.redirect(`${public_url}${OUR_LOGIN}?${new URLSearchParams({ host, to, state })}`, 303);
  }

  async function login(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const query = new URLSearchParams(queryText(request));
    const host = query.get('host') ?? '';
    const state = query.get('state') ?? '';
    if (!forwardAuth.protects(host) || !STATE.test(state)) throw invalid('an unknown host, or an invalid state');
    const to = pathAt(host, query.get('to'), forwardAuth);
    const session = await browserSessions.find(request);
    const isUnfit = async (found: BrowserSession) =>
      (await forwardAuth.needsLogin(found, { host, uri: to })) && !loginMarker.isFor(query, csrf.hashOf(request), found.auth_time);
    if (!session || (await isUnfit(session))) {
      const { browser_hash } = csrf.meet(request, reply);
      const marked = loginMarker.mark(new URLSearchParams({ host, to, state }), browser_hash);
      return reply.redirect(loginHref(`${OUR_LOGIN}?${marked}`, {}, session ? 'reauth' : undefined), 303);
    }
    // A login made for this is the last: a person without a second factor is not asked forever.
    const code = await forwardAuth.issueCode(session, { host, uri: to, browser_hash: Buffer.from(state, 'base64url') });
    return reply.redirect(`${forwardAuth.originOf(host)}${CALLBACK}?${new URLSearchParams({ code, to })}`, 303);
  }

  async function callback(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const host = protectedHost(request, trusted, forwardAuth);
    const query = new URLSearchParams(queryText(request));
    const code = query.get('code') ?? '';
    const mark = cookies.read(request, hostCookie('login', host));
    if (!CODE.test(code) || mark === null) throw invalid('no code, or not in the browser that began');
    const cookie = await forwardAuth.redeem({ code, host, browser_hash: sha256(mark), remote_address: request.remote_address });
    if (cookie === null) throw invalid('a code that is used, expired, or for another host or browser');
    cookies.set(reply, hostCookie('session', host), cookie);
    return reply.redirect(pathAt(host, query.get('to'), forwardAuth), 303);
  }

  return async (app) => {
    const config = { answers: 'page' as const };
    const at_host = { ...config, any_host: true };
    app.get(HOST_LOGIN, { config: at_host }, begin);
    app.get(OUR_LOGIN, { config }, login);
    app.get(CALLBACK, { config: at_host }, callback);
  };
}

function protectedHost(request: FastifyRequest, trusted: NetworkList, forwardAuth: ForwardAuth): string {
  const host = forwardedHost(request, trusted);
  if (host === null || !forwardAuth.protects(host)) throw invalid('not sent on by the proxy of a protected host');
  return host;
}

/** A path on this host, but not one of these pages. */
function pathAt(host: string, wish: string | null, forwardAuth: ForwardAuth): string {
  const path = localPath(wish, forwardAuth.originOf(host));
  return path === null || path.startsWith('/.latchkey/') ? '/' : path;
}

function invalid(detail: string): AuthError {
  return new AuthError('invalid_request', 'Invalid request', { detail });
}
