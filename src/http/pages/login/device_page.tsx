// The two pages of the device flow: entering the code, and confirming the request.

import { CSRF_FIELD } from '../../server/csrf.ts';
import { Client, type ClientLabel } from '../components/client_label_view.tsx';
import { DecisionButtons, OtherAccount } from '../components/decision.tsx';
import { Layout, render } from '../components/layout.tsx';
import { ResourceList } from '../components/resource_list.tsx';
import { ScopeList } from '../components/scope_list.tsx';
import type { Language } from '../language.ts';

/** Names of the pages' own controls. */
export const DEVICE = { user_code: 'user_code', decision: '_decision' } as const;

interface Common {
  language: Language;
  stylesheet: string;
  action: string;
  csrf: string;
}

export interface DeviceCodePage extends Common {
  /** The field's value: from the URL, or as typed. */
  typed: string;
  /** Whether the code was wrong. */
  is_wrong: boolean;
}

/** The form uses POST: only our form may look up a code, because wrong ones are counted. */
export function deviceCodePage({ language, stylesheet, action, csrf, typed, is_wrong }: DeviceCodePage): string {
  const { t } = language;
  const described = is_wrong ? { 'aria-invalid': true, 'aria-describedby': 'complaint' } : {};
  return render(
    <Layout language={language} title={t('device.title')} stylesheet={stylesheet}>
      <h1>{t('device.title')}</h1>
      <p>{t('device.enter')}</p>
      <form method="post" action={action}>
        <input type="hidden" name={CSRF_FIELD} value={csrf} />
        {is_wrong ? (
          <p class="alert" id="complaint" role="alert">
            {t('device.unknown')}
          </p>
        ) : null}
        <label for="user_code">{t('field.user_code')}</label>
        <input
          id="user_code"
          name={DEVICE.user_code}
          type="text"
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
          required
          maxlength={64}
          value={typed}
          autofocus
          {...described}
        />
        <button type="submit">{t('login.continue')}</button>
      </form>
    </Layout>,
  );
}

export interface DevicePage extends Common {
  client: ClientLabel;
  /** The session's user. */
  account: string;
  user_code: string;
  /** Descriptions of the scopes. */
  scopes: readonly string[];
  /** Other resource servers. */
  resources: readonly string[];
  /** The link for using another account. */
  other: string;
}

export function devicePage(page: DevicePage): string {
  const { language, stylesheet, client, account, user_code, scopes, resources, action, csrf, other } = page;
  const { t } = language;
  return render(
    <Layout language={language} title={t('device.title')} stylesheet={stylesheet}>
      <h1>{t('device.heading', { account })}</h1>
      <Client language={language} client={client} />
      <p>{t('device.check')}</p>
      <p>
        <code class="secret">{user_code}</code>
      </p>
      <ScopeList language={language} scopes={scopes} />
      <ResourceList language={language} resources={resources} />
      <form method="post" action={action}>
        <input type="hidden" name={CSRF_FIELD} value={csrf} />
        <input type="hidden" name={DEVICE.user_code} value={user_code} />
        <DecisionButtons name={DEVICE.decision} allow={t('device.allow')} deny={t('device.deny')} />
      </form>
      <OtherAccount language={language} href={other} />
    </Layout>,
  );
}
