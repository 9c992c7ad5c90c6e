// GET /: shows that the server runs; redirects to onboarding while there is no owner.

import type { FastifyPluginAsync } from 'fastify';
import type { Assets } from './assets.ts';
import { messagePage } from './components/message_page.tsx';
import { languageOf, sendPage } from './html_reply.ts';

export interface HomeDeps {
  onboarding: { isDone(): Promise<boolean> };
  assets: Assets;
}

export function homeRoute({ onboarding, assets }: HomeDeps): FastifyPluginAsync {
  const stylesheet = assets.href('style.css');
  return async (app) => {
    app.get('/', { config: { answers: 'page' } }, async (request, reply) => {
      if (!(await onboarding.isDone())) return reply.redirect('/onboarding', 303);
      const language = languageOf(request);
      const { t } = language;
      const link = { href: '/account/security', text: t('home.security') };
      return sendPage(reply, messagePage({ language, stylesheet, title: t('page.home'), text: t('home.running'), link }));
    });
  };
}
