// Wires protected hosts.
import type { Config } from '../config/load.ts';
import type { Audit } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import { createForwardAuth } from '../forward_auth/forward_auth.ts';
import type { AccessTokens } from '../tokens/access_token.ts';
import type { Repositories } from './repositories.ts';

export interface ForwardAuthWiringDeps {
  config: Pick<Config, 'forward_auth' | 'sessions' | 'http'>;
  log: { warn(text: string): void };
  repositories: Pick<Repositories, 'hostSessions' | 'userFacts'>;
  clock: Clock;
  audit: Audit;
  public_url: string;
  accessTokens: AccessTokens;
}

export function wireForwardAuth(deps: ForwardAuthWiringDeps) {
  const { config } = deps;
  const { rules } = config.forward_auth;
  if (rules.length > 0 && config.http.trusted_proxies.length === 0)
    deps.log.warn('forward_auth has rules, but http.trusted_proxies names no proxy that may ask: everything is refused');
  const { hostSessions, userFacts } = deps.repositories;
  return { forwardAuth: createForwardAuth({ ...deps, hostSessions, userFacts, rules, idle: config.sessions.idle_lifetime }) };
}
