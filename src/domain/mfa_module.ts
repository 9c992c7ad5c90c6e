// The contract of a second factor. A file in src/mfa_modules/ exports one MfaModuleType as
// `mfa_module`; its name is the `type`. A module is pure: enrolments and input in, verdict and new
// secret out. login/ and accounts/ store the result, guarded against double use.

import type { z } from 'zod';
import type { ProviderKey } from './auth_provider.ts';
import type { FormField, FormValues } from './form.ts';
import type { JsonObject } from './json.ts';
import type { Mailer } from './smtp_config.ts';

/** The user, as labels and messages name them. */
export interface MfaUser {
  id: string;
  name: string | null;
}

/** A device that a user has enrolled, with its secret unsealed. */
export interface Enrolment {
  id: string;
  secret: JsonObject;
}

/**
 * The prompt for a person. `state` is what the answer is checked against: sealed with the flow,
 * never shown.
 */
type MfaChallenge =
  | { type: 'form'; state: JsonObject; description_placeholders?: Record<string, string> }
  | { type: 'abort'; reason: 'unknown_error'; detail: string };

/**
 * The verdict on an answer. `secret` replaces the enrolment's, so that an answer is accepted only
 * once.
 */
export type MfaVerdict =
  | { ok: true; enrolment_id: string; secret: JsonObject; amr: string[] }
  /** `detail` is for the audit event only. */
  | { ok: false; detail?: string };

/** A new enrolment. */
export interface NewEnrolment {
  secret: JsonObject;
  /** The device's own id, if it has one; unique among all enrolments. */
  device_id?: string;
  /** The default name, until its owner chooses one. */
  name?: string;
}

/** A step of the enrolment; `state` is what its answer is checked against. */
export type SetupStep =
  | {
      type: 'form';
      step_id: 'init' | 'setup';
      data_schema: FormField[];
      errors: { base?: 'invalid_code' | 'invalid_target' };
      description_placeholders: Record<string, string>;
      state: JsonObject;
    }
  | { type: 'abort'; reason: string; detail?: string }
  | { type: 'enrolled'; enrolment: NewEnrolment };

/** A form of the enrolment. */
export type SetupForm = Extract<SetupStep, { type: 'form' }>;

export interface MfaModule {
  id: string;
  type: string;
  name: string;
  /** Wrong answers that end a flow; 0: no limit. */
  max_retries: number;
  /** Whether a user may enrol several devices; otherwise a new one replaces the old. */
  several: boolean;
  /** A backup for another factor: not sufficient on its own. */
  is_backup: boolean;
  /** A challenge accepts one answer; a new one follows a wrong answer. */
  challenges_once: boolean;
  /** Whether a challenge has an external cost, such as a message; limited like wrong answers. */
  delivers: boolean;
  /** The form of step `mfa`. */
  data_schema: FormField[];
  /** The challenge to show with the form. */
  challenge(request: { enrolments: readonly Enrolment[]; now: Date }): Promise<MfaChallenge>;
  verify(request: { enrolments: readonly Enrolment[]; state: JsonObject; values: FormValues; now: Date }): Promise<MfaVerdict>;
  /**
   * One step of the enrolment: the first without `form`, later ones with `values` that fit the form
   * shown.
   */
  setup(request: {
    user: MfaUser;
    enrolments: readonly Enrolment[];
    shown: { form: SetupForm; values: FormValues } | null;
    now: Date;
  }): Promise<SetupStep>;
  /** Present where the factor can also be used without a password. */
  only_factor?: PasswordlessFactor;
}

/**
 * A factor that identifies a person and proves two factors: possession, and knowledge or inherence.
 */
export interface PasswordlessFactor {
  challenge(now: Date): Promise<{ state: JsonObject; description_placeholders: Record<string, string> }>;
  /** The id of the device that an answer claims to come from; null if it is not an answer. */
  deviceOf(values: FormValues): string | null;
  verify(request: { user_id: string; enrolment: Enrolment; state: JsonObject; values: FormValues; now: Date }): Promise<MfaVerdict>;
}

/** Dependencies of a module. */
export interface MfaModuleDeps {
  /** The issuer: scheme, host and port. */
  public_url: string;
  mail: Mailer;
}

/** The settings that every module has besides its own. */
export interface CommonMfaModuleConfig {
  type: string;
  id: string;
  name?: string | undefined;
}

/** A second factor type, exported as `mfa_module` by a file in `src/mfa_modules/`. */
export interface MfaModuleType<Config extends CommonMfaModuleConfig = CommonMfaModuleConfig> {
  type: string;
  default_name: string;
  /** The block's own keys, besides the common ones. */
  config: z.ZodObject;
  /** Null if it cannot work under this address. */
  create(config: Config, deps: MfaModuleDeps): MfaModule | null;
}

/** The provider key of a passwordless login with this factor. */
export function passwordlessFactorKey({ id, type }: Pick<MfaModule, 'id' | 'type'>): ProviderKey {
  return { auth_provider_type: type, auth_provider_id: id === type ? null : id };
}

/** The verdict on a wrong code. */
export const WRONG_CODE: MfaVerdict = { ok: false };

/** Removes spaces from an entered code and converts full-width digits; everything else is kept. */
export function normalizeCode(text: string | undefined): string {
  return (text ?? '').normalize('NFKC').replace(/[\s-]/g, '');
}
