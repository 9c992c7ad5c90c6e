// The contract of a second factor. A file in src/mfa_modules/ exports one MfaModuleType as `mfa_module`; its name is the `type`.
// A module is pure: enrolment and input in, verdict and new secret out. login/ and accounts/ store what it answers, guarded against double use.

import type { z } from 'zod';
import type { Field, Values } from './form.ts';

/** One user's instance of a module, its secret opened. */
export interface Enrolment {
  secret: Buffer;
}

/** The verdict on an answer. `secret` replaces the stored one, so that the same answer is never accepted again. */
export type MfaVerdict = { ok: true; secret?: Buffer } | { ok: false };

export interface MfaModule {
  id: string;
  type: string;
  name: string;
  /** Wrong answers in one flow before it is aborted. */
  max_retries: number;
  /** The form of step `mfa`. */
  data_schema: Field[];
  verify(request: { enrolment: Enrolment; values: Values; now: Date }): Promise<MfaVerdict>;
}

/** One kind of second factor: what `src/mfa_modules/<type>.ts` exports as `mfa_module`. */
export interface MfaModuleType<Config = unknown> {
  type: string;
  default_name: string;
  config: z.ZodObject;
  create(config: Config): MfaModule;
}
