// Asks a person who returns from another server whether they started the login, where no cookie
// proves it.

import { CSRF_FIELD } from '../../server/csrf.ts';
import { formatMinutesAgo, type Language } from '../language.ts';
import { Layout, render } from './layout.tsx';

export interface ConfirmPage {
  language: Language;
  stylesheet: string;
  action: string;
  csrf: string;
  /** Host of the app that the login is for. */
  app: string;
  provider_name: string;
  /** Where and when the login was started. */
  remote_address: string;
  minutes_ago: number;
}

export function confirmPage({ language, stylesheet, action, csrf, app, provider_name, remote_address, minutes_ago }: ConfirmPage): string {
  const { t } = language;
  const title = t('callback.confirm_title', { app });
  return render(
    <Layout language={language} title={title} stylesheet={stylesheet}>
      <h1>{title}</h1>
      <p>{t('callback.confirm', { app, name: provider_name })}</p>
      <p class="hint">{t('callback.started', { time: formatMinutesAgo(language, minutes_ago), address: remote_address })}</p>
      <form method="post" action={action}>
        <input type="hidden" name={CSRF_FIELD} value={csrf} />
        <button type="submit">{t('callback.confirm_submit')}</button>
      </form>
    </Layout>,
  );
}
