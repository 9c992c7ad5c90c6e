// Wires clients: registered ones, URL clients, and client authentication.
import { createApprovals } from '../accounts/approvals.ts';
import { createClients } from '../accounts/clients.ts';
import type { FreshLogin } from '../accounts/fresh_login.ts';
import type { Config } from '../config/load.ts';
import type { Clock } from '../domain/clock.ts';
import { exemptAddresses } from '../domain/network.ts';
import { STANDARD_SCOPES } from '../domain/scope.ts';
import { createClientAssertions } from '../oauth/client_assertion.ts';
import { createClientAuthentication } from '../oauth/client_authentication.ts';
import { createClientDirectory } from '../oauth/client_directory.ts';
import { createMetadataDocuments } from '../oauth/client_metadata_document.ts';
import { createClientPages } from '../oauth/client_page.ts';
import { createRegistration } from '../oauth/registration.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { createClientSecretHash } from '../tokens/client_secret.ts';
import type { Registry } from './registry.ts';
import type { Repositories } from './repositories.ts';

export interface ClientWiringDeps {
  config: Config;
  database: Database;
  sealer: Sealer;
  clock: Clock;
  audit: AuditEvents;
  public_url: string;
  registry: Registry;
  repositories: Repositories;
  freshLogin: FreshLogin;
}

export function wireClients(base: ClientWiringDeps) {
  const { config, clock, public_url, registry, sealer, repositories } = base;
  const { clients, clientSecrets, groups, urlClients, usedProofs, users } = repositories;
  const { policy, allow_private_addresses, resources, trusted } = config.url_clients;
  const { allow_http_redirect_uris } = config;
  const scopes = [...STANDARD_SCOPES, ...config.scopes.map(({ name }) => name)];
  const grant_types = Array.from(registry.grants.values(), ({ grant_type }) => grant_type);
  const clientSecretHash = createClientSecretHash(sealer);
  const clientPages = createClientPages({ allow_private_addresses, clock });
  const fetching = { ...base, allow_private_addresses, allow_http_redirect_uris, scopes };
  const metadataDocuments = createMetadataDocuments(fetching);
  const clientDirectory = createClientDirectory({
    ...base,
    clients,
    urlClients,
    metadataDocuments,
    clientPages,
    policy,
    trusted,
    resources,
    scopes,
  });
  const clientAssertions = createClientAssertions({ ...fetching, issuer: public_url, usedProofs });
  const deps = { ...base, users, groups, clients, clientSecrets, clientSecretHash, urlClients };
  // An operator who registers a client may use internal addresses.
  const client_rules = { allow_http_redirect_uris, allow_private_addresses: true, scopes, grant_types };
  const { enabled, initial_access_token = '' } = config.registration;
  const rules = { allow_http_redirect_uris, allow_private_addresses, scopes, grant_types };
  return {
    clientPages,
    clientDirectory,
    clientAuthentication: createClientAuthentication({ ...deps, clientDirectory, clientAssertions }),
    clients: createClients({ ...deps, client_rules }),
    /** Null: registration is disabled. */
    registration: enabled
      ? createRegistration({ ...deps, initial_access_token, rules, isSharedAddress: exemptAddresses(config.http.trusted_proxies) })
      : null,
    approvals: createApprovals({ ...deps, approvals_by: config.approvals.by }),
  };
}
