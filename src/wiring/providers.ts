// Wires auth providers, and copies for testing that write nothing.

import { type AuthProvider, type PasswordHashing, type ProviderDeps, providerPath } from '../domain/auth_provider.ts';
import { createWorkQueue } from '../domain/work_queue.ts';
import { createLoginPreview } from '../login/login_preview.ts';
import { createProviderTest } from '../login/provider_test.ts';
import { createUpstreamFetch } from '../outbound/upstream_fetch.ts';
import type { Base } from './base.ts';
import { createProviders } from './registry.ts';

export function wireProviders(base: Base, hasher: PasswordHashing) {
  const { config, registry, log, clock, sealer, audit, public_url } = base;
  const { localLogins, credentials, users } = base.repositories;
  const depsWith = (localLogins: ProviderDeps['localLogins']): ProviderDeps => ({
    clock,
    hasher,
    localLogins,
    activeUsers: users.active,
    trusted_proxies: config.http.trusted_proxies,
    workQueue: createWorkQueue,
    upstreamFetch: createUpstreamFetch,
    warn: (message) => log.warn(message),
  });
  let to_try: ReadonlyMap<string, AuthProvider> | undefined;

  function makeToTry(): ReadonlyMap<string, AuthProvider> {
    const read_only = { find: localLogins.find, rehash: async () => {} };
    const providers = createProviders(registry, config.auth_providers, depsWith(read_only));
    return new Map([...providers.values()].map((provider) => [providerPath(provider), provider]));
  }

  return {
    /** By `providerKeyText`. */
    configured: createProviders(registry, config.auth_providers, depsWith(localLogins)),
    tryProvider: createProviderTest({
      providers() {
        to_try ??= makeToTry();
        return to_try;
      },
      preview: createLoginPreview({ credentials, users }),
      sealer,
      audit,
      clock,
      callback_url: `${public_url}/auth/callback`,
    }),
  };
}
