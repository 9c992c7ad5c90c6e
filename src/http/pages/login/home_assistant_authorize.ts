// Single sign-on in Home Assistant's dialect: a logged-in person confirms with one click; only apps
// trusted by the operator get a code without.

import type { FastifyReply } from 'fastify';
import { providerKeyText } from '../../../domain/auth_provider.ts';
import { releaseCode, type UserAction } from '../../../domain/code_release.ts';
import { appendCode } from '../../../domain/redirect_uri.ts';
import type { Authorize } from '../../../oauth/authorize.ts';
import type { ClientDirectory } from '../../../oauth/client_directory.ts';
import type { BrowserSession, BrowserSessions } from '../../server/browser_session.ts';
import type { Assets } from '../assets.ts';
import { clientLabel } from '../components/client_label.ts';
import { languageOf, sendPage } from '../html_reply.ts';
import { consentPage } from './consent_page.tsx';
import { ownLoginTarget } from './login.ts';
import { type LoginPageContext, PROVIDER } from './login_reply.ts';
import type { Decision } from './standard_authorize.ts';

export interface HomeAssistantAuthorizeDeps {
  authorize: Pick<Authorize, 'grantUrlClient'>;
  clientDirectory: Pick<ClientDirectory, 'urlClient'>;
  browserSessions: BrowserSessions;
  assets: Pick<Assets, 'href'>;
  public_url: string;
}

export function createHomeAssistantAuthorize(deps: HomeAssistantAuthorizeDeps) {
  const { authorize, clientDirectory, browserSessions, assets, public_url } = deps;

  /** Our own login was requested because the session is not sufficient. */
  const isOwn = ({ authorization }: LoginPageContext) => ownLoginTarget(authorization, public_url) !== null;

  function loginHrefOf({ query, provider }: LoginPageContext): string {
    const chosen = new URLSearchParams(query);
    chosen.set(PROVIDER, providerKeyText(provider));
    return `/auth/authorize?${chosen}`;
  }

  /** The code for the person's action; null if a page must be confirmed first. */
  async function grant(
    reply: FastifyReply,
    visit: LoginPageContext,
    session: BrowserSession,
    act: UserAction,
    keep: boolean,
  ): Promise<FastifyReply | null> {
    const { request, authorization } = visit;
    const { client_id, redirect_uri, state } = authorization;
    const client = clientDirectory.urlClient(client_id);
    const release = releaseCode({ receiver: 'app', act, client, redirect_uri, agreed_before: false });
    if (release === null) return null;
    const code = await authorize.grantUrlClient(authorization, session, request.remote_address, release);
    return reply.redirect(appendCode(redirect_uri, { code, state, storeToken: keep }), 303);
  }

  return {
    /**
     * Asks a logged-in person, unless the app is trusted; null if nobody is logged in or a login
     * was requested.
     */
    async offer(reply: FastifyReply, visit: LoginPageContext, keep: boolean): Promise<FastifyReply | null> {
      const { request, query, authorization, browser } = visit;
      const session = isOwn(visit) ? null : await browserSessions.find(request);
      if (session === null) return null;
      const granted = await grant(reply, visit, session, 'none', keep);
      if (granted !== null) return granted;
      const { client_id, redirect_uri } = authorization;
      const html = consentPage({
        language: languageOf(request),
        stylesheet: assets.href('style.css'),
        client: clientLabel({ client_id, client_name: null, kind: 'url' }, redirect_uri),
        account: session.name ?? session.user_id,
        sid: session.sid,
        full_access: true,
        scopes: [],
        resources: [],
        action: `/auth/authorize/consent?${query}`,
        csrf: browser.csrf_token,
        other: loginHrefOf(visit),
        keep: true,
      });
      return sendPage(reply, html, { any_form_target: true });
    },

    /**
     * The person's answer; null leads to the login: they chose another account, or the page was
     * shown for another user.
     */
    async answer(reply: FastifyReply, visit: LoginPageContext, { sid, allowed }: Decision, keep: boolean): Promise<FastifyReply | null> {
      const session = isOwn(visit) ? null : await browserSessions.find(visit.request);
      if (session === null || session.sid !== sid || !allowed) return null;
      return await grant(reply, visit, session, 'consent', keep);
    },
  };
}
