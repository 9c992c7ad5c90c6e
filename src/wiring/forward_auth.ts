// Wires forward auth for protected hosts.

import { createForwardAuth } from '../forward_auth/forward_auth.ts';
import type { Base } from './base.ts';
import type { TokenServices } from './tokens.ts';

export function wireForwardAuth(base: Base, { accessTokens, importedTokens }: TokenServices) {
  const { config, log, clock, audit, public_url } = base;
  const { rules } = config.forward_auth;
  if (rules.length > 0 && config.http.trusted_proxies.length === 0)
    log.warn('forward_auth has rules, but http.trusted_proxies names no proxy that may ask: everything is refused');
  const { hostSessions, userFacts } = base.repositories;
  return {
    forwardAuth: createForwardAuth({
      rules,
      hostSessions,
      userFacts,
      accessTokens,
      importedTokens,
      clock,
      audit,
      public_url,
      idle: config.sessions.idle_lifetime,
    }),
  };
}
