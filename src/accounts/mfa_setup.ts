// Enrolment of a second factor in steps (HA contract 7 and 11.3): started after a fresh login,
// bound to the user, ten minutes long. The secret is shown only during enrolment.
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { type FormField, type FormInput, parseFormInput } from '../domain/form.ts';
import type { MfaModule, SetupStep } from '../domain/mfa_module.ts';
import { randomId } from '../domain/secret.ts';
import type { MfaFailureRepository } from '../repository/mfa_failures.ts';
import type { MfaSetupFlow, MfaSetupFlowRepository } from '../repository/mfa_setup_flows.ts';
import type { Caller } from '../tokens/bearer.ts';
import type { Actor, LoginProof } from './actor.ts';
import type { EnrolFactor } from './enrol.ts';
import type { Factors } from './factors.ts';
import type { FreshLogin } from './fresh_login.ts';

const LIFETIME = 600;
/** Wrong answers, if the module sets no limit. */
const MAX_ATTEMPTS = 10;

/** A user changing their second factors, and their login. */
export interface MfaCaller extends LoginProof {
  user: { id: string; name: string | null; is_owner: boolean; system_generated: boolean };
  remote_address: string;
}

/** The bearer of a token. A long-lived token is valid for years and proves no login. */
export function mfaCallerOf({ user, auth_time, amr, token_type }: Caller, remote_address: string): MfaCaller {
  return { user, auth_time, amr, is_login: token_type === 'normal', remote_address };
}

/** The caller as an actor of account changes. */
export function mfaActor({ user, auth_time, amr, is_login, remote_address }: MfaCaller): Actor & { user_id: string } {
  return { user_id: user.id, is_owner: user.is_owner, is_admin: false, remote_address, login: { auth_time, amr, is_login } };
}

interface Opening {
  flow_id: string;
  /** The module's id. */
  handler: string;
}

/** A step as clients see it; keys without a value are null, not absent. */
export type MfaSetupStep = Opening &
  (
    | {
        type: 'form';
        step_id: string;
        data_schema: FormField[];
        errors: Record<string, string>;
        description_placeholders: Record<string, string>;
        last_step: null;
        preview: null;
      }
    | { type: 'abort'; reason: string; description_placeholders: null }
    /** `data` never contains the secret. */
    | { type: 'create_entry'; description: null; description_placeholders: null; data: { result: null } }
  );

export interface MfaSetupDeps {
  factors: Factors;
  freshLogin: FreshLogin;
  enrol: EnrolFactor;
  mfaSetupFlows: MfaSetupFlowRepository;
  mfaFailures: Pick<MfaFailureRepository, 'count'>;
  clock: Clock;
}

export type MfaSetup = ReturnType<typeof createMfaSetup>;

export function createMfaSetup({ factors, freshLogin, enrol, mfaSetupFlows, mfaFailures, clock }: MfaSetupDeps) {
  const enrolmentsOf = async (user_id: string, { id }: MfaModule) =>
    (await factors.ofUser(user_id)).find(({ module }) => module.id === id)?.enrolments ?? [];

  function moduleOf({ user }: MfaCaller, mfa_module_id: string): MfaModule {
    if (user.system_generated) throw new AuthError('not_system_user', 'Not allowed as system user');
    const module = factors.modules.find(({ id }) => id === mfa_module_id);
    if (!module) throw new AuthError('no_module', `MFA module ${mfa_module_id} is not found`);
    return module;
  }

  async function take(caller: MfaCaller, module: MfaModule, step: SetupStep, flow: MfaSetupFlow): Promise<MfaSetupStep> {
    const opening = { flow_id: flow.id, handler: module.id };
    if (step.type === 'form') {
      const { step_id, data_schema, errors, description_placeholders } = step;
      return {
        type: 'form',
        ...opening,
        step_id,
        data_schema,
        errors: { ...errors },
        description_placeholders,
        last_step: null,
        preview: null,
      };
    }
    if (step.type === 'abort') {
      await mfaSetupFlows.take(flow);
      return { type: 'abort', ...opening, reason: step.reason, description_placeholders: null };
    }
    if (!(await enrol(module, step.enrolment, mfaActor(caller), (trx) => mfaSetupFlows.take(flow, trx)))) throw unknownFlow();
    return { type: 'create_entry', ...opening, description: null, description_placeholders: null, data: { result: null } };
  }

  return {
    /** The first form; ends an earlier enrolment with this module. */
    async begin(caller: MfaCaller, mfa_module_id: string): Promise<MfaSetupStep> {
      const module = moduleOf(caller, mfa_module_id);
      const now = clock();
      await freshLogin.require(mfaActor(caller));
      const own = await factors.ofUser(caller.user.id);
      if (module.is_backup && own.length === 0) throw new AuthError('conflict', 'Set up another second factor first');
      const enrolments = own.find((factor) => factor.module === module)?.enrolments ?? [];
      const step = await module.setup({ user: caller.user, enrolments, shown: null, now });
      const place = { id: randomId(), user_id: caller.user.id, mfa_module_id, attempts: 0, version: 0 };
      if (step.type !== 'form')
        return { type: 'abort', flow_id: place.id, handler: module.id, ...abortOf(step), description_placeholders: null };
      const flow = { ...place, form: step, created_at: now, expires_at: addSeconds(now, LIFETIME) };
      await mfaSetupFlows.begin(flow);
      return await take(caller, module, step, flow);
    },

    /**
     * Answers the form of the caller's flow. An empty answer restarts with a new secret.
     * `mfa_module_id`: null for the flow's own.
     */
    async submit(caller: MfaCaller, mfa_module_id: string | null, flow_id: string, input: FormInput): Promise<MfaSetupStep> {
      const now = clock();
      if (mfa_module_id !== null) moduleOf(caller, mfa_module_id);
      const flow = await mfaSetupFlows.find({ user_id: caller.user.id, id: flow_id, now });
      if (!flow || flow.mfa_module_id !== (mfa_module_id ?? flow.mfa_module_id)) throw unknownFlow();
      const module = moduleOf(caller, flow.mfa_module_id);
      // The login was fresh when the flow started, and the flow ends after ten minutes.
      await freshLogin.require(mfaActor(caller), flow.created_at);
      const { user } = caller;
      const enrolments = await enrolmentsOf(user.id, module);
      const values = parseFormInput(flow.form.data_schema, input);
      const is_empty = Object.keys(input).length === 0;
      if (!values && !is_empty) throw new AuthError('invalid_input');
      const attempts = flow.attempts + 1;
      const is_over = attempts > (module.max_retries || MAX_ATTEMPTS);
      // Messages can be sent to any address, so they are limited.
      if (is_over || (module.delivers && (await mfaFailures.count(user.id, now)) === null))
        return await take(caller, module, { type: 'abort', reason: 'too_many_retry' }, flow);
      const step = await module.setup({ user, enrolments, shown: values && !is_empty ? { form: flow.form, values } : null, now });
      if (step.type === 'form' && !(await mfaSetupFlows.advance({ ...flow, form: step, attempts }))) throw unknownFlow();
      return await take(caller, module, step, flow);
    },
  };
}

function abortOf(step: Exclude<SetupStep, { type: 'form' }>): { reason: string } {
  return { reason: step.type === 'abort' ? step.reason : 'unknown_error' };
}

function unknownFlow(): AuthError {
  return new AuthError('unknown_flow');
}
