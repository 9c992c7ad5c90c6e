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
import type { CredentialRepository } from '../repository/credentials.ts';
import { createMfaEnrolmentRepository } from '../repository/mfa_enrolments.ts';
import { createMfaFailureRepository } from '../repository/mfa_failures.ts';
import { createMfaSetupFlowRepository } from '../repository/mfa_setup_flows.ts';
import type { UserRepository } from '../repository/users.ts';
import type { Sealer } from '../secrets/sealer.ts';

export interface MfaPartsDeps {
  database: Database;
  sealer: Sealer;
  clock: Clock;
  audit: Pick<AuditEvents, 'insert' | 'record'>;
  users: Pick<UserRepository, 'lock'>;
  credentials: Pick<CredentialRepository, 'ofUser' | 'remove'>;
  modules: readonly MfaModule[];
  /** The configured providers. */
  providers: ReadonlyMap<string, AuthProvider>;
}

export type MfaParts = ReturnType<typeof createMfaParts>;

export function createMfaParts(deps: MfaPartsDeps) {
  const { database, sealer, modules } = deps;
  const mfaEnrolments = createMfaEnrolmentRepository(database, sealer);
  const mfaFailures = createMfaFailureRepository(database);
  const ways_in = passwordlessProviders(modules, { ...deps, mfaEnrolments });
  const providers = new Map([...deps.providers, ...ways_in.map((provider) => [providerKeyText(provider), provider] as const)]);
  const ground = { ...deps, providers, mfaEnrolments, mfaFailures };
  const factors = createFactors(ground);
  const freshLogin = createFreshLogin({ ...ground, factors });
  const enrol = createEnrol(ground);
  return {
    /** The configured providers and passwordless ones. */
    providers,
    factors,
    freshLogin,
    enrol,
    secondFactor: createSecondFactor({ ...ground, factors }),
    mfa: createMfa({ ...ground, factors, freshLogin }),
    mfaSetup: createMfaSetup({ ...ground, factors, freshLogin, enrol, mfaSetupFlows: createMfaSetupFlowRepository(database, sealer) }),
  };
}
