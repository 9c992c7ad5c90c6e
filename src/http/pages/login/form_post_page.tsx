// Sends an authorization response as a form (OAuth 2.0 Form Post Response Mode), by script or by a
// button.

import type { ResponseParameters } from '../../../domain/authorization_response.ts';
import { Layout, render } from '../components/layout.tsx';
import type { Language } from '../language.ts';

export interface FormPostPage {
  language: Language;
  stylesheet: string;
  script: string;
  action: string;
  parameters: ResponseParameters;
}

export function formPostPage({ language, stylesheet, script, action, parameters }: FormPostPage): string {
  const { t } = language;
  return render(
    <Layout language={language} title={t('form_post.title')} stylesheet={stylesheet} script={script}>
      <h1>{t('form_post.title')}</h1>
      <form method="post" action={action} id="answer">
        {Object.entries(parameters).map(([name, value]) => (
          <input type="hidden" name={name} value={value} />
        ))}
        <button type="submit">{t('login.continue')}</button>
      </form>
    </Layout>,
  );
}
