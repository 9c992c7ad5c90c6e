// The steps of a login after the provider's (HA contract 5.1): choosing and verifying a second
// factor, or enrolling a required one. domain/next_step.ts decides which is next.
import type { EnrolFactor } from '../accounts/enrol.ts';
import type { Factor, Factors } from '../accounts/factors.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { type FormField, type FormInput, type FormValues, parseFormInput } from '../domain/form.ts';
import { groupsAfterLogin } from '../domain/group_mapping.ts';
import type { LoginFlow } from '../domain/login_flow.ts';
import type { MfaModule, SetupForm, SetupStep } from '../domain/mfa_module.ts';
import { type NextStep, nextStep } from '../domain/next_step.ts';
import type { LoginPerson } from '../repository/login_person.ts';
import type { Sealer } from '../secrets/sealer.ts';
import type { StepForm } from './flow_step.ts';
import type { FlowContext } from './flow_store.ts';
import type { LinkedUser, ResolveUser } from './resolve_user.ts';
import type { SecondFactor } from './second_factor.ts';

/** The outcome: a form, the end of the flow, or done. */
export type MfaOutcome =
  | { type: 'form'; flow: LoginFlow; form: StepForm; failed: boolean }
  | { type: 'abort'; reason: string; failed: boolean }
  /** `mfa_missing`: a second factor is required and could not be asked for. */
  | { type: 'passed'; flow: LoginFlow; mfa_missing: boolean; person: LoginPerson | null };

export interface MfaStepDeps {
  factors: Factors;
  secondFactor: SecondFactor;
  enrol: EnrolFactor;
  resolveUser: Pick<ResolveUser, 'find' | 'complete'>;
  sealer: Pick<Sealer, 'seal' | 'open'>;
  clock: Clock;
}

/** What a flow's second factor depends on, read for each request. */
interface Standing {
  visit: FlowContext;
  /** Null before a first login. */
  person: LoginPerson | null;
  user: LinkedUser['user'] | null;
  own: Factor[];
  mfa_required: boolean;
}

const STEPS: readonly string[] = ['select_mfa_module', 'mfa', 'mfa_setup_select', 'mfa_setup'] satisfies NextStep['type'][];
const CHOICE = 'multi_factor_auth_module';
const AGAIN = { errors: { base: 'invalid_code' }, failed: true };
const FIRST = { errors: {}, failed: false };

export type MfaStep = ReturnType<typeof createMfaStep>;

export function createMfaStep({ factors, secondFactor, enrol, resolveUser, sealer, clock }: MfaStepDeps) {
  const offered = factors.modules.filter(({ is_backup }) => !is_backup);
  const seal = ({ id }: LoginFlow, value: object) => sealer.seal(JSON.stringify(value), placeOf(id));
  const open = ({ id, mfa_state }: LoginFlow) => JSON.parse(mfa_state ? sealer.open(mfa_state, placeOf(id)).toString() : '{}');

  async function standingOf(visit: FlowContext): Promise<Standing> {
    const { flow, provider, from } = visit;
    if (flow.identity === null) return { visit, person: null, user: null, own: [], mfa_required: provider.require_mfa };
    const person = await resolveUser.find(provider, flow.identity);
    if (person) {
      const mfa_required = provider.require_mfa || person.is_mfa_required;
      return { visit, person, user: person.user, own: factors.among(person.enrolments), mfa_required };
    }
    const to_come = groupsAfterLogin(provider, flow.identity, { is_new: true });
    const mfa_required = provider.require_mfa || (await factors.isRequiredByGroup(null, to_come));
    // A new user who is active at once is created now, since a factor needs a user.
    if (!mfa_required || provider.new_users !== 'activate' || flow.flow_type === 'link_user')
      return { visit, person, user: null, own: [], mfa_required };
    await resolveUser.complete(provider, flow.identity, null, from.remote_address);
    const created = await resolveUser.find(provider, flow.identity);
    return { visit, person: created, user: created?.user ?? null, own: factors.among(created?.enrolments ?? []), mfa_required };
  }

  function nextOf(flow: LoginFlow, { visit, user, own, mfa_required }: Standing, answering_mfa: boolean): NextStep {
    const { support_mfa, is_multi_factor: mfa_passed = false } = visit.provider;
    // A user who may not log in enrols nothing; the refusal follows at the end.
    const can_enrol = user?.is_active === true;
    const enrolled = own.map(({ module }) => module);
    const facts = { now: clock(), support_mfa, mfa_required, enrolled, offered: can_enrol ? offered : [], answering_mfa, mfa_passed };
    return nextStep(flow, facts);
  }

  /** Moves the flow to its next step without an answer. */
  async function go(flow: LoginFlow, standing: Standing, next = nextOf(flow, standing, false)): Promise<MfaOutcome> {
    const { mfa_required, own, visit } = standing;
    const moved = { ...flow, step_id: next.type, user_id: standing.user?.id ?? null };
    if (next.type === 'abort') return { type: 'abort', reason: next.reason, failed: false };
    if (next.type === 'select_mfa_module')
      return choiceForm(
        moved,
        own.map(({ module }) => module),
        FIRST.errors,
      );
    if (next.type === 'mfa_setup_select') return choiceForm(moved, offered, FIRST.errors);
    if (next.type === 'mfa') return await challenge(moved, factorOf(own, next.mfa_module_id), FIRST);
    if (next.type === 'mfa_setup') {
      const module = moduleOf(offered, next.mfa_module_id);
      return await showSetup(moved, module, await setup(moved, standing, module, null));
    }
    return { type: 'passed', flow, mfa_missing: mfa_required && visit.provider.is_multi_factor !== true, person: standing.person };
  }

  async function challenge(flow: LoginFlow, { module, enrolments }: Factor, { errors, failed }: typeof FIRST): Promise<MfaOutcome> {
    if (module.delivers && !(await secondFactor.mayDeliver(flow.user_id ?? ''))) return { type: 'abort', reason: 'too_many_retry', failed };
    const asked = await module.challenge({ enrolments, now: clock() });
    if (asked.type === 'abort') return { type: 'abort', reason: asked.reason, failed };
    const moved = { ...flow, mfa_module_id: module.id, mfa_state: seal(flow, asked.state) };
    return { type: 'form', flow: moved, form: mfaForm(module, errors, asked.description_placeholders), failed };
  }

  async function prove(standing: Standing, { module, enrolments }: Factor, input: FormInput): Promise<MfaOutcome> {
    const { flow, from } = standing.visit;
    const values = valuesOf(module.data_schema, input);
    const who = { user_id: flow.user_id ?? '', mfa_module_id: module.id, remote_address: from.remote_address };
    const verdict = await secondFactor.prove({ ...who, state: open(flow), values });
    if (verdict.ok) return passed(flow, verdict.amr, standing.person);
    const tried = { ...flow, mfa_attempts: flow.mfa_attempts + 1 };
    const next = nextOf(tried, standing, true);
    if (next.type === 'abort') return { type: 'abort', reason: next.reason, failed: true };
    if (module.challenges_once) return await challenge(tried, { module, enrolments }, AGAIN);
    return { type: 'form', flow: tried, form: mfaForm(module, AGAIN.errors), failed: true };
  }

  async function enrolWith(standing: Standing, module: MfaModule, input: FormInput): Promise<MfaOutcome> {
    const { flow, from } = standing.visit;
    const form: SetupForm = open(flow);
    const step = await setup(flow, standing, module, { form, values: valuesOf(form.data_schema, input) });
    if (step.type !== 'enrolled') {
      const is_wrong = step.type === 'form' && step.errors.base !== undefined;
      const tried = { ...flow, mfa_attempts: flow.mfa_attempts + (is_wrong ? 1 : 0) };
      const next = nextOf(tried, standing, false);
      return next.type === 'abort' ? { type: 'abort', reason: next.reason, failed: false } : await showSetup(tried, module, step);
    }
    const actor = { user_id: flow.user_id ?? '', is_owner: false, is_admin: false, remote_address: from.remote_address };
    await enrol(module, step.enrolment, actor);
    // A new factor proves nothing about who enrolled it; it only adds to the provider's proof.
    if (flow.identity === null || flow.identity.amr.length === 0)
      return { type: 'passed', flow, mfa_missing: false, person: standing.person };
    return passed(flow, [], standing.person);
  }

  async function setup(
    flow: LoginFlow,
    { own }: Standing,
    module: MfaModule,
    shown: { form: SetupForm; values: FormValues } | null,
  ): Promise<SetupStep> {
    const user = { id: flow.user_id ?? '', name: flow.identity?.name ?? null };
    if (shown && module.delivers && !(await secondFactor.mayDeliver(user.id))) return { type: 'abort', reason: 'too_many_retry' };
    const enrolments = own.find((factor) => factor.module === module)?.enrolments ?? [];
    return await module.setup({ user, enrolments, shown, now: clock() });
  }

  async function showSetup(flow: LoginFlow, module: MfaModule, step: SetupStep): Promise<MfaOutcome> {
    if (step.type !== 'form') return { type: 'abort', reason: step.type === 'abort' ? step.reason : 'unknown_error', failed: false };
    const { data_schema, errors } = step;
    const description_placeholders = { ...namesOf(module), ...step.description_placeholders };
    const moved = { ...flow, mfa_module_id: module.id, mfa_state: seal(flow, step) };
    return { type: 'form', flow: moved, form: { step_id: 'mfa_setup', data_schema, errors, description_placeholders }, failed: false };
  }

  async function choose(standing: Standing, modules: readonly MfaModule[], input: FormInput): Promise<MfaOutcome> {
    const { flow } = standing.visit;
    const { [CHOICE]: mfa_module_id } = valuesOf([choiceField(modules)], input);
    if (mfa_module_id === undefined) return choiceForm(flow, modules, { base: 'invalid_auth_module' });
    return await go({ ...flow, mfa_module_id }, standing);
  }

  return {
    /** Whether a flow awaits an answer about second factors. */
    isAt: ({ step_id, identity }: LoginFlow): boolean => identity !== null && STEPS.includes(step_id),

    /** The step after the provider's. */
    enter: async (visit: FlowContext): Promise<MfaOutcome> => go(visit.flow, await standingOf(visit)),

    /** The answer to one of these steps. */
    async answer(visit: FlowContext, input: FormInput): Promise<MfaOutcome> {
      const { flow } = visit;
      const standing = await standingOf(visit);
      const next = nextOf(flow, standing, flow.step_id === 'mfa');
      // The user's factors may have changed since the form was shown.
      if (next.type !== flow.step_id || ('mfa_module_id' in next && next.mfa_module_id !== flow.mfa_module_id))
        return await go(flow, standing, next);
      if (next.type === 'mfa') return await prove(standing, factorOf(standing.own, next.mfa_module_id), input);
      if (next.type === 'mfa_setup') return await enrolWith(standing, moduleOf(offered, next.mfa_module_id), input);
      const own = standing.own.map(({ module }) => module);
      return await choose(standing, next.type === 'select_mfa_module' ? own : offered, input);
    },
  };
}

function passed(flow: LoginFlow, amr: readonly string[], person: LoginPerson | null): MfaOutcome {
  const identity = flow.identity && { ...flow.identity, amr: [...new Set([...flow.identity.amr, ...amr, 'mfa'])] };
  return { type: 'passed', flow: { ...flow, identity }, mfa_missing: false, person };
}

function choiceField(modules: readonly MfaModule[]): FormField {
  return { type: 'select', options: modules.map(({ id, name }) => [id, name]), name: CHOICE };
}

function choiceForm(flow: LoginFlow, modules: readonly MfaModule[], errors: StepForm['errors']): MfaOutcome {
  return { type: 'form', flow, form: { step_id: flow.step_id, data_schema: [choiceField(modules)], errors }, failed: false };
}

function mfaForm(module: MfaModule, errors: StepForm['errors'], description_placeholders: Record<string, string> = {}): StepForm {
  const { data_schema } = module;
  return { step_id: 'mfa', data_schema, errors, description_placeholders: { ...namesOf(module), ...description_placeholders } };
}

function namesOf({ id, name }: MfaModule): Record<string, string> {
  return { mfa_module_name: name, mfa_module_id: id };
}

function valuesOf(fields: readonly FormField[], input: FormInput): FormValues {
  const values = parseFormInput(fields, input);
  if (values === null) throw new AuthError('invalid_input');
  return values;
}

function factorOf(factors: readonly Factor[], mfa_module_id: string): Factor {
  const factor = factors.find(({ module }) => module.id === mfa_module_id);
  if (!factor) throw new Error(`${mfa_module_id} was next and is not enrolled`);
  return factor;
}

function moduleOf(modules: readonly MfaModule[], mfa_module_id: string): MfaModule {
  const module = modules.find(({ id }) => id === mfa_module_id);
  if (!module) throw new Error(`${mfa_module_id} was next and is not offered`);
  return module;
}

function placeOf(id: string) {
  return { table: 'login_flows', column: 'mfa_state', id };
}
