// Single sign-on in Home Assistant's dialect: a person who is logged in sees which app asks and says yes with one click. Never silently: nobody
// registered the app, and its own clients know no consent.

import type { FastifyReply } from 'fastify';
import { providerKeyText } from '../domain/auth_provider.ts';
import { joinRedirect } from '../domain/redirect_uri.ts';
import type { Authorize } from '../oauth/authorize.ts';
import type { Assets } from './assets.ts';
import type { BrowserSessions } from './browser_session.ts';
import { PROVIDER, type Visit } from './login_answer.ts';
import { languageOf, sendPage } from './page.ts';
import { consentPage } from './pages/consent_page.tsx';
import { ownLoginTarget } from './routes/login.ts';
import { shownClient } from './shown_client.ts';
import type { Decision } from './standard_authorize.ts';

export interface HomeAssistantAuthorizeParts {
  authorize: Pick<Authorize, 'grantUrlClient'>;
  browserSessions: BrowserSessions;
  assets: Pick<Assets, 'href'>;
  public_url: string;
}

export function createHomeAssistantAuthorize({ authorize, browserSessions, assets, public_url }: HomeAssistantAuthorizeParts) {
  /** A login of our own is asked for because the session is not enough. */
  const isOwn = ({ authorization }: Visit) => ownLoginTarget(authorization, public_url) !== null;

  function loginHrefOf({ query, provider }: Visit): string {
    const chosen = new URLSearchParams(query);
    chosen.set(PROVIDER, providerKeyText(provider));
    return `/auth/authorize?${chosen}`;
  }

  return {
    /** Asks whoever is logged in; null where nobody is, or a login is what is wanted. */
    async offer(reply: FastifyReply, visit: Visit): Promise<FastifyReply | null> {
      const { request, query, authorization, browser } = visit;
      const session = isOwn(visit) ? null : await browserSessions.find(request);
      if (session === null) return null;
      const { client_id, redirect_uri } = authorization;
      const html = consentPage({
        language: languageOf(request),
        stylesheet: assets.href('style.css'),
        client: shownClient({ client_id, client_name: null }, redirect_uri),
        account: session.name ?? session.user_id,
        sid: session.sid,
        scopes: [],
        resources: [],
        action: `/auth/authorize/consent?${query}`,
        csrf: browser.csrf_token,
        other: loginHrefOf(visit),
        keep: true,
      });
      return sendPage(reply, html, { any_form_target: true });
    },

    /** The person's answer; null sends them to the login: they said no to going on as this user, or the page was shown to another one. */
    async answer(reply: FastifyReply, visit: Visit, { sid, allowed }: Decision, keep: boolean): Promise<FastifyReply | null> {
      const { request, authorization } = visit;
      const session = isOwn(visit) ? null : await browserSessions.find(request);
      if (session === null || session.sid !== sid || !allowed) return null;
      const code = await authorize.grantUrlClient(authorization, session, request.remote_address);
      const { redirect_uri, state } = authorization;
      return reply.redirect(joinRedirect(redirect_uri, { code, state, storeToken: keep }), 303);
    },
  };
}
