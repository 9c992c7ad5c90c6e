// The `state` of a login that leads elsewhere: it says which flow the person comes back to, and nobody can make one up.
import { randomToken } from './secret.ts';

/** A new one for a flow: its id and a random part. */
export function newExternalState(flow_id: string): string {
  return `${flow_id}.${randomToken('lk_es_')}`;
}

/** The flow that it says it is of. */
export function flowIdFromState(state: string): string {
  return state.split('.', 1)[0] ?? '';
}
