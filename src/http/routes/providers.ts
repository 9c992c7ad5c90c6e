// GET /auth/providers: the providers available to this address (HA contract 3.4), without any
// users.

import type { FastifyPluginAsync } from 'fastify';
import type { AuthProvider } from '../../domain/auth_provider.ts';
import { AuthError } from '../../domain/errors.ts';
import { isLocalAddress } from '../../domain/network.ts';
import type { HostRule } from '../server/host_rule.ts';

interface Deps {
  /** In configured order. */
  providers: ReadonlyMap<string, AuthProvider>;
  hostRule: HostRule;
  onboarding: { isDone(): Promise<boolean> };
}

export function providersRoute({ providers, onboarding, hostRule }: Deps): FastifyPluginAsync {
  return async (app) => {
    app.get('/auth/providers', { config: { answers: 'home_assistant' } }, async (request) => {
      const { remote_address } = request;
      const address = hostRule.addressOf(request);
      if (!(await onboarding.isDone())) throw new AuthError('onboarding_required');
      const open = [...providers.values()].filter((provider) => !provider.is_unlisted && provider.refusal(address) === null);
      return {
        providers: open.map(({ name, auth_provider_id: id, auth_provider_type: type }) => ({ name, id, type })),
        preselect_remember_me: isLocalAddress(remote_address),
      };
    });
  };
}
