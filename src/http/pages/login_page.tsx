// The page on which a person logs in: which app asks, the step's form, and the other ways in.

import type { Field } from '../../domain/form.ts';
import type { Language } from './language.ts';
import { Layout, render } from './layout.tsx';
import { StepForm } from './step_form.tsx';

export interface LoginPage {
  language: Language;
  stylesheet: string;
  client: { name: string; host: string; redirect_host: string | null };
  action: string;
  csrf: string;
  flow_id: string | null;
  provider_name: string;
  step_id: string;
  fields: readonly Field[];
  values: Readonly<Record<string, string>>;
  /** `errors.base` of the step. */
  error: string | undefined;
  placeholders: Readonly<Record<string, string>>;
  keep: boolean;
  others: readonly { name: string; href: string }[];
}

/** Where an app's name is more than its host, both are shown: the host is what the person can check. */
function Client({ language, client }: Pick<LoginPage, 'language' | 'client'>) {
  return (
    <p class="client">
      {language.t('login.to')}
      <strong>{client.name}</strong>
      {client.name === client.host ? null : <span class="quiet">{client.host}</span>}
      {client.redirect_host === null ? null : <span class="quiet"> {language.t('login.sent_to', { host: client.redirect_host })}</span>}
    </p>
  );
}

export function loginPage(page: LoginPage): string {
  const { language } = page;
  const complaint =
    page.error === undefined ? undefined : language.maybe(`error.${page.error}`, language.t('error.title'), { name: page.provider_name });
  return render(
    <Layout language={language} title={`${language.t('page.login')} · ${page.client.name}`} stylesheet={page.stylesheet}>
      <h1>{language.maybe(`step.${page.step_id}.title`, language.t('login.title'), page.placeholders)}</h1>
      <Client language={language} client={page.client} />
      <StepForm
        language={language}
        action={page.action}
        csrf={page.csrf}
        flow_id={page.flow_id}
        fields={page.fields}
        values={page.values}
        complaint={complaint}
        submit={page.fields.length === 0 ? language.t('login.with', { name: page.provider_name }) : language.t('login.submit')}
        keep={{ shown: true, checked: page.keep }}
      />
      {page.others.length === 0 ? null : (
        <nav aria-label={language.t('login.other_ways')}>
          <h2>{language.t('login.other_ways')}</h2>
          {page.others.map((other) => (
            <a class="button second" href={other.href}>
              {language.t('login.with', { name: other.name })}
            </a>
          ))}
        </nav>
      )}
    </Layout>,
  );
}
