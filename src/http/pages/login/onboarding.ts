// GET and POST /onboarding: creates the owner with the setup token from the printed link or a
// field. 404 once there is an owner. People sent by an app continue to its login.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Onboarding } from '../../../accounts/onboarding.ts';
import { AuthError } from '../../../domain/errors.ts';
import { formBody } from '../../server/body.ts';
import type { Csrf } from '../../server/csrf.ts';
import { pastedSetupToken } from '../../server/setup_token.ts';
import type { Assets } from '../assets.ts';
import { messagePage } from '../components/message_page.tsx';
import { languageOf, sendPage } from '../html_reply.ts';
import { onboardingPage } from './onboarding_page.tsx';

export interface OnboardingPageDeps {
  onboarding: Onboarding;
  minimum_password_length: number;
  csrf: Csrf;
  assets: Assets;
  public_url: string;
}

/** The owner's first code is not redeemable: the person logs in like everybody else. */
const NO_CLIENT = 'latchkey';
const NO_VALUES = { name: '', username: '', email: '' };

export function onboardingPageRoute(deps: OnboardingPageDeps): FastifyPluginAsync {
  const { onboarding, csrf, assets } = deps;
  const stylesheet = assets.href('style.css');

  async function refuseWhenDone(): Promise<void> {
    if (await onboarding.isDone()) throw new AuthError('not_found', 'Not Found');
  }

  function form(
    reply: FastifyReply,
    request: FastifyRequest,
    page: { csrf: string; token: string | null; complaint?: string | undefined; values: { name: string; username: string; email: string } },
  ) {
    const language = languageOf(request);
    const { minimum_password_length } = deps;
    return sendPage(
      reply,
      onboardingPage({ language, stylesheet, action: request.url, minimum_password_length, ...page, complaint: page.complaint }),
    );
  }

  /** Continues to the app that sent the person, or shows a welcome. */
  function welcome(reply: FastifyReply, request: FastifyRequest, name: string): FastifyReply {
    const query = new URLSearchParams(request.url.split('?')[1] ?? '');
    query.delete('token');
    if (query.has('client_id')) return reply.redirect(`/auth/authorize?${query}`, 303);
    const language = languageOf(request);
    const { t } = language;
    return sendPage(reply, messagePage({ language, stylesheet, title: t('onboarding.done_title', { name }), text: t('onboarding.done') }));
  }

  return async (app) => {
    const config = { answers: 'page' as const };

    app.get('/onboarding', { config }, async (request, reply) => {
      await refuseWhenDone();
      const linked = new URLSearchParams(request.url.split('?')[1] ?? '').get('token');
      const token = linked !== null && onboarding.isSetupToken(linked) ? linked : null;
      const complaint = linked !== null && token === null ? languageOf(request).t('onboarding.token_wrong') : undefined;
      if (complaint !== undefined) reply.code(403);
      return form(reply, request, { csrf: csrf.meet(request, reply).csrf_token, token, complaint, values: NO_VALUES });
    });

    app.post('/onboarding', { config }, async (request, reply) => {
      await refuseWhenDone();
      const sent = await formBody(request);
      const { csrf_token } = csrf.check(request, sent);
      const field = (name: string) => sent.get(name) ?? '';
      const token = pastedSetupToken(field('token'));
      const values = { name: field('name'), username: field('username'), email: field('email') };
      const language = languageOf(request);
      if (!onboarding.isSetupToken(token)) {
        // Prefilled links do not count: over plain http browsers do not reveal cross-site requests.
        request.counts_as_failure = token !== '';
        return form(reply.code(403), request, { csrf: csrf_token, token: null, complaint: language.t('onboarding.token_wrong'), values });
      }
      const again = (complaint: string) => form(reply.code(400), request, { csrf: csrf_token, token, complaint, values });
      if (field('password') !== field('password_again')) return again(language.t('onboarding.passwords_differ'));
      try {
        await onboarding.createOwner(
          { ...values, password: field('password'), client_id: NO_CLIENT, language: language.tag },
          { remote_address: request.remote_address },
        );
      } catch (error) {
        if (error instanceof AuthError && error.status === 400) return again(error.description);
        throw error;
      }
      return welcome(reply, request, values.name);
    });
  };
}
