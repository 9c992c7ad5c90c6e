// The login page: the app, the step's form, and other login methods.

import type { FormField } from '../../../domain/form.ts';
import { Client, type ClientLabel } from '../components/client_label_view.tsx';
import { Layout, render } from '../components/layout.tsx';
import { CONTROL, complaintText, isPasskeyForm, StepForm } from '../components/step_form.tsx';
import type { Language } from '../language.ts';

interface OtherWay {
  name: string;
  href: string;
  /** Useful only in browsers with passkey support. */
  needs_passkeys: boolean;
  /** Whether starting it is stored, which requires a form; otherwise a link suffices. */
  begins_by_post: boolean;
}

export interface LoginPage {
  language: Language;
  stylesheet: string;
  client: ClientLabel;
  action: string;
  csrf: string;
  flow_id: string | null;
  provider_name: string;
  step_id: string;
  fields: readonly FormField[];
  values: Readonly<Record<string, string>>;
  /** Why the person must log in again. */
  reason: 'reauth' | null;
  /** `errors.base` of the step. */
  error: string | undefined;
  placeholders: Readonly<Record<string, string>>;
  keep: boolean;
  others: readonly OtherWay[];
  /** Where declining the app's request is posted; null: no app asked. */
  cancel: string | null;
  /** Whether the app gets full access to the account. */
  full_access: boolean;
  /** The script for passkeys, or for submitting the form. */
  script: string;
  /** The script for copying and printing recovery codes. */
  codes_script: string;
  /** Whether the script submits the form at once. */
  auto_submit: boolean;
}

/** Hidden until passkey.js has found passkey support. */
function showOnlyIf(needs_passkeys: boolean) {
  return needs_passkeys ? { hidden: true, 'data-needs-passkeys': '' } : {};
}

function submitOf({ language, fields, step_id, provider_name: name }: LoginPage): string {
  if (fields.length === 0) return language.t('login.with', { name });
  if (isPasskeyForm(fields)) return language.t(step_id === 'mfa_setup' ? 'passkey.create' : 'passkey.use');
  return language.t(step_id.startsWith('select_') || step_id.startsWith('mfa_setup') ? 'login.continue' : 'login.submit');
}

function Other({ language, csrf, other }: Pick<LoginPage, 'language' | 'csrf'> & { other: OtherWay }) {
  const text = language.t('login.with', { name: other.name });
  const shown = showOnlyIf(other.needs_passkeys);
  if (!other.begins_by_post) {
    return (
      <a class="button second" href={other.href} {...shown}>
        {text}
      </a>
    );
  }
  return (
    <form method="post" action={other.href} {...shown}>
      <input type="hidden" name={CONTROL.csrf} value={csrf} />
      <button type="submit" class="second">
        {text}
      </button>
    </form>
  );
}

function Cancel({ language, csrf, cancel }: Pick<LoginPage, 'language' | 'csrf'> & { cancel: string }) {
  return (
    <form method="post" action={cancel}>
      <input type="hidden" name={CONTROL.csrf} value={csrf} />
      <button type="submit" class="second">
        {language.t('consent.deny')}
      </button>
    </form>
  );
}

export function loginPage(page: LoginPage): string {
  const { language } = page;
  const uses_script = page.auto_submit || page.others.some(({ needs_passkeys }) => needs_passkeys) || isPasskeyForm(page.fields);
  return render(
    <Layout
      language={language}
      title={`${language.t('page.login')} · ${page.client.name}`}
      stylesheet={page.stylesheet}
      script={[uses_script ? page.script : undefined, page.placeholders.codes === undefined ? undefined : page.codes_script]}
    >
      <h1>{language.maybe(`step.${page.step_id}.title`, language.t('login.title'), page.placeholders)}</h1>
      <Client language={language} client={page.client} />
      {page.reason === null ? null : <p>{language.t(`login.reason.${page.reason}`)}</p>}
      {page.full_access ? <p class="hint">{language.t('consent.full_access')}</p> : null}
      <StepForm
        language={language}
        action={page.action}
        csrf={page.csrf}
        flow_id={page.flow_id}
        fields={page.fields}
        values={page.values}
        placeholders={page.placeholders}
        complaint={complaintText(language, { error: page.error, step_id: page.step_id, name: page.provider_name })}
        submit={submitOf(page)}
        keep={{ shown: true, checked: page.keep }}
        id={page.auto_submit ? 'answer' : undefined}
      />
      {page.others.length === 0 ? null : (
        <nav aria-label={language.t('login.other_ways')} {...showOnlyIf(page.others.every(({ needs_passkeys }) => needs_passkeys))}>
          <h2>{language.t('login.other_ways')}</h2>
          {page.others.map((other) => (
            <Other language={language} csrf={page.csrf} other={other} />
          ))}
        </nav>
      )}
      {page.cancel === null ? null : <Cancel language={language} csrf={page.csrf} cancel={page.cancel} />}
    </Layout>,
  );
}
