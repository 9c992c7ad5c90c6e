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
import type { Repositories } from './repositories.ts';

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

export function wireMfa(deps: MfaWiringDeps) {
  const { modules, repositories } = deps;
  const { users, credentials, mfaEnrolments, mfaFailures, mfaSetupFlows } = repositories;
  const ways_in = passwordlessProviders(modules, { ...deps, mfaEnrolments });
  const providers = new Map([...deps.providers, ...ways_in.map((provider) => [providerKeyText(provider), provider] as const)]);
  const base = { ...deps, providers, users, credentials, mfaEnrolments, mfaFailures };
  const factors = createFactors(base);
  const freshLogin = createFreshLogin({ ...base, factors });
  const enrol = createEnrol(base);
  return {
    /** The configured providers and passwordless ones. */
    providers,
    factors,
    freshLogin,
    enrol,
    secondFactor: createSecondFactor({ ...base, factors }),
    mfa: createMfa({ ...base, factors, freshLogin }),
    mfaSetup: createMfaSetup({ ...base, factors, freshLogin, enrol, mfaSetupFlows }),
  };
}
