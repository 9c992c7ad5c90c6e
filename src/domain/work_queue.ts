// A queue for expensive work with few slots, a bounded length and a bounded wait; excess work is
// refused.
import { AuthError } from './errors.ts';

export interface WorkQueueOptions {
  /** Concurrent jobs. */
  slots: number;
  /** Maximum queue length. */
  queue_limit: number;
  /** Maximum time in the queue in milliseconds. */
  wait_ms: number;
}

/**
 * Runs work in order, or throws `unavailable`: at once if the queue is full, later if the wait is
 * too long.
 */
export type WorkQueue = <T>(work: () => Promise<T>) => Promise<T>;

export function createWorkQueue({ slots, queue_limit, wait_ms }: WorkQueueOptions): WorkQueue {
  /** Starts waiting jobs in order. */
  const waiting = new Set<() => void>();
  let running = 0;

  function takeSlot(): Promise<void> | undefined {
    if (running < slots) {
      running += 1;
      return undefined;
    }
    if (waiting.size >= queue_limit) throw busy('the queue is full');
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(start);
        reject(busy('waited too long'));
      }, wait_ms);
      const start = () => {
        clearTimeout(timer);
        resolve();
      };
      waiting.add(start);
    });
  }

  /** A slot passes directly to the next job. */
  function leaveSlot(): void {
    const [next] = waiting;
    if (!next) {
      running -= 1;
      return;
    }
    waiting.delete(next);
    next();
  }

  return async (work) => {
    await takeSlot();
    try {
      return await work();
    } finally {
      leaveSlot();
    }
  };
}

function busy(detail: string): AuthError {
  return new AuthError('unavailable', 'Too many logins at the moment', { retry_after: 1, detail });
}
