// The unguessable `state` of an external login step, which identifies the flow that the person
// returns to.
import { randomToken } from './secret.ts';

/** A new state: the flow's id and a random part. */
export function newExternalState(flow_id: string): string {
  return `${flow_id}.${randomToken('lk_es_')}`;
}

/** The flow id in a state, unverified. */
export function flowIdFromState(state: string): string {
  return state.split('.', 1)[0] ?? '';
}
