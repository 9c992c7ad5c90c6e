// The page that lists a person's browser sessions.

import type { SessionItem } from '../../../accounts/user_sessions.ts';
import { readUserAgent } from '../../../domain/user_agent.ts';
import { CSRF_FIELD } from '../../server/csrf.ts';
import { Layout, render } from '../components/layout.tsx';
import { formatDate, type Language } from '../language.ts';

export interface SessionsPage {
  language: Language;
  stylesheet: string;
  csrf: string;
  path: string;
  sessions: readonly SessionItem[];
}

type Common = Pick<SessionsPage, 'language' | 'csrf' | 'path'>;

function browserName({ t }: Language, { user_agent }: SessionItem): string {
  const { browser, system } = readUserAgent(user_agent);
  if (browser !== null && system !== null) return t('sessions.browser_on', { browser, system });
  return browser ?? system ?? t('sessions.some_browser');
}

function Session({ language, csrf, path, session }: Common & { session: SessionItem }) {
  const { t } = language;
  const { id, created_at, last_used_at, remote_address, clients, is_current } = session;
  const name = browserName(language, session);
  const apps = clients.map(({ client_name, client_id }) => client_name ?? client_id);
  return (
    <li>
      <strong>{name}</strong>
      {is_current ? <p class="hint">{t('sessions.current')}</p> : null}
      <p class="hint">{t('sessions.since', { date: formatDate(language, created_at), address: remote_address })}</p>
      <p class="hint">{t('sessions.last_used', { date: formatDate(language, last_used_at) })}</p>
      {apps.length === 0 ? null : <p class="hint">{t('sessions.apps', { apps: apps.join(', ') })}</p>}
      <form method="post" action={`${path}/${id}/end`}>
        <input type="hidden" name={CSRF_FIELD} value={csrf} />
        <button type="submit" class="second" aria-label={`${t('logout.submit')}: ${name}`}>
          {t('logout.submit')}
        </button>
      </form>
    </li>
  );
}

export function sessionsPage({ stylesheet, sessions, ...common }: SessionsPage): string {
  const { language } = common;
  const { t } = language;
  return render(
    <Layout language={language} title={t('page.sessions')} stylesheet={stylesheet}>
      <h1>{t('page.sessions')}</h1>
      <p>{t('sessions.intro')}</p>
      <ul class="factors">
        {sessions.map((session) => (
          <Session {...common} session={session} />
        ))}
      </ul>
      <p class="other">
        <a href="/account/security">{t('home.security')}</a>
      </p>
    </Layout>,
  );
}
