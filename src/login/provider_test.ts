// Tests a provider: runs its real flow and reports the identity and the user that a login would
// lead to. Writes only audit events; state travels sealed through the client. Wrong guesses are not
// counted, since only the owner and the operator may test.
import { type Actor, auditActor } from '../accounts/actor.ts';
import type { Audit } from '../domain/audit_event.ts';
import { type AuthProvider, type Identity, type ProviderStep, providerPath } from '../domain/auth_provider.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { type FormInput, type FormValues, parseFormInput } from '../domain/form.ts';
import type { JsonObject } from '../domain/json.ts';
import { randomId, safeEqual } from '../domain/secret.ts';
import type { Sealer } from '../secrets/sealer.ts';
import type { LoginPreview, PreviewedUser } from './login_preview.ts';

/** Lifetime of a test in seconds. */
const LIFETIME = 600;

export interface ProviderTestRequest {
  /** As `providerPath` names it. */
  provider: string;
  /** Null at the start, which shows the first step. */
  values: FormInput | null;
  /** From the previous step; null at the start. */
  flow_state: string | null;
  remote_address: string;
  actor: Actor;
}

/** The result of a step; all but the last two kinds continue with `flow_state`. */
export type ProviderTestStep =
  | (Omit<ProviderStep & { type: 'form' }, 'state'> & { flow_state: string })
  /** Continues with the parameters of the external return. */
  | { type: 'external'; step_id: string; url: string; flow_state: string }
  | { type: 'abort'; reason: string; detail?: string }
  /** `identity`: everything the provider reported. */
  | { type: 'identity'; identity: Identity; foreseen: PreviewedUser };

/** A test between two steps. */
interface Trial {
  flow_id: string;
  state: JsonObject;
  expires_at: string;
}

export interface ProviderTestDeps {
  /** By `providerPath`; these providers write nothing. */
  providers(): ReadonlyMap<string, AuthProvider>;
  preview: LoginPreview;
  sealer: Pick<Sealer, 'seal' | 'open'>;
  audit: Audit;
  clock: Clock;
  /** The base URL of external returns; the provider's path segment is appended. */
  callback_url: string;
}

export type ProviderTest = ReturnType<typeof createProviderTest>;

export function createProviderTest({ providers, preview, sealer, audit, clock, callback_url }: ProviderTestDeps) {
  const placeOf = ({ provider, actor }: ProviderTestRequest) => ({
    table: 'provider_test',
    column: 'flow_state',
    id: `${provider} ${actor.user_id ?? ''}`,
  });

  function resume(request: ProviderTestRequest): Trial {
    const now = clock();
    if (request.flow_state === null) return { flow_id: randomId(), state: {}, expires_at: addSeconds(now, LIFETIME).toISOString() };
    const trial = open(request, request.flow_state);
    if (new Date(trial.expires_at) <= now) throw over();
    return trial;
  }

  function open(request: ProviderTestRequest, flow_state: string): Trial {
    try {
      return JSON.parse(sealer.open(Buffer.from(flow_state, 'base64url'), placeOf(request)).toString());
    } catch {
      throw over();
    }
  }

  async function ask(provider: AuthProvider, trial: Trial, values: FormValues | null, remote_address: string): Promise<ProviderStep> {
    const refusal = provider.refusal(remote_address);
    if (refusal !== null) return { type: 'abort', reason: 'not_allowed', detail: refusal };
    const back = `${callback_url}/${providerPath(provider)}`;
    const context = { flow_id: trial.flow_id, remote_address, callback_url: back, attempt: uncounted };
    return await provider.step({ values, state: trial.state, context });
  }

  /** The current step, or the outcome of its answer. */
  async function go(provider: AuthProvider, trial: Trial, { values, remote_address }: ProviderTestRequest): Promise<ProviderStep> {
    const shown = await ask(provider, trial, null, remote_address);
    if (values === null || shown.type === 'identity' || shown.type === 'abort') return shown;
    const state = shown.state ?? {};
    const answer = shown.type === 'form' ? parseFormInput(shown.data_schema, values) : cameBack(values, state);
    if (answer === null) throw new AuthError('invalid_input');
    return await ask(provider, { ...trial, state }, answer, remote_address);
  }

  async function show(request: ProviderTestRequest, trial: Trial, provider: AuthProvider, step: ProviderStep): Promise<ProviderTestStep> {
    if (step.type === 'abort') return step;
    if (step.type === 'identity') {
      const { identity } = step;
      return { type: 'identity', identity, foreseen: await preview(provider, identity, request.remote_address) };
    }
    const { state = {}, ...shown } = step;
    const sealed = sealer.seal(JSON.stringify({ ...trial, state } satisfies Trial), placeOf(request));
    return { ...shown, flow_state: sealed.toString('base64url') };
  }

  function remember({ provider, actor }: ProviderTestRequest, step: ProviderTestStep): void {
    const found =
      step.type === 'identity' ? { subject: step.identity.subject, ...step.foreseen, user: step.foreseen.user?.id ?? null } : {};
    const came_to = { step: step.type, ...('detail' in step && { detail: step.detail ?? null }), ...found };
    const outcome = step.type === 'identity' ? 'done' : 'refused';
    audit.record({ type: 'provider.tested', ...auditActor(actor), outcome, detail: { auth_provider: provider, ...came_to } });
  }

  /** Starts or continues a test. */
  return async (request: ProviderTestRequest): Promise<ProviderTestStep> => {
    const provider = providers().get(request.provider);
    if (!provider)
      throw new AuthError('not_found', `There is no auth provider ${request.provider}; there are ${[...providers().keys()].join(', ')}`);
    const trial = resume(request);
    const step = await show(request, trial, provider, await go(provider, trial, request));
    if (request.values !== null || step.type === 'identity') remember(request, step);
    return step;
  };
}

const uncounted = (_name: string, guess: () => Promise<boolean>) => guess();

/** The returned parameters, if they belong to this test. */
function cameBack(values: FormInput, { state }: JsonObject): FormValues | null {
  const texts = Object.entries(values).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  const parameters = Object.fromEntries(texts);
  const is_ours = typeof state === 'string' && parameters.state !== undefined && safeEqual(parameters.state, state);
  return is_ours && texts.length === Object.keys(values).length ? parameters : null;
}

function over(): AuthError {
  return new AuthError('invalid_input', 'This test is over, or is none of yours');
}
