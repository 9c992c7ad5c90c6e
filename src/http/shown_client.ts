// A client as pages name it: by what it calls itself, and always by where it lives.

import type { Client } from '../domain/client.ts';
import { displayHost } from '../domain/client_id.ts';
import { redirectHost } from '../domain/redirect_uri.ts';
import { cleanText } from '../domain/text.ts';
import type { ShownClient } from './pages/shown_client.tsx';

/** The host is the client's own where its id is an address, else the one that its answer goes to. */
export function shownClient({ client_id, client_name }: Pick<Client, 'client_id' | 'client_name'>, redirect_uri: string): ShownClient {
  const target = redirectHost(redirect_uri);
  const host = displayHost(client_id) ?? target;
  return { name: client_name === null ? host : cleanText(client_name), host, redirect_host: target === host ? null : target };
}
