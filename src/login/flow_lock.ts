// Allows one request at a time per JSON login flow, as Home Assistant does; a second one is refused
// at once. Per process: between replicas the flow's version decides.
import { AuthError } from '../domain/errors.ts';

export interface FlowLock {
  /** Runs the request; throws `flow_in_progress` (409) while another request of the flow runs. */
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
  return new AuthError('flow_in_progress');
}
