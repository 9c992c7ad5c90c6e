// The page that lists the people and apps that wait for approval.

import type { ComponentChildren } from 'preact';
import type { Approvals } from '../../../accounts/approvals.ts';
import { displayHost } from '../../../domain/client_id.ts';
import { redirectHost } from '../../../domain/redirect_uri.ts';
import { cleanText } from '../../../domain/text.ts';
import { CSRF_FIELD } from '../../server/csrf.ts';
import { Layout, render } from '../components/layout.tsx';
import { formatDate, type Language } from '../language.ts';

type Pending = Awaited<ReturnType<Approvals['pending']>>;

export interface ApprovalsPage extends Pending {
  language: Language;
  stylesheet: string;
  csrf: string;
  path: string;
  /** The groups on offer. */
  groups: readonly { id: string; name: string }[];
  providerName(type: string, id: string | null): string;
}

type Common = Pick<ApprovalsPage, 'language' | 'csrf' | 'path' | 'groups' | 'providerName'>;

/** Maximum shown redirect hosts of an app. */
const MAX_HOSTS = 5;

/** Prefix of the checkboxes of groups. */
export const GROUP_FIELD = 'group:';

interface DecisionProps {
  csrf: string;
  action: string;
  text: string;
  /** For screen readers: what it is about. */
  about: string;
  second?: boolean;
  children?: ComponentChildren;
}

function Decision({ csrf, action, text, about, second = false, children }: DecisionProps) {
  return (
    <form method="post" action={action}>
      <input type="hidden" name={CSRF_FIELD} value={csrf} />
      {children}
      <button type="submit" class={second ? 'second' : undefined} aria-label={`${text}: ${about}`}>
        {text}
      </button>
    </form>
  );
}

function WaitingUser({ language, csrf, path, groups, providerName, user }: Common & { user: Pending['users'][number] }) {
  const { t } = language;
  const name = cleanText(user.name ?? user.suggested_username ?? user.id);
  const url = `${path}/users/${user.id}`;
  return (
    <li>
      <bdi>
        <strong>{name}</strong>
      </bdi>
      <p class="hint">{t('approvals.since', { date: formatDate(language, user.created_at) })}</p>
      {user.email === null ? null : (
        <p class="hint">{t(user.email_verified ? 'approvals.email' : 'approvals.email_unverified', { email: user.email })}</p>
      )}
      {user.credentials.map(({ type, id, data }) => (
        <p class="hint">
          {t('approvals.provider', {
            provider: providerName(type, id),
            username: String(data.username ?? data.preferred_username ?? '—'),
          })}
        </p>
      ))}
      <Decision csrf={csrf} action={`${url}/approve`} text={t('approvals.approve')} about={name}>
        <fieldset>
          <legend>{t('approvals.groups')}</legend>
          {groups.map((group) => (
            <label class="check">
              <input type="checkbox" name={`${GROUP_FIELD}${group.id}`} value="true" checked={user.group_ids.includes(group.id)} />
              {cleanText(group.name)}
            </label>
          ))}
        </fieldset>
      </Decision>
      <Decision csrf={csrf} action={`${url}/decline`} text={t('approvals.decline')} about={name} second />
    </li>
  );
}

function WaitingApp({ language, csrf, path, app }: Common & { app: Pending['url_clients'][number] }) {
  const { t } = language;
  const { client_name, redirect_uris } = app.metadata;
  const hosts = Array.isArray(redirect_uris) ? [...new Set(redirect_uris.map((uri) => redirectHost(String(uri))))] : [];
  // One that registered itself is known by where it sends people.
  const host = displayHost(app.client_id) ?? (hosts.slice(0, MAX_HOSTS).join(', ') || app.client_id);
  const hidden = (
    <>
      <input type="hidden" name="client_id" value={app.client_id} />
      <input type="hidden" name="metadata_hash" value={app.metadata_hash} />
    </>
  );
  return (
    <li>
      <bdi>
        <strong>{cleanText(host)}</strong>
      </bdi>
      {typeof client_name === 'string' ? <p class="hint">{t('approvals.calls_itself', { name: client_name })}</p> : null}
      <p class="hint">{t('approvals.since', { date: formatDate(language, app.created_at) })}</p>
      <Decision csrf={csrf} action={`${path}/apps/approve`} text={t('approvals.approve')} about={host}>
        {hidden}
      </Decision>
      <Decision csrf={csrf} action={`${path}/apps/refuse`} text={t('approvals.block')} about={host} second>
        {hidden}
      </Decision>
    </li>
  );
}

export function approvalsPage({ stylesheet, users, url_clients, clients, ...common }: ApprovalsPage): string {
  const { language } = common;
  const { t } = language;
  const apps = [...url_clients, ...clients];
  const is_empty = users.length === 0 && apps.length === 0;
  return render(
    <Layout language={language} title={t('page.approvals')} stylesheet={stylesheet}>
      <h1>{t('page.approvals')}</h1>
      <p>{t(is_empty ? 'approvals.none' : 'approvals.intro')}</p>
      {users.length === 0 ? null : <h2>{t('approvals.people')}</h2>}
      <ul class="factors">
        {users.map((user) => (
          <WaitingUser {...common} user={user} />
        ))}
      </ul>
      {apps.length === 0 ? null : <h2>{t('approvals.apps')}</h2>}
      <ul class="factors">
        {apps.map((app) => (
          <WaitingApp {...common} app={app} />
        ))}
      </ul>
      <p class="other">
        <a href="/account/sessions">{t('page.sessions')}</a>
      </p>
    </Layout>,
  );
}
