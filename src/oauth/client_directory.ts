// Who a client_id is: an app that was registered, or one that names itself by its URL. Called wherever a client_id arrives in the standard profile.
import { createHash } from 'node:crypto';
import type { Audit } from '../domain/audit_event.ts';
import type { Client } from '../domain/client.ts';
import { isAcceptedClientId, isUrlClientId, parseClientId } from '../domain/client_id.ts';
import { CLIENT_DEFAULTS, registeredId } from '../domain/client_metadata.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { JsonObject } from '../domain/json.ts';
import { isRegisteredRedirectUri } from '../domain/registered_redirect_uri.ts';
import type { ClientRepository } from '../repository/clients.ts';
import type { UrlClientRepository } from '../repository/url_clients.ts';
import type { MetadataDocuments } from './client_metadata_document.ts';
import type { ClientPages } from './client_page.ts';
import { createDocumentClients, type PublishesDocument } from './document_clients.ts';

export type ClientAdmission = 'admitted' | 'pending' | 'refused';

/** Which URL clients people may log in to: all, those that somebody let in, none, or those of these hosts. */
type UrlClientPolicy = 'allow' | 'approve' | 'refuse' | readonly string[];

export interface ClientDirectoryDeps {
  clients: Pick<ClientRepository, 'find'>;
  urlClients: Pick<UrlClientRepository, 'find' | 'ask' | 'see'>;
  metadataDocuments: MetadataDocuments;
  clientPages: Pick<ClientPages, 'acceptsRedirectUri' | 'whyUnread'>;
  clock: Clock;
  audit: Audit;
  policy: UrlClientPolicy;
  /** URL clients that get codes without a page, by their exact client_id. */
  trusted: readonly string[];
  /** Every scope there is. */
  scopes: readonly string[];
  /** The resource servers that a client nobody registered may ask tokens for. */
  resources: readonly string[];
  public_url: string;
}

export interface ClientDirectory {
  /**
   * The client of that name; null for a registered one that is unknown or switched off, and for what is no name at all. May fetch a URL
   * client's metadata document, and throws `invalid_client_id` when that is there and wrong, `temporarily_unavailable` when it cannot be had.
   */
  find(client_id: string, remote_address: string): Promise<Client | null>;
  /** Why neither the document nor the page of a URL client could be had, for the log; undefined when nothing was looked for. */
  whyWithoutDocument(client: Client): string | undefined;
  /** A URL client of Home Assistant's dialect, whatever is published at that URL. Fetches nothing. */
  urlClient(client_id: string): Client;
  /** Whether the client may have its answer sent there. May fetch a URL client's page. */
  acceptsRedirect(client: Client, redirect_uri: string, remote_address: string): Promise<boolean>;
  /**
   * Whether people may log in to the client: always for registered ones, by the policy for the others. Where somebody must let it in, asking
   * puts it among those that wait, so it is asked for people who have logged in.
   */
  admission(client: Client): Promise<ClientAdmission>;
  /** The same for Home Assistant's dialect. Our own pages are let in; throws `invalid_client_id` for a client that publishes a document. */
  admissionOfUrl(client_id: string, remote_address: string): Promise<ClientAdmission>;
  /** Whether a URL client speaks the standard profile only. May fetch its document. */
  publishesDocument: PublishesDocument;
  /** Remembers a client that a person has logged in to, if it publishes a document. */
  remember(client: Client): Promise<void>;
  /** Whether nobody may log in to a client of that name, in either dialect: told without a fetch, and before anybody has logged in. */
  isRefused(client_id: string): Promise<boolean>;
}

export function createClientDirectory(deps: ClientDirectoryDeps): ClientDirectory {
  const { clients, urlClients, metadataDocuments, clientPages, clock, audit, policy, scopes, public_url } = deps;
  const resources = [...deps.resources];
  const trusted = new Set(deps.trusted);
  const publishesDocument = createDocumentClients(deps);

  /** The client behind a URL in the standard profile; null for a URL that a browser would resolve to another one. */
  function standardUrlClient(client_id: string): Client | null {
    if (!isAcceptedClientId(client_id, public_url) || /%2e|#/i.test(client_id)) return null;
    return urlClient(client_id);
  }

  function urlClient(client_id: string): Client {
    const said = { ...CLIENT_DEFAULTS, client_id, kind: 'url' as const, token_endpoint_auth_method: 'none' as const };
    return { ...said, scope: [...scopes], resources, trusted: trusted.has(client_id) };
  }

  async function find(client_id: string, remote_address: string): Promise<Client | null> {
    if (registeredId.safeParse(client_id).success) return (await clients.find(client_id)) ?? null;
    const client = standardUrlClient(client_id);
    if (!client) return null;
    return { ...((await metadataDocuments.find(client_id, remote_address)) ?? client), resources, trusted: client.trusted };
  }

  /** What somebody decided about this client as it is now. */
  async function decision(client: Client): Promise<ClientAdmission> {
    const { client_id } = client;
    const metadata_hash = metadataHash(client);
    const known = await urlClients.find(client_id);
    if (known?.status === 'refused') return 'refused';
    const is_same = known && known.status !== 'seen' && isSameClient(client, metadata_hash, known);
    if (is_same) return known.status === 'approved' ? 'admitted' : 'pending';
    const asked = await urlClients.ask({ client_id, metadata_hash, metadata: shownOf(client), now: clock() });
    if (asked) audit.record({ type: 'url_client.pending', outcome: 'done', client_id });
    return 'pending';
  }

  const isOurs = (client_id: string) => client_id === `${public_url}/`;

  /** What the policy says of a URL client by its name alone; null: somebody must decide. */
  function byPolicy(client_id: string): ClientAdmission | null {
    if (policy === 'allow') return 'admitted';
    if (policy === 'refuse') return 'refused';
    if (policy === 'approve') return null;
    const { host = '', authority = '' } = parseClientId(client_id) ?? {};
    return policy.includes(host) || policy.includes(authority) ? 'admitted' : 'refused';
  }

  async function admission(client: Client): Promise<ClientAdmission> {
    if (client.kind === 'registered' || client.kind === 'self_registered') return 'admitted';
    return byPolicy(client.client_id) ?? (await decision(client));
  }

  return {
    find,
    whyWithoutDocument: ({ kind, client_id }) =>
      kind === 'url' ? (metadataDocuments.whyMissing(client_id) ?? clientPages.whyUnread(client_id)) : undefined,
    urlClient,
    admission,
    async admissionOfUrl(client_id, remote_address) {
      if (isOurs(client_id)) return 'admitted';
      if (byPolicy(client_id) === 'refused') return 'refused';
      if (await publishesDocument(client_id, remote_address)) throw new AuthError('invalid_client_id', 'Invalid client id');
      return await admission(urlClient(client_id));
    },
    publishesDocument,
    async remember(client) {
      if (client.kind !== 'metadata_document') return;
      const { client_id } = client;
      await urlClients.see({ client_id, metadata_hash: metadataHash(client), metadata: shownOf(client), now: clock() });
    },
    async isRefused(client_id) {
      if (!isUrlClientId(client_id) || isOurs(client_id)) return false;
      const judged = byPolicy(client_id) ?? (await urlClients.find(client_id))?.status;
      return judged === 'refused';
    },
    async acceptsRedirect(client, redirect_uri, remote_address) {
      const { client_id, kind, redirect_uris } = client;
      if (kind !== 'url') return isRegisteredRedirectUri(redirect_uris, redirect_uri);
      return !redirect_uri.includes('#') && (await clientPages.acceptsRedirectUri(client_id, redirect_uri, remote_address));
    },
  };
}

/** A URL says nothing that could change; what was decided about a document says nothing about the URL alone. */
function isSameClient({ kind }: Client, metadata_hash: Buffer, known: { metadata_hash: Buffer; kind: string | null }): boolean {
  return kind === 'url' ? known.kind !== 'metadata_document' : known.metadata_hash.equals(metadata_hash);
}

/** What the owner sees before letting a client in. */
function shownOf({ kind, client_name, client_uri, redirect_uris, scope, token_endpoint_auth_method }: Client): JsonObject {
  return { kind, client_name, client_uri, redirect_uris, scope, token_endpoint_auth_method };
}

/**
 * Of everything that the client says of itself: whatever changes was not what was let in. What the operator adds is no change of a client's, and
 * how it wants its answers lets it do nothing more.
 */
function metadataHash({ scope, kind, resources: _, response_modes: __, profile: ___, ...client }: Client): Buffer {
  const said = { ...client, kind, trusted: false, scope: kind === 'url' ? [] : scope };
  return createHash('sha256').update(canonical(said)).digest();
}

/** JSON whose keys stand in one order, however they came. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
