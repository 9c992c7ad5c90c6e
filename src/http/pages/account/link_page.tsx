// The page for linking another login: the account, and the form of the provider's step.

import type { FormField } from '../../../domain/form.ts';
import { cleanText } from '../../../domain/text.ts';
import { Layout, render } from '../components/layout.tsx';
import { complaintText, StepForm } from '../components/step_form.tsx';
import type { Language } from '../language.ts';

export interface LinkPage {
  language: Language;
  stylesheet: string;
  /** Of the account. */
  account: string;
  provider_name: string;
  action: string;
  csrf: string;
  flow_id: string | null;
  fields: readonly FormField[];
  values: Readonly<Record<string, string>>;
  /** `errors.base` of the step. */
  error: string | undefined;
}

export function linkPage({ language, stylesheet, account, provider_name: name, error, ...form }: LinkPage): string {
  const { t } = language;
  const complaint = complaintText(language, { error, name });
  const title = t('link.title', { name });
  const submit = form.fields.length === 0 ? t('login.continue') : t('link.submit');
  return render(
    <Layout language={language} title={title} stylesheet={stylesheet}>
      <h1>{title}</h1>
      <p class="client">
        {t('link.to')}
        <bdi>
          <strong>{cleanText(account)}</strong>
        </bdi>
      </p>
      <p>{t('link.intro')}</p>
      <StepForm language={language} complaint={complaint} submit={submit} keep={{ shown: false, checked: false }} {...form} />
    </Layout>,
  );
}
