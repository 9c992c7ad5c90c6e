// A mutex per key, first come, first served, with a limit on the queue and on the time in it.
import { AuthError } from '../domain/errors.ts';

export interface KeyedMutex {
  /**
   * Runs `work` exclusively for the key. Throws without running it: `too_many_requests` if `limit`
   * are waiting, `unavailable` after `wait_ms` milliseconds in the queue.
   */
  take<T>(key: string, work: () => Promise<T>, wait_ms: number): Promise<T>;
  /** Whether `take` would refuse now. */
  isFull(key: string): boolean;
  /** Whether `take` would wait now. */
  isBusy(key: string): boolean;
}

export function createKeyedMutex(limit: number): KeyedMutex {
  /** By key: the queue's length and what the next one waits for. Idle keys are removed. */
  const queues = new Map<string, { length: number; last: Promise<unknown> }>();
  const isFull = (key: string) => (queues.get(key)?.length ?? 0) > limit;
  return {
    isFull,
    isBusy: (key) => queues.has(key),
    async take(key, work, wait_ms) {
      if (isFull(key)) throw new AuthError('too_many_requests', 'Too many attempts at once', { retry_after: 1 });
      const queue = queues.get(key) ?? { length: 0, last: Promise.resolve() };
      queues.set(key, queue);
      queue.length += 1;
      const wait = startWait(wait_ms);
      const turn = queue.last.then(() => {
        wait.end();
        return work();
      });
      queue.last = turn.catch(() => {});
      try {
        return await Promise.race([turn, wait.expired]);
      } finally {
        queue.length -= 1;
        if (queue.length === 0) queues.delete(key);
      }
    },
  };
}

/** `end` throws if the wait has expired; `expired` rejects when it does. */
function startWait(wait_ms: number): { end(): void; expired: Promise<never> } {
  const tooLong = new AuthError('unavailable', 'Too many logins at the moment', { retry_after: 5, detail: 'waited too long for its turn' });
  let is_over = false;
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      is_over = true;
      reject(tooLong);
    }, wait_ms);
  });
  return {
    expired,
    end() {
      clearTimeout(timer);
      if (is_over) throw tooLong;
    },
  };
}
