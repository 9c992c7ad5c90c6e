// Asks a person who comes back from another server whether it was them who began to log in, where nothing else ties the two together.

import { CSRF_FIELD } from '../../server/csrf.ts';
import type { Language } from '../language.ts';
import { Layout, render } from './layout.tsx';

export interface ConfirmPage {
  language: Language;
  stylesheet: string;
  action: string;
  csrf: string;
  /** Host of the app that would be logged in. */
  app: string;
  provider_name: string;
}

export function confirmPage({ language, stylesheet, action, csrf, app, provider_name }: ConfirmPage): string {
  const { t } = language;
  const title = t('callback.confirm_title', { app });
  return render(
    <Layout language={language} title={title} stylesheet={stylesheet}>
      <h1>{title}</h1>
      <p>{t('callback.confirm', { app, name: provider_name })}</p>
      <form method="post" action={action}>
        <input type="hidden" name={CSRF_FIELD} value={csrf} />
        <button type="submit">{t('callback.confirm_submit')}</button>
      </form>
    </Layout>,
  );
}
