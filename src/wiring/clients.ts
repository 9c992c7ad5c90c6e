// Wires clients: registered ones, URL clients, and client authentication.
import { createApprovals } from '../accounts/approvals.ts';
import { createApps } from '../accounts/apps.ts';
import { createClients } from '../accounts/clients.ts';
import { exemptAddresses } from '../domain/network.ts';
import { API_SCOPES, STANDARD_SCOPES } from '../domain/scope.ts';
import { createClientAssertions } from '../oauth/client_assertion.ts';
import { createClientAuthentication } from '../oauth/client_authentication.ts';
import { createClientDirectory } from '../oauth/client_directory.ts';
import { createMetadataDocuments } from '../oauth/client_metadata_document.ts';
import { createClientPages } from '../oauth/client_page.ts';
import { createRegistration } from '../oauth/registration.ts';
import { createRecipes } from '../recipes/load.ts';
import { createClientSecretHash } from '../tokens/client_secret.ts';
import type { AccountServices } from './accounts.ts';
import type { Base } from './base.ts';

export type ClientServices = ReturnType<typeof wireClients>;

export function wireClients(base: Base, { freshLogin }: Pick<AccountServices, 'freshLogin'>) {
  const { config, database, clock, audit, public_url, registry, sealer, repositories } = base;
  const { clients, clientApprovals, clientSecrets, groups, urlClients, usedProofs, users } = repositories;
  const { policy, allow_private_addresses, resources, trusted } = config.url_clients;
  const { allow_http_redirect_uris } = config;
  const scopes = [...STANDARD_SCOPES, ...config.scopes.map(({ name }) => name)];
  const grant_types = Array.from(registry.grants.values(), ({ grant_type }) => grant_type);
  const clientSecretHash = createClientSecretHash(sealer);
  const clientPages = createClientPages({ allow_private_addresses, clock });
  const metadataDocuments = createMetadataDocuments({ clock, allow_private_addresses, allow_http_redirect_uris, scopes });
  const clientDirectory = createClientDirectory({
    clients,
    clientApprovals,
    urlClients,
    metadataDocuments,
    clientPages,
    clock,
    audit,
    policy,
    trusted,
    scopes,
    resources,
    registered_resources: config.registration.allow_resources,
    public_url,
  });
  const clientAssertions = createClientAssertions({ issuer: public_url, usedProofs, clock, allow_private_addresses });
  // An operator who registers a client may use internal addresses.
  const operator_scopes = [...scopes, ...Object.values(API_SCOPES)];
  const client_rules = { allow_http_redirect_uris, allow_private_addresses: true, scopes: operator_scopes, grant_types };
  const { enabled, initial_access_token = null, open, approve, max_per_hour } = config.registration;
  const rules = { allow_http_redirect_uris, allow_private_addresses, scopes, grant_types };
  const registeredClients = createClients({
    database,
    clients,
    clientSecrets,
    clientSecretHash,
    groups,
    freshLogin,
    audit,
    clock,
    client_rules,
  });
  return {
    clientPages,
    clientDirectory,
    clientAuthentication: createClientAuthentication({
      clientDirectory,
      clients,
      clientSecrets,
      clientSecretHash,
      clientAssertions,
      clock,
    }),
    clients: registeredClients,
    apps: createApps({ recipes: createRecipes(), clients: registeredClients, public_url, allow_http_redirect_uris }),
    /** Null: registration is disabled. */
    registration:
      enabled || open
        ? createRegistration({
            database,
            clients,
            clientApprovals,
            clientSecrets,
            clientSecretHash,
            audit,
            clock,
            public_url,
            initial_access_token,
            open: open ? { approve, max_per_hour } : null,
            rules,
            isSharedAddress: exemptAddresses(config.http.trusted_proxies),
          })
        : null,
    approvals: createApprovals({
      database,
      users,
      urlClients,
      clients,
      clientApprovals,
      audit,
      clock,
      approvals_by: config.approvals.by,
    }),
  };
}
