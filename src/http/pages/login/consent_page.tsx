// The consent page: which app, where it redirects, as which user, and what it receives.

import { CSRF_FIELD } from '../../server/csrf.ts';
import { Client, type ClientLabel } from '../components/client_label_view.tsx';
import { DecisionButtons, OtherAccount } from '../components/decision.tsx';
import { Layout, render } from '../components/layout.tsx';
import { ResourceList } from '../components/resource_list.tsx';
import { ScopeList } from '../components/scope_list.tsx';
import { CONTROL } from '../components/step_form.tsx';
import type { Language } from '../language.ts';

/** Names of the page's own controls. */
export const CONSENT = { sid: '_sid', decision: '_decision' } as const;

export interface ConsentPage {
  language: Language;
  stylesheet: string;
  client: ClientLabel;
  /** The session's user. */
  account: string;
  sid: string;
  /** Whether the app gets full access to the account (Home Assistant's dialect). */
  full_access: boolean;
  /** Descriptions of the scopes. */
  scopes: readonly string[];
  /** Other resource servers. */
  resources: readonly string[];
  action: string;
  csrf: string;
  /** The link for using another account. */
  other: string;
  /** Whether to offer staying logged in (Home Assistant's dialect). */
  keep: boolean;
}

export function consentPage(page: ConsentPage): string {
  const { language, stylesheet, client, account, sid, full_access, scopes, resources, action, csrf, other, keep } = page;
  const { t } = language;
  const title = t('consent.title', { client: client.name });
  return render(
    <Layout language={language} title={title} stylesheet={stylesheet}>
      <h1>{t('consent.heading', { account })}</h1>
      <Client language={language} client={client} />
      {full_access ? <p>{t('consent.full_access')}</p> : null}
      <ScopeList language={language} scopes={scopes} />
      <ResourceList language={language} resources={resources} />
      <form method="post" action={action}>
        <input type="hidden" name={CSRF_FIELD} value={csrf} />
        <input type="hidden" name={CONSENT.sid} value={sid} />
        {keep ? (
          <label class="check">
            <input type="checkbox" name={CONTROL.keep} value="true" />
            {t('login.keep')}
          </label>
        ) : null}
        <DecisionButtons name={CONSENT.decision} allow={t('consent.allow')} deny={t('consent.deny')} />
      </form>
      <OtherAccount language={language} href={other} />
    </Layout>,
  );
}
