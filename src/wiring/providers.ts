// Wires auth providers, and copies for testing that write nothing.
import type { AuthProviderBlock } from '../config/block.ts';
import type { Audit } from '../domain/audit_event.ts';
import { type AuthProvider, type PasswordHashing, type ProviderDeps, providerPath } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { createLoginPreview } from '../login/login_preview.ts';
import { createProviderTest } from '../login/provider_test.ts';
import { createUpstreamFetch } from '../outbound/upstream_fetch.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import type { LocalLoginRepository } from '../repository/local_logins.ts';
import type { UserRepository } from '../repository/users.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { createWorkQueue } from '../secrets/work_queue.ts';
import { createProviders, type Registry } from './registry.ts';

export interface ProviderWiringDeps {
  config: { auth_providers: readonly AuthProviderBlock[]; http: { trusted_proxies: readonly string[] } };
  registry: Registry;
  log: { warn(message: string): void };
  hasher: PasswordHashing;
  localLogins: LocalLoginRepository;
  credentials: CredentialRepository;
  users: UserRepository;
  sealer: Sealer;
  audit: Audit;
  clock: Clock;
  public_url: string;
}

export function wireProviders(wired: ProviderWiringDeps) {
  const { config, registry, log, clock, hasher, localLogins, users, public_url } = wired;
  const deps: ProviderDeps = {
    clock,
    hasher,
    localLogins,
    activeUsers: users.active,
    trusted_proxies: config.http.trusted_proxies,
    workQueue: createWorkQueue,
    upstreamFetch: createUpstreamFetch,
    warn: (message) => log.warn(message),
  };
  let to_try: ReadonlyMap<string, AuthProvider> | undefined;

  function makeToTry(): ReadonlyMap<string, AuthProvider> {
    const read_only = { ...deps, localLogins: { ...localLogins, rehash: async () => {} } };
    const providers = createProviders(registry, config.auth_providers, read_only);
    return new Map([...providers.values()].map((provider) => [providerPath(provider), provider]));
  }

  return {
    /** By `providerKeyText`. */
    configured: createProviders(registry, config.auth_providers, deps),
    tryProvider: createProviderTest({
      ...wired,
      foresight: createLoginPreview(wired),
      callback_url: `${public_url}/auth/callback`,
      providers() {
        to_try ??= makeToTry();
        return to_try;
      },
    }),
  };
}
