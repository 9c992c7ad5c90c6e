// Decides the next step of a login from the flow and a few facts; steps never call each other. Used
// by login/ after every answer.
import type { LoginFlow } from './login_flow.ts';
import type { MfaModule } from './mfa_module.ts';

type Limited = Pick<MfaModule, 'id' | 'max_retries'>;

/** The facts that the decision needs besides the flow. */
export interface NextStepInput {
  now: Date;
  /** Whether a login with this provider requires the user's second factor. */
  support_mfa: boolean;
  /** Whether a second factor is required whatever the provider supports. */
  mfa_required: boolean;
  /** The second factors of the identity's user; empty while the user is unknown. */
  enrolled: readonly Limited[];
  /** Factors that a user without any may enrol. */
  offered: readonly Limited[];
  /** Whether this request answers the second factor's form. */
  answering_mfa: boolean;
  /** Whether the second factor has been proven in this flow. */
  mfa_passed: boolean;
}

export type NextStep =
  | { type: 'provider' }
  | { type: 'select_mfa_module' }
  | { type: 'mfa'; mfa_module_id: string }
  | { type: 'mfa_setup_select' }
  | { type: 'mfa_setup'; mfa_module_id: string }
  | { type: 'abort'; reason: 'login_expired' | 'too_many_retry' }
  | { type: 'finish' };

/**
 * Seconds from the start of a flow in which its second factor may be answered (HA contract 5.1).
 */
const MFA_WINDOW = 300;

type Decisive = Pick<LoginFlow, 'flow_type' | 'identity' | 'mfa_module_id' | 'mfa_attempts' | 'created_at'>;

export function nextStep(flow: Decisive, facts: NextStepInput): NextStep {
  if (flow.identity === null) return { type: 'provider' };
  // A flow that only links a credential yields no tokens and needs no second factor.
  if (flow.flow_type === 'link_user' || facts.mfa_passed) return { type: 'finish' };
  if (facts.enrolled.length > 0) return facts.support_mfa || facts.mfa_required ? prove(flow, facts) : { type: 'finish' };
  // With nothing to enrol, the login ends and is refused.
  return facts.mfa_required && facts.offered.length > 0 ? enrol(flow, facts) : { type: 'finish' };
}

function prove(flow: Decisive, { enrolled, answering_mfa, now }: NextStepInput): NextStep {
  const module = chosenModule(flow, enrolled);
  // The selected module is not (or no longer) enrolled, so the person selects again.
  if (!module) return { type: 'select_mfa_module' };
  if (isOverLimit(flow, module)) return { type: 'abort', reason: 'too_many_retry' };
  if (answering_mfa && secondsSince(flow.created_at, now) > MFA_WINDOW) return { type: 'abort', reason: 'login_expired' };
  return { type: 'mfa', mfa_module_id: module.id };
}

function enrol(flow: Decisive, { offered }: NextStepInput): NextStep {
  const module = chosenModule(flow, offered);
  if (!module) return { type: 'mfa_setup_select' };
  if (isOverLimit(flow, module)) return { type: 'abort', reason: 'too_many_retry' };
  return { type: 'mfa_setup', mfa_module_id: module.id };
}

function chosenModule({ mfa_module_id }: Decisive, modules: readonly Limited[]): Limited | undefined {
  return modules.length === 1 ? modules[0] : modules.find(({ id }) => id === mfa_module_id);
}

/** HA contract 5.1: a limit of 0 means none. */
function isOverLimit({ mfa_attempts }: Decisive, { max_retries }: Limited): boolean {
  return max_retries > 0 && mfa_attempts >= max_retries;
}

function secondsSince(then: Date, now: Date): number {
  return (now.getTime() - then.getTime()) / 1000;
}
