// Sends pages: language, Content-Security-Policy and error pages.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Reason } from '../../domain/errors.ts';
import type { RenderErrorPage } from '../server/errors.ts';
import { pagePolicy } from '../server/headers.ts';
import { queryText } from '../server/query_text.ts';
import type { ErrorResponse } from '../server/request.ts';
import type { Assets } from './assets.ts';
import { messagePage } from './components/message_page.tsx';
import { chooseLanguage, type Language, type MessageKey } from './language.ts';

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

type Answer = FastifyReply | Promise<FastifyReply>;

interface StepPage<Step extends { type: string }> {
  stylesheet: string;
  /** The way on after an abort. */
  link: { href: string; text: 'login.start_again' | 'security.back' };
  form(step: Extract<Step, { type: 'form' }>): Answer;
  /** The end of the steps. */
  finish(step: Exclude<Step, { type: 'form' | 'abort' | 'external' }>): Answer;
}

/** Answers a step of a login, a linking or a setup; each page has its own form and end. */
export function sendStep<Step extends { type: string }>(
  request: FastifyRequest,
  reply: FastifyReply,
  step: Step | { type: 'abort'; reason: string } | { type: 'external'; url: string },
  { stylesheet, link, form, finish }: StepPage<Step>,
): Answer {
  if (step.type === 'external' && 'url' in step) return reply.redirect(step.url, 303);
  if (step.type === 'abort' && 'reason' in step) return sendAbort(request, reply, { stylesheet, link, reason: step.reason });
  if (step.type === 'form') return form(step as Extract<Step, { type: 'form' }>);
  return finish(step as Exclude<Step, { type: 'form' | 'abort' | 'external' }>);
}

function sendAbort(
  request: FastifyRequest,
  reply: FastifyReply,
  { stylesheet, reason, link }: Pick<StepPage<{ type: string }>, 'stylesheet' | 'link'> & { reason: string },
): FastifyReply {
  const language = languageOf(request);
  const { t } = language;
  const text = language.maybe(`abort.${reason}`, t('abort.unknown_error'));
  const way_on = { href: link.href, text: t(link.text) };
  return sendPage(reply, messagePage({ language, stylesheet, title: t('error.title'), text, link: way_on }));
}

const BLOCKED: Readonly<Partial<Record<Reason, MessageKey>>> = {
  inactive: 'blocked.inactive',
  no_request: 'blocked.local_only',
  invalid_address: 'blocked.local_only',
  not_local: 'blocked.local_only',
  second_factor_missing: 'blocked.mfa',
  app_pending: 'client.pending',
  app_refused: 'client.refused',
  credential_linked: 'blocked.refused',
  too_many_waiting: 'blocked.refused',
  new_users_refused: 'blocked.refused',
};

function blockedText({ reason }: ErrorResponse, { t }: Language): string {
  return t((reason && BLOCKED[reason]) ?? 'blocked.refused');
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
