// Heavy work in a few slots, with a short queue before them and a limit on the wait: a flood is refused, not stored up.
import { AuthError } from '../domain/errors.ts';

export interface WorkQueueOptions {
  /** How many run at a time. */
  slots: number;
  /** How many may wait. */
  queue_limit: number;
  /** How long one may wait, in milliseconds. */
  wait_ms: number;
}

/** Runs work in its turn, or throws `unavailable`: at once when the queue is full, later when the wait was too long. */
export type WorkQueue = <T>(work: () => Promise<T>) => Promise<T>;

export function createWorkQueue({ slots, queue_limit, wait_ms }: WorkQueueOptions): WorkQueue {
  /** What starts the ones that wait, in the order they came. */
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

  /** A slot goes to the next in line without being free in between. */
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
