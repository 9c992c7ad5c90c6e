// What a provider is handed in tests of that provider alone; a test replaces what it is about.
import type { CommonProviderConfig, ProviderDeps, StepContext } from '../../src/domain/auth_provider.ts';
import { createWorkQueue } from '../../src/domain/work_queue.ts';
import { createTestClock } from './clock.ts';

const none = () => Promise.reject(new Error('not for this provider'));

export const NO_DEPS: ProviderDeps = {
  clock: createTestClock().clock,
  hasher: { hash: none, verify: none, verifyNothing: none },
  localLogins: { find: none, rehash: none },
  activeUsers: none,
  trusted_proxies: [],
  workQueue: createWorkQueue,
  upstreamFetch: () => none,
  warn: () => {},
};

export const COMMON: Omit<CommonProviderConfig, 'type'> = { new_users: 'approve', default_groups: ['system-users'], require_mfa: false };

/** A step without limits on guessing. */
export function stepFrom(remote_address: string): StepContext {
  return { flow_id: '', remote_address, callback_url: '', attempt: (_name, guess) => guess() };
}
