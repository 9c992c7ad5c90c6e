// The login engine behind both Home Assistant's JSON flow and our pages: starts a flow, takes
// answers to its steps, and ends it. Independent of HTTP and of how providers verify identities.
import type { Audit } from '../domain/audit_event.ts';
import {
  type AuthProvider,
  type Identity,
  type ProviderStep,
  providerKeyText,
  providerPath,
  type StepContext,
} from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import type { UserAction } from '../domain/code_release.ts';
import { AuthError } from '../domain/errors.ts';
import { type FormInput, type FormValues, parseFormInput } from '../domain/form.ts';
import type { FlowPage, FlowStep, FlowType } from '../domain/login_flow.ts';
import type { RowQuotas } from '../domain/row_quota.ts';
import type { LoginFlowRepository } from '../repository/login_flows.ts';
import type { FinishLogin, LoggedIn } from './finish.ts';
import { createFlowLock } from './flow_lock.ts';
import { abortStep, externalStep, formStep } from './flow_step.ts';
import {
  createFlowStore,
  type FlowContext,
  failureAddress,
  type ResumeRequest,
  type StartRequest,
  type SubmitRequest,
  trustedAddress,
  unknownFlow,
} from './flow_store.ts';
import type { KnownDevices } from './known_devices.ts';
import type { MfaOutcome, MfaStep } from './mfa_step.ts';
import type { Throttle } from './throttle.ts';

export interface LoginResult {
  step: FlowStep;
  /** The guess was wrong and is to be counted by the caller. */
  failed: boolean;
  /** The flow is stored and can be continued. */
  is_stored?: true;
  /** Present at the end of an authorize flow. */
  login?: LoggedIn;
}

export interface LoginDeps {
  /** By `providerKeyText`. */
  providers: ReadonlyMap<string, AuthProvider>;
  loginFlows: LoginFlowRepository;
  rowQuotas: RowQuotas;
  finish: FinishLogin;
  mfaStep: MfaStep;
  throttle: Pick<Throttle, 'attempt'>;
  knownDevices: Pick<KnownDevices, 'mayGuess'>;
  clock: Clock;
  audit: Audit;
  /** The base URL of external returns; the provider's path segment is appended. */
  callback_url: string;
  public_url: string;
  /** Whether many people may share an address (loopback and proxies). */
  isSharedAddress(address: string): boolean;
}

/** What a login page shows without storing anything. */
export type Preview =
  | { type: 'step'; step: FlowStep }
  /** The first step is external or must be stored, so it starts on request. */
  | { type: 'start' }
  /** The network address alone would log the person in. */
  | { type: 'automatic' };

/** The outcome of an external return. */
export type ResumeResult =
  | { type: 'page'; flow_type: FlowType; provider: AuthProvider; page: FlowPage; result: LoginResult }
  /**
   * JSON dialect: the client continues by itself once the person has confirmed that they started
   * the login.
   */
  | { type: 'unconfirmed'; provider: AuthProvider; client_id: string; remote_address: string; minutes_ago: number }
  | { type: 'kept' };

export type Login = ReturnType<typeof createLogin>;

export function createLogin(deps: LoginDeps) {
  const { loginFlows, finish, mfaStep, throttle, knownDevices, audit, callback_url } = deps;
  const flows = createFlowStore(deps);
  const flowLock = createFlowLock();

  /** Shows the current step. `keep`: whether to store a form without input. */
  async function show(context: FlowContext, keep: boolean): Promise<LoginResult> {
    const step = await ask(context, null);
    return await advance(context, step, 'none', keep || 'state' in step);
  }

  async function answer(found: FlowContext, input: FormInput): Promise<LoginResult> {
    if (mfaStep.isAt(found.flow)) return await complete(found, await mfaStep.answer(found, input), 'login_form');
    if (found.flow.came_back) return await redeemReturn(found, found.flow.came_back);
    const shown = await ask(found, null);
    if (shown.type !== 'form') return await advance(found, shown, 'none', true);
    const values = parseFormInput(shown.data_schema, input);
    if (values === null) throw new AuthError('invalid_input');
    const context = flows.typed(found);
    let counted = false;
    const step = await ask(context, values, () => {
      counted = true;
    });
    const wrong = step.type === 'form' && step.errors?.base === 'invalid_auth';
    if (wrong) noteFailure(context);
    return { ...(await advance(context, step, 'login_form', true)), failed: wrong && !counted };
  }

  /**
   * A return is used once: the request that takes the flow continues it, and stores it again if it
   * is not finished.
   */
  async function redeemReturn(context: FlowContext, came_back: FormValues): Promise<LoginResult> {
    if (!(await loginFlows.take(context.flow))) throw unknownFlow();
    const taken = { ...context, stored: false, flow: { ...context.flow, came_back: null, version: context.flow.version + 1 } };
    const step = await ask(taken, came_back);
    if (step.type === 'abort' || step.type === 'form') noteFailure(context, step.detail);
    return await advance(taken, step, 'none', true);
  }

  /** One step of the provider. `onAttempt` is called when a guess is checked and counted. */
  async function ask(context: FlowContext, values: FormValues | null, onAttempt = () => {}): Promise<ProviderStep> {
    const { flow, provider, from } = context;
    if (provider.refusal(trustedAddress(from)) !== null) return { type: 'abort', reason: 'not_allowed' };
    const attempt: StepContext['attempt'] = (name, guess) => {
      onAttempt();
      return attemptFor(context, name, guess);
    };
    const back = `${callback_url}/${providerPath(provider)}`;
    const { reauthenticate = false } = from;
    const step_context = { flow_id: flow.id, remote_address: trustedAddress(from), callback_url: back, reauthenticate, attempt };
    return await provider.step({ values, state: flow.provider_state, context: step_context });
  }

  async function attemptFor({ provider, from }: FlowContext, name: string, guess: () => Promise<boolean>): Promise<boolean> {
    try {
      const key = providerKeyText(provider);
      const { device_cookie } = from;
      const isKnownDevice = device_cookie ? () => knownDevices.mayGuess(device_cookie, provider, name) : undefined;
      return await throttle.attempt(failureAddress(from), `${key}:${name}`, guess, { queue: key, isKnownDevice });
    } catch (error) {
      // Home Assistant's clients do not handle 429, so a rejected attempt reads as a wrong password
      // there.
      if (from.browser_hash === null && error instanceof AuthError && error.code === 'too_many_requests') return false;
      throw error;
    }
  }

  /** Converts a provider's step for the client and updates the flow. */
  async function advance(context: FlowContext, step: ProviderStep, act: UserAction, keep: boolean): Promise<LoginResult> {
    if (step.type === 'identity') return await identified(context, step.identity, act);
    if (step.type === 'abort') return await abort(context, step.reason);
    if (keep) await flows.remember(context, { ...context.flow, step_id: step.step_id, provider_state: step.state ?? {} });
    const shown = step.type === 'form' ? formStep(context.flow, step) : externalStep(context.flow, step);
    return { step: shown, failed: false, ...(keep && { is_stored: true }) };
  }

  async function identified(context: FlowContext, identity: Identity, act: UserAction): Promise<LoginResult> {
    // A provider's own second factors are not the factors of this server.
    const amr = context.provider.is_multi_factor ? identity.amr : identity.amr.filter((method) => method !== 'mfa');
    const known = { ...context, flow: { ...context.flow, identity: { ...identity, amr } } };
    return await complete(known, await mfaStep.enter(known), act, context.flow);
  }

  /** `read`: the flow as it was before this request. */
  async function complete(context: FlowContext, outcome: MfaOutcome, act: UserAction, read = context.flow): Promise<LoginResult> {
    if (outcome.type === 'abort') return { ...(await abort(context, outcome.reason)), failed: outcome.failed };
    if (outcome.type === 'form') {
      await flows.remember({ ...context, flow: read }, outcome.flow);
      return { step: formStep(outcome.flow, outcome.form), failed: outcome.failed, is_stored: true };
    }
    const { flow, mfa_missing, person } = outcome;
    if (flow.identity === null) throw new Error('a login cannot end without an identity');
    const { stored, provider, from } = context;
    const { client_id, remote_address, error_ref = null } = from;
    const ending = { flow, stored, provider, identity: flow.identity, person, act, mfa_missing, client_id, remote_address, error_ref };
    return { ...(await finish(ending)), failed: false };
  }

  async function abort({ flow, stored }: FlowContext, reason: string): Promise<LoginResult> {
    if (stored) await loginFlows.take(flow);
    return { step: abortStep(flow, reason), failed: false };
  }

  function noteFailure({ provider, from }: FlowContext, why?: string): void {
    const { client_id, remote_address, error_ref = null } = from;
    const detail = { auth_provider: providerKeyText(provider), ...(why !== undefined && { detail: why }) };
    audit.record({ type: 'login.failed', outcome: 'refused', client_id, remote_address, error_ref, detail });
  }

  return {
    /**
     * Starts a flow: its first step, or the step after `input` (HA contract 3.5). `store`: whether
     * to store a first form without input; a flow that continues is always stored.
     */
    async start({ input, store = true, ...request }: StartRequest & { input?: FormInput; store?: boolean }): Promise<LoginResult> {
      const context = flows.start(request);
      return input === undefined ? await show(context, store) : await answer(context, input);
    },

    /**
     * The first step for a page that is only viewed: stores nothing, contacts no server, logs
     * nobody in.
     */
    async preview(request: StartRequest): Promise<Preview> {
      const context = flows.start(request);
      if (context.provider.external) return { type: 'start' };
      const step = await ask(context, null);
      if (step.type === 'identity') return { type: 'automatic' };
      if (step.type === 'abort') return { type: 'step', step: abortStep(context.flow, step.reason) };
      if (step.type === 'external' || step.state !== undefined) return { type: 'start' };
      return { type: 'step', step: formStep(context.flow, step) };
    },

    /** The answer to a stored flow's step (HA contract 3.6). */
    async resume(request: SubmitRequest): Promise<LoginResult> {
      const resumed = async () => await answer(await flows.find(request), request.input);
      // On pages two parallel answers are a double click; the flow's version decides.
      return request.browser_hash === null ? await flowLock.run(request.flow_id, resumed) : await resumed();
    },

    /** Continues a flow on return from another server. */
    async resumeReturned(request: ResumeRequest & { confirmed: boolean }): Promise<ResumeResult> {
      const context = await flows.findAwaited(request);
      const { flow, provider } = context;
      const { client_id, page, browser_hash, flow_type } = flow;
      if (browser_hash !== null && page)
        return { type: 'page', flow_type, provider, page, result: await redeemReturn(context, request.parameters) };
      // Nothing ties this browser to the one that started the flow, so the person must confirm.
      if (!request.confirmed) {
        const minutes_ago = Math.floor((deps.clock().getTime() - flow.created_at.getTime()) / 60_000);
        return { type: 'unconfirmed', provider, client_id, remote_address: flow.remote_address, minutes_ago };
      }
      if (!(await loginFlows.advance({ ...flow, came_back: request.parameters }))) throw unknownFlow();
      return { type: 'kept' };
    },

    /** Ends a flow; false if there is none. Its id suffices (HA contract 3.6). */
    abort: (flow_id: string): Promise<boolean> => flows.end(flow_id),
  };
}
