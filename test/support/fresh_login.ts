// The rule for fresh logins on a test database, where no second factor is configured; and a login that fulfils it.
import type { LoginProof } from '../../src/accounts/actor.ts';
import { createFactors } from '../../src/accounts/factors.ts';
import { createFreshLogin, type FreshLogin } from '../../src/accounts/fresh_login.ts';
import type { Clock } from '../../src/domain/clock.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createCredentialRepository } from '../../src/repository/credentials.ts';
import { createMfaEnrolmentRepository } from '../../src/repository/mfa_enrolments.ts';
import { SEALER } from './grants.ts';

export function freshLoginOver(database: Database, clock: Clock): FreshLogin {
  const mfaEnrolments = createMfaEnrolmentRepository(database, SEALER);
  const factors = createFactors({ modules: [], providers: new Map(), mfaEnrolments, credentials: createCredentialRepository(database) });
  return createFreshLogin({ factors, clock });
}

/** A login by password at that time. */
export function loginAt(auth_time: Date): LoginProof {
  return { auth_time, amr: ['pwd'], is_login: true };
}
