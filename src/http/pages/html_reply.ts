// Sends pages: language, Content-Security-Policy and error pages.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RenderErrorPage } from '../server/errors.ts';
import { pagePolicy } from '../server/headers.ts';
import { queryText } from '../server/query_text.ts';
import type { ErrorResponse } from '../server/request.ts';
import type { Assets } from './assets.ts';
import { messagePage } from './components/message_page.tsx';
import { chooseLanguage, type Language } from './language.ts';

/** From the request (OpenID Connect Core section 3.1.2.1), or else from the browser. */
export function languageOf(request: FastifyRequest): Language {
  const ui_locales = new URLSearchParams(queryText(request)).get('ui_locales');
  const wishes = ui_locales === null ? [] : ui_locales.slice(0, 100).split(' ');
  return chooseLanguage([...wishes, request.headers['accept-language'] ?? ''].join(','));
}

/** Sends a document. `any_form_target` if its POST redirects to a client. */
export function sendPage(reply: FastifyReply, html: string, policy: { any_form_target?: boolean } = {}): FastifyReply {
  return reply.type('text/html; charset=utf-8').header('content-security-policy', pagePolicy(policy)).send(html);
}

/** Why a login was blocked, from the error's text (HA contract section 10). */
function blockedText({ description }: ErrorResponse, { t }: Language): string {
  if (description.includes('not active')) return t('blocked.inactive');
  if (description.includes('second factor')) return t('blocked.mfa');
  if (description.includes('App is waiting')) return t('client.pending');
  if (description.includes('App is not')) return t('client.refused');
  return description.includes('local') || description.includes('remote') ? t('blocked.local_only') : t('blocked.refused');
}

/** Renders an error page: an explanation, the reference, and a link back if there is one. */
export function createErrorPage(assets: Pick<Assets, 'href'>): RenderErrorPage {
  return (refusal, request) => {
    const language = languageOf(request);
    const { t } = language;
    const common = { language, stylesheet: assets.href('style.css'), error_ref: refusal.error_ref };
    const link = request.method === 'POST' ? { link: { href: request.url, text: t('login.start_again') } } : {};
    if (refusal.code === 'login_blocked')
      return messagePage({ ...common, ...link, title: t('blocked.title'), text: blockedText(refusal, language) });
    const fallback = refusal.status >= 500 ? t('error.server_error') : t('error.invalid_request');
    const text = language.maybe(`error.${refusal.code}`, fallback);
    return messagePage({ ...common, ...link, title: t('error.title'), text, note: t('error.nothing_sent') });
  };
}
