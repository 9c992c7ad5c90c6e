// Which app a page speaks of, as a person can check it.

import type { Language } from '../language.ts';

export interface ClientLabel {
  name: string;
  /** In ASCII, look-alike letters as `xn--…`. Empty for an app that has no address. */
  host: string;
  /** Where the person is sent, if that is elsewhere. */
  redirect_host: string | null;
  /** Whether nobody but the app says that this is its name. */
  is_self_named: boolean;
}

/** Where an app's name is more than its host, both are shown: the host is what the person can check. */
export function Client({ language, client }: { language: Language; client: ClientLabel }) {
  return (
    <p class="client">
      {language.t('login.to')}
      <bdi>
        <strong>{client.name}</strong>
      </bdi>
      {client.name === client.host || client.host === '' ? null : <span class="quiet">{client.host}</span>}
      {client.redirect_host === null ? null : <span class="quiet"> {language.t('login.sent_to', { host: client.redirect_host })}</span>}
      {client.is_self_named ? <span class="quiet"> {language.t('client.self_named')}</span> : null}
    </p>
  );
}
