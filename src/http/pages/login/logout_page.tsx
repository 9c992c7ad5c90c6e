// Asks a person to confirm the logout.

import { CSRF_FIELD } from '../../server/csrf.ts';
import { Layout, render } from '../components/layout.tsx';
import type { Language } from '../language.ts';

/** Names of the page's own controls. */
export const LOGOUT = { sid: '_sid' } as const;

export interface LogoutPage {
  language: Language;
  stylesheet: string;
  /** The session's user. */
  account: string;
  sid: string;
  action: string;
  csrf: string;
}

export function logoutPage({ language, stylesheet, account, sid, action, csrf }: LogoutPage): string {
  const { t } = language;
  const title = t('logout.title');
  return render(
    <Layout language={language} title={title} stylesheet={stylesheet}>
      <h1>{title}</h1>
      <p>{t('logout.text', { account })}</p>
      <form method="post" action={action}>
        <input type="hidden" name={CSRF_FIELD} value={csrf} />
        <input type="hidden" name={LOGOUT.sid} value={sid} />
        <button type="submit">{t('logout.submit')}</button>
      </form>
      <p class="other">
        <a href="/">{t('logout.stay')}</a>
      </p>
    </Layout>,
  );
}
