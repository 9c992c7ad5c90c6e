// Clients of a test: registered as rows with a secret of their own, and everything that finds and proves them on a real database.
import { CLIENT_DEFAULTS } from '../../src/domain/client_metadata.ts';
import { randomId } from '../../src/domain/secret.ts';
import { createClientAssertions } from '../../src/oauth/client_assertion.ts';
import { createClientAuthentication } from '../../src/oauth/client_authentication.ts';
import { type ClientDirectoryDeps, createClientDirectory } from '../../src/oauth/client_directory.ts';
import { createMetadataDocuments } from '../../src/oauth/client_metadata_document.ts';
import { createClientPages } from '../../src/oauth/client_page.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createClientSecretRepository } from '../../src/repository/client_secrets.ts';
import { createClientRepository, type NewClient } from '../../src/repository/clients.ts';
import { createUrlClientRepository } from '../../src/repository/url_clients.ts';
import { createUsedProofRepository } from '../../src/repository/used_proofs.ts';
import { createClientSecretHash } from '../../src/tokens/client_secret.ts';
import { createTestClock } from './clock.ts';
import { ISSUER, SEALER } from './grants.ts';
import { NOON } from './people.ts';

export const SCOPES = ['openid', 'profile', 'email', 'groups', 'offline_access', 'grafana'];

/** A client by which everything standard can be done; it proves itself by a secret unless said otherwise. */
export function registeredClient(client_id: string, differs: Partial<NewClient> = {}): NewClient {
  return {
    ...CLIENT_DEFAULTS,
    client_id,
    redirect_uris: ['https://grafana.example.com/cb'],
    scope: SCOPES,
    token_endpoint_auth_method: 'client_secret_basic',
    managed_by: 'database',
    created_at: NOON,
    ...differs,
  };
}

export type ClientParts = ReturnType<typeof createClientParts>;

/** One call for each replica. `document_deadline_ms` is long: no test but that of the deadline may meet it on a busy machine. */
export function createClientParts(
  database: Database,
  {
    time = createTestClock(NOON),
    policy = 'allow',
    trusted = [],
    document_deadline_ms = 10_000,
  }: { time?: ReturnType<typeof createTestClock>; document_deadline_ms?: number } & Partial<
    Pick<ClientDirectoryDeps, 'policy' | 'trusted'>
  > = {},
) {
  const { clock } = time;
  const events: string[] = [];
  const inside = { clock, allow_private_addresses: true };
  const clients = createClientRepository(database);
  const clientSecrets = createClientSecretRepository(database);
  const urlClients = createUrlClientRepository(database);
  const clientSecretHash = createClientSecretHash(SEALER);
  const clientDirectory = createClientDirectory({
    clients,
    urlClients,
    metadataDocuments: createMetadataDocuments({
      ...inside,
      allow_http_redirect_uris: false,
      scopes: SCOPES,
      fetch: { deadline_ms: document_deadline_ms },
    }),
    clientPages: createClientPages({ ...inside, bucket_ms: 1 }),
    clock,
    audit: { record: ({ type }) => void events.push(type) },
    policy,
    trusted,
    scopes: SCOPES,
    resources: ['https://mcp.example.com/mcp'],
    public_url: ISSUER,
  });
  const clientAssertions = createClientAssertions({ ...inside, issuer: ISSUER, usedProofs: createUsedProofRepository(database) });
  return {
    time,
    events,
    clients,
    clientSecrets,
    urlClients,
    clientSecretHash,
    clientDirectory,
    ...createClientAuthentication({ clientDirectory, clients, clientSecrets, clientSecretHash, clientAssertions, clock }),
    /** Registers a client, with a secret if one is given. */
    async add(client_id: string, differs: Partial<NewClient> = {}, secret?: string): Promise<void> {
      await clients.insert(database.kysely, registeredClient(client_id, differs));
      if (secret === undefined) return;
      const row = { id: randomId(), client_id, secret_hash: clientSecretHash.hash(secret), created_at: NOON, expires_at: null };
      await clientSecrets.insert(database.kysely, row);
    },
  };
}
