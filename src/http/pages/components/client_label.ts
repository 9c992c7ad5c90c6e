// How pages identify a client: by its name, and always by its host.

import type { Client } from '../../../domain/client.ts';
import { isVouchedFor } from '../../../domain/client_assurance.ts';
import { displayHost } from '../../../domain/client_id.ts';
import { redirectHost } from '../../../domain/redirect_uri.ts';
import { cleanText } from '../../../domain/text.ts';
import type { ClientLabel } from './client_label_view.tsx';

type Named = Pick<Client, 'client_id' | 'client_name' | 'kind' | 'approval'>;

/** The host is that of a URL client's id, or else of the redirect URI. */
export function clientLabel(client: Named, redirect_uri: string): ClientLabel {
  const { client_id, client_name } = client;
  const target = redirectHost(redirect_uri);
  const host = displayHost(client_id) ?? target;
  const name = client_name === null ? host : cleanText(client_name);
  return { name, host, redirect_host: target === host ? null : target, is_self_named: hasUnverifiedName(client) };
}

/** Whether the name was chosen by the client and not reviewed. */
export function hasUnverifiedName(client: Pick<Client, 'client_name' | 'kind' | 'approval'>): boolean {
  return client.client_name !== null && !isVouchedFor(client);
}
