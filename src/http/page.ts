// Answers with a page: the reader's language, the page's own policy, and the page that tells a refusal.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Assets } from './assets.ts';
import type { RenderErrorPage } from './errors.ts';
import { pagePolicy } from './headers.ts';
import { chooseLanguage, type Language } from './pages/language.ts';
import { messagePage } from './pages/message_page.tsx';
import type { Refusal } from './request.ts';

/** What the request asks for (OpenID Connect Core section 3.1.2.1), else what the browser does. */
export function languageOf(request: FastifyRequest): Language {
  const ui_locales = new URLSearchParams(queryText(request)).get('ui_locales');
  const wishes = ui_locales === null ? [] : ui_locales.slice(0, 100).split(' ');
  return chooseLanguage([...wishes, request.headers['accept-language'] ?? ''].join(','));
}

/** The query of a request as it came, with its question mark; empty where there is none. */
export function queryText(request: FastifyRequest): string {
  const start = request.url.indexOf('?');
  return start < 0 ? '' : request.url.slice(start);
}

/** Sends a document. `any_form_target` where its POST ends in a redirect to a client. */
export function sendPage(reply: FastifyReply, html: string, policy: { any_form_target?: boolean } = {}): FastifyReply {
  return reply.type('text/html; charset=utf-8').header('content-security-policy', pagePolicy(policy)).send(html);
}

/** Why a login that was proven ends here, by the words in which it was refused (HA contract section 10). */
function blockedText({ description }: Refusal, { t }: Language): string {
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
