// Asks for a click before an app's document is fetched.

import { CSRF_FIELD } from '../../server/csrf.ts';
import { Layout, render } from '../components/layout.tsx';
import type { Language } from '../language.ts';

export interface ContinuePage {
  language: Language;
  stylesheet: string;
  /** The host of the app's URL. */
  host: string;
  action: string;
  csrf: string;
}

export function continuePage({ language, stylesheet, host, action, csrf }: ContinuePage): string {
  const { t } = language;
  const title = t('continue.title', { host });
  return render(
    <Layout language={language} title={title} stylesheet={stylesheet}>
      <h1>{title}</h1>
      <p>{t('continue.text')}</p>
      <form method="post" action={action}>
        <input type="hidden" name={CSRF_FIELD} value={csrf} />
        <button type="submit">{t('login.continue')}</button>
      </form>
    </Layout>,
  );
}
