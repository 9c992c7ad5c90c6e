// The second factors that a user has, and whether one is required.
import { type AuthProvider, providerKeyText } from '../domain/auth_provider.ts';
import type { MfaModule } from '../domain/mfa_module.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import type { MfaEnrolment, MfaEnrolmentRepository } from '../repository/mfa_enrolments.ts';

/** A module with the user's enrolments. */
export interface Factor {
  module: MfaModule;
  enrolments: MfaEnrolment[];
}

export interface FactorsDeps {
  /** The configured modules in order. */
  modules: readonly MfaModule[];
  providers: ReadonlyMap<string, Pick<AuthProvider, 'require_mfa'>>;
  mfaEnrolments: Pick<MfaEnrolmentRepository, 'ofUser' | 'isRequired'>;
  credentials: Pick<CredentialRepository, 'ofUser'>;
}

export type Factors = ReturnType<typeof createFactors>;

export function createFactors({ modules, providers, mfaEnrolments, credentials }: FactorsDeps) {
  function among(all: readonly MfaEnrolment[]): Factor[] {
    const factors = modules.map((module) => ({ module, enrolments: all.filter(({ mfa_module_id }) => mfa_module_id === module.id) }));
    const [own, backups] = [false, true].map((backup) =>
      factors.filter(({ module, enrolments }) => enrolments.length > 0 && module.is_backup === backup),
    );
    return own?.length ? [...own, ...(backups ?? [])] : [];
  }

  return {
    modules,

    /** The factors that a login may ask for; backups are last and do not count on their own. */
    ofUser: async (user_id: string): Promise<Factor[]> => among(await mfaEnrolments.ofUser(user_id)),

    /** The same, of known enrolments. */
    among,

    /** Whether a group of the user, or one assigned by their login, requires a second factor. */
    isRequiredByGroup: mfaEnrolments.isRequired,

    /** Whether a group or a login provider of the user requires a second factor. */
    async isRequired(user_id: string): Promise<boolean> {
      if (await mfaEnrolments.isRequired(user_id)) return true;
      return (await credentials.ofUser(user_id)).some((credential) => providers.get(providerKeyText(credential))?.require_mfa === true);
    },
  };
}
