// The page for enrolling a second factor, step by step.

import type { FormField } from '../../../domain/form.ts';
import { Layout, render } from '../components/layout.tsx';
import { complaintText, isPasskeyForm, StepForm } from '../components/step_form.tsx';
import type { Language } from '../language.ts';

export interface MfaSetupPage {
  language: Language;
  stylesheet: string;
  script: string;
  /** The script for copying and printing recovery codes. */
  codes_script: string;
  module_name: string;
  action: string;
  csrf: string;
  flow_id: string;
  fields: readonly FormField[];
  /** `errors.base` of the step. */
  error: string | undefined;
  placeholders: Readonly<Record<string, string>>;
  back: string;
}

export function mfaSetupPage({ language, stylesheet, script, codes_script, module_name, error, back, ...form }: MfaSetupPage): string {
  const { t } = language;
  const title = t('step.mfa_setup.title', { mfa_module_name: module_name });
  const needs_passkeys = isPasskeyForm(form.fields);
  return render(
    <Layout
      language={language}
      title={title}
      stylesheet={stylesheet}
      script={[needs_passkeys ? script : undefined, form.placeholders.codes === undefined ? undefined : codes_script]}
    >
      <h1>{title}</h1>
      <StepForm
        language={language}
        values={{}}
        complaint={complaintText(language, { error })}
        submit={t(needs_passkeys ? 'passkey.create' : 'login.continue')}
        keep={{ shown: false, checked: false }}
        {...form}
      />
      <a class="button second" href={back}>
        {t('security.back')}
      </a>
    </Layout>,
  );
}
