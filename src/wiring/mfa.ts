// Wires second factors: enrolment, verification, and passwordless providers.
import { createEnrol } from '../accounts/enrol.ts';
import { createFactors } from '../accounts/factors.ts';
import { createFreshLogin } from '../accounts/fresh_login.ts';
import { createMfa } from '../accounts/mfa.ts';
import { createMfaSetup } from '../accounts/mfa_setup.ts';
import { type AuthProvider, providerKeyText } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import type { MfaModule } from '../domain/mfa_module.ts';
import { passwordlessProviders } from '../login/passwordless_provider.ts';
import { createSecondFactor } from '../login/second_factor.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { Repositories } from '../repository/repositories.ts';

export interface MfaWiringDeps {
  database: Database;
  repositories: Pick<Repositories, 'credentials' | 'mfaEnrolments' | 'mfaFailures' | 'mfaSetupFlows' | 'users'>;
  clock: Clock;
  audit: Pick<AuditEvents, 'insert' | 'record'>;
  modules: readonly MfaModule[];
  /** The configured providers. */
  providers: ReadonlyMap<string, AuthProvider>;
}

export type WiredMfa = ReturnType<typeof wireMfa>;

/** The second factors, and the configured providers together with passwordless ones. */
export function wireMfa({ database, repositories, clock, audit, modules, providers: configured }: MfaWiringDeps) {
  const { users, credentials, mfaEnrolments, mfaFailures, mfaSetupFlows } = repositories;
  const passwordless = passwordlessProviders(modules, { mfaEnrolments, clock });
  const providers = new Map([...configured, ...passwordless.map((provider) => [providerKeyText(provider), provider] as const)]);
  const factors = createFactors({ modules, providers, mfaEnrolments, credentials });
  const freshLogin = createFreshLogin({ factors, clock });
  const enrol = createEnrol({ database, users, mfaEnrolments, audit, clock });
  return {
    providers,
    factors,
    freshLogin,
    enrol,
    secondFactor: createSecondFactor({ factors, mfaEnrolments, mfaFailures, clock, audit }),
    mfa: createMfa({ database, users, credentials, mfaEnrolments, factors, freshLogin, audit }),
    mfaSetup: createMfaSetup({ factors, freshLogin, enrol, mfaSetupFlows, mfaFailures, clock }),
  };
}
