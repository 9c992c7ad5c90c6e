// Wires protected hosts.
import type { Config } from '../config/load.ts';
import type { Audit } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import { createForwardAuth } from '../forward_auth/forward_auth.ts';
import type { Database } from '../postgres/database.ts';
import { createHostSessionRepository } from '../repository/host_sessions.ts';
import { createUserFactsRepository } from '../repository/user_facts.ts';
import type { AccessTokens } from '../tokens/access_token.ts';

export interface ForwardAuthPartsDeps {
  config: Pick<Config, 'forward_auth' | 'sessions' | 'http'>;
  log: { warn(text: string): void };
  database: Database;
  clock: Clock;
  audit: Audit;
  public_url: string;
  accessTokens: AccessTokens;
}

export function createForwardAuthParts(deps: ForwardAuthPartsDeps) {
  const { config, database } = deps;
  const { rules } = config.forward_auth;
  if (rules.length > 0 && config.http.trusted_proxies.length === 0)
    deps.log.warn('forward_auth has rules, but http.trusted_proxies names no proxy that may ask: everything is refused');
  const rows = { hostSessions: createHostSessionRepository(database), userFacts: createUserFactsRepository(database) };
  return { forwardAuth: createForwardAuth({ ...deps, ...rows, rules, idle: config.sessions.idle_lifetime }) };
}
