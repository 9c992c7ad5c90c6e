// The contract of a second factor. A file in src/mfa_modules/ exports one MfaModuleType as `mfa_module`; its name is the `type`.
// A module is pure: enrolment and input in, verdict and new secret out. login/ and accounts/ store what it answers, guarded against double use.

import type { z } from 'zod';
import type { ProviderKey } from './auth_provider.ts';
import type { FormField, FormValues } from './form.ts';
import type { JsonObject } from './json.ts';
import type { Mailer } from './smtp_config.ts';

/** Whose factor it is, as labels and messages name them. */
export interface MfaUser {
  id: string;
  name: string | null;
}

/** One device that a user has enrolled with a module, its secret opened. */
export interface Enrolment {
  id: string;
  secret: JsonObject;
}

/** What a person is asked. `state` is what the answer is judged by: kept sealed with the flow, never shown. */
type MfaChallenge =
  | { type: 'form'; state: JsonObject; description_placeholders?: Record<string, string> }
  | { type: 'abort'; reason: 'unknown_error'; detail: string };

/** The verdict on an answer. `secret` replaces the enrolment's, so that the same answer is never accepted again. */
export type MfaVerdict =
  | { ok: true; enrolment_id: string; secret: JsonObject; amr: string[] }
  /** `detail` is for the audit event alone. */
  | { ok: false; detail?: string };

/** What a device is enrolled as. */
export interface NewEnrolment {
  secret: JsonObject;
  /** What the device calls itself, where it does; nobody else's device has the same. */
  device_id?: string;
  /** What its owner calls it until they choose a name. */
  name?: string;
}

/** A step of enrolling; `state` is what its answer is judged by. */
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

/** The form that a person fills in while enrolling. */
export type SetupForm = Extract<SetupStep, { type: 'form' }>;

export interface MfaModule {
  id: string;
  type: string;
  name: string;
  /** Wrong answers in one flow before it is aborted; 0: no limit. */
  max_retries: number;
  /** Whether a user may enrol several devices; otherwise a new one takes the place of the old. */
  several: boolean;
  /** For the day when another factor is lost: counts for nothing on its own. */
  is_backup: boolean;
  /** A challenge is good for one answer; after a wrong one there is a new challenge. */
  challenges_once: boolean;
  /** Whether asking costs something outside, such as a message: limited like a wrong answer. */
  delivers: boolean;
  /** The form of step `mfa`. */
  data_schema: FormField[];
  /** What the person is asked, when the form is first shown. */
  challenge(request: { enrolments: readonly Enrolment[]; now: Date }): Promise<MfaChallenge>;
  verify(request: { enrolments: readonly Enrolment[]; state: JsonObject; values: FormValues; now: Date }): Promise<MfaVerdict>;
  /** One step of enrolling. Without a `form` it begins; afterwards `values` fit the form that was shown. */
  setup(request: {
    user: MfaUser;
    enrolments: readonly Enrolment[];
    shown: { form: SetupForm; values: FormValues } | null;
    now: Date;
  }): Promise<SetupStep>;
  /** Where the factor can also be the only one. */
  only_factor?: PasswordlessFactor;
}

/** A factor that says who somebody is and proves it twice over: by a thing they have, and by what they know or are. */
export interface PasswordlessFactor {
  challenge(now: Date): Promise<{ state: JsonObject; description_placeholders: Record<string, string> }>;
  /** The device that an answer claims to come from; null for what is no answer. */
  deviceOf(values: FormValues): string | null;
  verify(request: { user_id: string; enrolment: Enrolment; state: JsonObject; values: FormValues; now: Date }): Promise<MfaVerdict>;
}

/** What a module may know of its surroundings. */
export interface MfaModuleDeps {
  /** The issuer: scheme, host and port. */
  public_url: string;
  mail: Mailer;
}

/** The settings every module has, beside its own. */
export interface CommonMfaModuleConfig {
  type: string;
  id: string;
  name?: string | undefined;
}

/** One kind of second factor: what `src/mfa_modules/<type>.ts` exports as `mfa_module`. */
export interface MfaModuleType<Config extends CommonMfaModuleConfig = CommonMfaModuleConfig> {
  type: string;
  default_name: string;
  /** The block's own keys, beside the common ones. */
  config: z.ZodObject;
  /** Null where it cannot work under this address. */
  create(config: Config, deps: MfaModuleDeps): MfaModule | null;
}

/** The name under which a factor that is the only one logs people in, as a provider would. */
export function passwordlessFactorKey({ id, type }: Pick<MfaModule, 'id' | 'type'>): ProviderKey {
  return { auth_provider_type: type, auth_provider_id: id === type ? null : id };
}

/** What a module answers to a code that is not the one. */
export const WRONG_CODE: MfaVerdict = { ok: false };

/** An entered code without the blanks people put into it, full-width digits as plain ones; anything else stays and is wrong. */
export function normalizeCode(text: string | undefined): string {
  return (text ?? '').normalize('NFKC').replace(/[\s-]/g, '');
}
