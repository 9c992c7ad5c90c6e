// Shows a client in a way that a person can verify.

import type { Language } from '../language.ts';

export interface ClientLabel {
  name: string;
  /** In ASCII, look-alike letters as `xn--…`. Empty without a host. */
  host: string;
  /** The redirect host, if different. */
  redirect_host: string | null;
  /** Whether the name is unverified. */
  is_self_named: boolean;
}

/** The host is shown beside the name: it is what a person can verify. */
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
