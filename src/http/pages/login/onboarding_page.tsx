// The page that creates the owner.

import { Layout, render } from '../components/layout.tsx';
import { CONTROL } from '../components/step_form.tsx';
import type { Language } from '../language.ts';

export interface OnboardingPage {
  language: Language;
  stylesheet: string;
  action: string;
  csrf: string;
  /** The setup token of the printed link; null shows a field for it. */
  token: string | null;
  values: { name: string; username: string; email: string };
  minimum_password_length: number;
  complaint: string | undefined;
}

export function onboardingPage(page: OnboardingPage): string {
  const { language, values } = page;
  return render(
    <Layout language={language} title={language.t('page.onboarding')} stylesheet={page.stylesheet}>
      <h1>{language.t('onboarding.title')}</h1>
      <p>{language.t('onboarding.intro')}</p>
      <form method="post" action={page.action}>
        {page.complaint === undefined ? null : (
          <p class="alert" role="alert">
            {page.complaint}
          </p>
        )}
        <input type="hidden" name={CONTROL.csrf} value={page.csrf} />
        {page.token === null ? <TokenField language={language} /> : <input type="hidden" name="token" value={page.token} />}
        <label for="name">{language.t('field.name')}</label>
        <input
          id="name"
          name="name"
          type="text"
          autocomplete="name"
          required
          maxlength={256}
          value={values.name}
          autofocus={page.token !== null}
        />
        <label for="username">{language.t('field.username')}</label>
        <input
          id="username"
          name="username"
          type="text"
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          required
          maxlength={256}
          value={values.username}
          aria-describedby="username-hint"
        />
        <p class="hint" id="username-hint">
          {language.t('onboarding.username_hint')}
        </p>
        <label for="email">{language.t('field.email')}</label>
        <input
          id="email"
          name="email"
          type="email"
          autocomplete="email"
          maxlength={320}
          value={values.email}
          aria-describedby="email-hint"
        />
        <p class="hint" id="email-hint">
          {language.t('onboarding.email_hint')}
        </p>
        <label for="password">{language.t('field.password')}</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="new-password"
          required
          minlength={page.minimum_password_length}
          aria-describedby="password-hint"
        />
        <p class="hint" id="password-hint">
          {language.t('onboarding.password_hint', { minimum: String(page.minimum_password_length) })}
        </p>
        <label for="password_again">{language.t('field.password_again')}</label>
        <input id="password_again" name="password_again" type="password" autocomplete="new-password" required />
        <button type="submit">{language.t('onboarding.submit')}</button>
      </form>
    </Layout>,
  );
}

function TokenField({ language }: { language: Language }) {
  return (
    <>
      <label for="token">{language.t('field.setup_token')}</label>
      <input
        id="token"
        name="token"
        type="text"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        required
        maxlength={2048}
        aria-describedby="token-hint"
        autofocus
      />
      <p class="hint" id="token-hint">
        {language.t('onboarding.token_hint')}
      </p>
    </>
  );
}
