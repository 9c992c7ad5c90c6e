// The page that creates the owner.

import { AS_TYPED, Field } from '../components/field.tsx';
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
        <Field
          name="name"
          label={language.t('field.name')}
          autocomplete="name"
          required
          maxlength={256}
          value={values.name}
          autofocus={page.token !== null}
        />
        <Field
          name="username"
          label={language.t('field.username')}
          hint={language.t('onboarding.username_hint')}
          autocomplete="username"
          {...AS_TYPED}
          required
          maxlength={256}
          value={values.username}
        />
        <Field
          name="email"
          label={language.t('field.email')}
          hint={language.t('onboarding.email_hint')}
          type="email"
          autocomplete="email"
          maxlength={320}
          value={values.email}
        />
        <Field
          name="password"
          label={language.t('field.password')}
          hint={language.t('onboarding.password_hint', { minimum: String(page.minimum_password_length) })}
          type="password"
          autocomplete="new-password"
          required
          minlength={page.minimum_password_length}
        />
        <Field name="password_again" label={language.t('field.password_again')} type="password" autocomplete="new-password" required />
        <button type="submit">{language.t('onboarding.submit')}</button>
      </form>
    </Layout>,
  );
}

function TokenField({ language }: { language: Language }) {
  return (
    <Field
      name="token"
      label={language.t('field.setup_token')}
      hint={language.t('onboarding.token_hint')}
      autocomplete="off"
      {...AS_TYPED}
      required
      maxlength={2048}
      autofocus
    />
  );
}
