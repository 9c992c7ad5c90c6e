// Wraps a passwordless factor as a provider: the device identifies its user. No name is asked for,
// so none can be probed.
import type { AuthProvider, ProviderStep } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import type { FormValues } from '../domain/form.ts';
import type { JsonObject } from '../domain/json.ts';
import { type MfaModule, type PasswordlessFactor, passwordlessFactorKey } from '../domain/mfa_module.ts';
import type { MfaEnrolmentRepository } from '../repository/mfa_enrolments.ts';

export interface PasswordlessProviderDeps {
  mfaEnrolments: Pick<MfaEnrolmentRepository, 'findDevice' | 'use'>;
  clock: Clock;
}

/** A provider for each module that supports passwordless login. */
export function passwordlessProviders(modules: readonly MfaModule[], deps: PasswordlessProviderDeps): AuthProvider[] {
  return modules.flatMap((module) => (module.only_factor ? [providerOf(module, module.only_factor, deps)] : []));
}

function providerOf(module: MfaModule, factor: PasswordlessFactor, { mfaEnrolments, clock }: PasswordlessProviderDeps): AuthProvider {
  async function form(errors: { base: 'invalid_auth' } | null): Promise<ProviderStep> {
    const { state, description_placeholders } = await factor.challenge(clock());
    return { type: 'form', step_id: 'only_factor', data_schema: module.data_schema, errors, description_placeholders, state };
  }

  /** The user whose device answered, and how; null for a wrong answer. */
  async function judge(device_id: string, state: JsonObject, values: FormValues): Promise<{ user_id: string; amr: string[] } | null> {
    const enrolment = await mfaEnrolments.findDevice(module.id, device_id);
    if (!enrolment) return null;
    const { user_id } = enrolment;
    const now = clock();
    const verdict = await factor.verify({ user_id, enrolment, state, values, now });
    if (!verdict.ok || !(await mfaEnrolments.use(enrolment, verdict.secret, now))) return null;
    return { user_id, amr: [...verdict.amr, 'mfa'] };
  }

  return {
    ...passwordlessFactorKey(module),
    name: module.name,
    support_mfa: false,
    // It never creates users; a device always belongs to one.
    new_users: 'refuse',
    default_groups: [],
    require_mfa: false,
    is_multi_factor: true,
    is_unlisted: true,
    refusal: () => null,

    async step({ values, state, context }) {
      if (!values) return await form(null);
      const device_id = factor.deviceOf(values) ?? '';
      let found: { user_id: string; amr: string[] } | null = null;
      await context.attempt(device_id, async () => {
        found = await judge(device_id, state, values);
        return found !== null;
      });
      const proven = found as { user_id: string; amr: string[] } | null;
      if (!proven) return await form({ base: 'invalid_auth' });
      const { user_id, amr } = proven;
      return { type: 'identity', identity: { subject: user_id, user_id, data: {}, name: null, amr } };
    },
  };
}
