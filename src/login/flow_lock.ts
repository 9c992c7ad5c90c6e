// One request at a time for each login flow of the JSON dialect, as in Home Assistant: the second one is refused at once.
// It holds for this process; between replicas the version of the flow's row decides.
import { AuthError } from '../domain/errors.ts';

export interface FlowLock {
  /** Runs the request; throws `flow_in_progress` (409) while another one of the same flow runs, which is not affected. */
  run<Result>(flow_id: string, request: () => Promise<Result>): Promise<Result>;
}

export function createFlowLock(): FlowLock {
  const running = new Set<string>();
  return {
    async run(flow_id, request) {
      if (running.has(flow_id)) throw flowInProgress();
      running.add(flow_id);
      try {
        return await request();
      } finally {
        running.delete(flow_id);
      }
    },
  };
}

export function flowInProgress(): AuthError {
  return new AuthError('flow_in_progress', 'Flow request already in progress');
}
