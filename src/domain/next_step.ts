// What comes next in a login, decided from the flow and a few facts alone: steps never call each other. Asked by login/ after every answer.
import type { LoginFlow } from './login_flow.ts';
import type { MfaModule } from './mfa_module.ts';

/** What the rule must know beside the flow. */
export interface StepFacts {
  now: Date;
  /** Whether a login at this provider is followed by the user's second factor. */
  support_mfa: boolean;
  /** The second factors of the user whom the identity belongs to; none while that user is unknown. */
  enrolled: readonly Pick<MfaModule, 'id' | 'max_retries'>[];
  /** Whether the person is answering the second factor's form now. */
  answering_mfa: boolean;
  /** Whether the second factor has been proven in this flow. */
  mfa_passed: boolean;
}

export type NextStep =
  | { type: 'provider' }
  | { type: 'select_mfa_module' }
  | { type: 'mfa'; mfa_module_id: string }
  | { type: 'abort'; reason: 'login_expired' | 'too_many_retry' }
  | { type: 'finish' };

/** Seconds from the start of a flow in which its second factor may be answered (HA contract 5.1). */
const MFA_WINDOW = 300;

type Decisive = Pick<LoginFlow, 'flow_type' | 'identity' | 'mfa_module_id' | 'mfa_attempts' | 'created_at'>;

export function nextStep(flow: Decisive, facts: StepFacts): NextStep {
  if (flow.identity === null) return { type: 'provider' };
  if (!needsMfa(flow, facts)) return { type: 'finish' };
  const module = chosenModule(flow, facts);
  // A choice that is not among the enrolled ones (any more) is made again.
  if (!module) return { type: 'select_mfa_module' };
  // HA contract 5.1: a limit of 0 means none.
  if (module.max_retries > 0 && flow.mfa_attempts >= module.max_retries) return { type: 'abort', reason: 'too_many_retry' };
  if (facts.answering_mfa && secondsSince(flow.created_at, facts.now) > MFA_WINDOW) return { type: 'abort', reason: 'login_expired' };
  return { type: 'mfa', mfa_module_id: module.id };
}

/** A flow that only links a credential yields no tokens, so it asks for no second factor. */
function needsMfa(flow: Decisive, { support_mfa, enrolled, mfa_passed }: StepFacts): boolean {
  return flow.flow_type !== 'link_user' && support_mfa && enrolled.length > 0 && !mfa_passed;
}

function chosenModule({ mfa_module_id }: Decisive, { enrolled }: StepFacts) {
  return enrolled.length === 1 ? enrolled[0] : enrolled.find(({ id }) => id === mfa_module_id);
}

function secondsSince(then: Date, now: Date): number {
  return (now.getTime() - then.getTime()) / 1000;
}
