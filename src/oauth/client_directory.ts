// Resolves a client_id: a registered client, or one identified by its URL.
import type { Audit } from '../domain/audit_event.ts';
import type { Client } from '../domain/client.ts';
import { metadataHash, shownMetadata } from '../domain/client_approval.ts';
import { isAcceptedClientId, isUrlClientId, parseClientId } from '../domain/client_id.ts';
import { CLIENT_DEFAULTS, registeredId } from '../domain/client_metadata.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { isRegisteredRedirectUri } from '../domain/registered_redirect_uri.ts';
import type { ClientApprovalRepository } from '../repository/client_approvals.ts';
import type { ClientRepository } from '../repository/clients.ts';
import type { UrlClientRepository } from '../repository/url_clients.ts';
import type { MetadataDocuments } from './client_metadata_document.ts';
import type { ClientPages } from './client_page.ts';
import { createDocumentClients, type PublishesDocument } from './document_clients.ts';

export type ClientAdmission = 'admitted' | 'pending' | 'refused';

/** Which URL clients are allowed: all, approved ones, none, or those of certain hosts. */
type UrlClientPolicy = 'allow' | 'approve' | 'refuse' | readonly string[];

export interface ClientDirectoryDeps {
  clients: Pick<ClientRepository, 'find'>;
  clientApprovals: Pick<ClientApprovalRepository, 'ask'>;
  urlClients: Pick<UrlClientRepository, 'find' | 'ask' | 'see'>;
  metadataDocuments: MetadataDocuments;
  clientPages: Pick<ClientPages, 'acceptsRedirectUri' | 'whyUnread'>;
  clock: Clock;
  audit: Audit;
  policy: UrlClientPolicy;
  /** URL clients that get codes without consent, by exact client_id. */
  trusted: readonly string[];
  /** All scopes. */
  scopes: readonly string[];
  /** Resource servers that unregistered clients may request tokens for. */
  resources: readonly string[];
  /** Whether clients that registered themselves may as well. */
  registered_resources: boolean;
  public_url: string;
}

export interface ClientDirectory {
  /**
   * The client; null if it is unknown, disabled or malformed. May fetch a URL client's metadata
   * document; throws `invalid_client_id` if that is invalid, `temporarily_unavailable` if it cannot
   * be fetched.
   */
  find(client_id: string, remote_address: string): Promise<Client | null>;
  /** A registered client found otherwise, with the resource servers that all such clients have. */
  complete(client: Client): Client;
  /**
   * Why a URL client's document or page could not be fetched, for the log; undefined if none was
   * needed.
   */
  whyWithoutDocument(client: Client): string | undefined;
  /** A URL client of Home Assistant's dialect; fetches nothing. */
  urlClient(client_id: string): Client;
  /** Whether the client accepts this redirect URI. May fetch a URL client's page. */
  acceptsRedirect(client: Client, redirect_uri: string, remote_address: string): Promise<boolean>;
  /**
   * Whether people may log in to the client: by its approval if it registered itself, by the policy
   * for URL clients. May ask the owner, so it is called only for people who have logged in to reach
   * the client.
   */
  admission(client: Client): Promise<ClientAdmission>;
  /**
   * The same in Home Assistant's dialect. Own pages are always allowed; throws `invalid_client_id`
   * for a client with a document.
   */
  admissionOfUrl(client_id: string, remote_address: string): Promise<ClientAdmission>;
  /** Whether a URL client uses the standard profile only. May fetch its document. */
  publishesDocument: PublishesDocument;
  /** Records a client with a document after a login. */
  remember(client: Client): Promise<void>;
  /**
   * Whether logins to a client of that name are refused in both dialects; needs no fetch and no
   * login.
   */
  isRefused(client_id: string): Promise<boolean>;
}

export function createClientDirectory(deps: ClientDirectoryDeps): ClientDirectory {
  const { clients, urlClients, metadataDocuments, clientPages, clock, audit, policy, scopes, public_url } = deps;
  const resources = [...deps.resources];
  const trusted = new Set(deps.trusted);
  const publishesDocument = createDocumentClients(deps);

  /** The URL client in the standard profile; null if browsers would resolve the URL differently. */
  function standardUrlClient(client_id: string): Client | null {
    if (!isAcceptedClientId(client_id, public_url) || /%2e|#/i.test(client_id)) return null;
    return urlClient(client_id);
  }

  function urlClient(client_id: string): Client {
    const said = { ...CLIENT_DEFAULTS, client_id, kind: 'url' as const, token_endpoint_auth_method: 'none' as const };
    return { ...said, scope: [...scopes], resources, trusted: trusted.has(client_id) };
  }

  /** With what it may request besides. */
  function complete(client: Client): Client {
    if (client.kind !== 'self_registered' || !deps.registered_resources) return client;
    return { ...client, resources: [...new Set([...client.resources, ...resources])] };
  }

  async function find(client_id: string, remote_address: string): Promise<Client | null> {
    if (registeredId.safeParse(client_id).success) {
      const registered = await clients.find(client_id);
      return registered ? complete(registered) : null;
    }
    const client = standardUrlClient(client_id);
    if (!client) return null;
    return { ...((await metadataDocuments.find(client_id, remote_address)) ?? client), resources, trusted: client.trusted };
  }

  /** The approval decision on the client's current metadata. */
  async function decision(client: Client): Promise<ClientAdmission> {
    const { client_id } = client;
    const metadata_hash = metadataHash(client);
    const known = await urlClients.find(client_id);
    if (known?.status === 'refused') return 'refused';
    const is_same = known && known.status !== 'seen' && isSameClient(client, metadata_hash, known);
    if (is_same) return known.status === 'approved' ? 'admitted' : 'pending';
    const asked = await urlClients.ask({ client_id, metadata_hash, metadata: shownMetadata(client), now: clock() });
    if (asked) audit.record({ type: 'url_client.pending', outcome: 'done', client_id });
    return 'pending';
  }

  const isOurs = (client_id: string) => client_id === `${public_url}/`;

  /** The policy's decision by name alone; null: an approval is needed. */
  function byPolicy(client_id: string): ClientAdmission | null {
    if (policy === 'allow') return 'admitted';
    if (policy === 'refuse') return 'refused';
    if (policy === 'approve') return null;
    const { host = '', authority = '' } = parseClientId(client_id) ?? {};
    return policy.includes(host) || policy.includes(authority) ? 'admitted' : 'refused';
  }

  async function admissionOfRegistered({ client_id, approval }: Client): Promise<ClientAdmission> {
    if (approval === 'refused') return 'refused';
    if (approval !== 'new' && approval !== 'pending') return 'admitted';
    if (approval === 'new' && (await deps.clientApprovals.ask({ client_id, now: clock() })))
      audit.record({ type: 'client.pending', outcome: 'done', client_id });
    return 'pending';
  }

  async function admission(client: Client): Promise<ClientAdmission> {
    if (client.kind === 'registered' || client.kind === 'self_registered') return await admissionOfRegistered(client);
    return byPolicy(client.client_id) ?? (await decision(client));
  }

  return {
    find,
    complete,
    whyWithoutDocument: ({ kind, client_id }) =>
      kind === 'url' ? (metadataDocuments.whyMissing(client_id) ?? clientPages.whyUnread(client_id)) : undefined,
    urlClient,
    admission,
    async admissionOfUrl(client_id, remote_address) {
      if (isOurs(client_id)) return 'admitted';
      if (byPolicy(client_id) === 'refused') return 'refused';
      if (await publishesDocument(client_id, remote_address)) throw new AuthError('invalid_client_id');
      return await admission(urlClient(client_id));
    },
    publishesDocument,
    async remember(client) {
      if (client.kind !== 'metadata_document') return;
      const { client_id } = client;
      await urlClients.see({ client_id, metadata_hash: metadataHash(client), metadata: shownMetadata(client), now: clock() });
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

/**
 * A plain URL has no content to change; a decision about a document does not apply to the URL
 * without it.
 */
function isSameClient({ kind }: Client, metadata_hash: Buffer, known: { metadata_hash: Buffer; kind: string | null }): boolean {
  return kind === 'url' ? known.kind !== 'metadata_document' : known.metadata_hash.equals(metadata_hash);
}
