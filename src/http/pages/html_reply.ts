// Answers with a page: the reader's language, the page's own policy, and the page that tells a refusal.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RenderErrorPage } from '../server/errors.ts';
import { pagePolicy } from '../server/headers.ts';
import { queryText } from '../server/query_text.ts';
import type { ErrorResponse } from '../server/request.ts';
import type { Assets } from './assets.ts';
import { messagePage } from './components/message_page.tsx';
import { chooseLanguage, type Language } from './language.ts';

/** What the request asks for (OpenID Connect Core section 3.1.2.1), else what the browser does. */
export function languageOf(request: FastifyRequest): Language {
  const ui_locales = new URLSearchParams(queryText(request)).get('ui_locales');
  const wishes = ui_locales === null ? [] : ui_locales.slice(0, 100).split(' ');
  return chooseLanguage([...wishes, request.headers['accept-language'] ?? ''].join(','));
}

/** Sends a document. `any_form_target` where its POST ends in a redirect to a client. */
export function sendPage(reply: FastifyReply, html: string, policy: { any_form_target?: boolean } = {}): FastifyReply {
  return reply.type('text/html; charset=utf-8').header('content-security-policy', pagePolicy(policy)).send(html);
}

/** Why a login that was proven ends here, by the words in which it was refused (HA contract section 10). */
function blockedText({ description }: ErrorResponse, { t }: Language): string {
  if (description.includes('not active')) return t('blocked.inactive');
  if (description.includes('second factor')) return t('blocked.mfa');
  if (description.includes('App is waiting')) return t('client.pending');
  if (description.includes('App is not')) return t('client.refused');
  return description.includes('local') || description.includes('remote') ? t('blocked.local_only') : t('blocked.refused');
}

/** Draws the page of a refusal: what happened in the reader's words, the reference, and a way back where there is one. */
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
