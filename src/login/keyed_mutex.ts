// Runs work one at a time for each key, in the order it came. Both the number that wait and the time that
// each may wait are limited, so that work which hangs leaves nobody without an answer.
import { AuthError } from '../domain/errors.ts';

export interface KeyedMutex {
  /**
   * Runs `work` when nothing else runs for that key. Throws `too_many_requests` at once when `limit` wait already, and `unavailable` when its
   * turn has not come in `wait_ms` milliseconds; `work` is not run then.
   */
  take<T>(key: string, work: () => Promise<T>, wait_ms: number): Promise<T>;
  /** Whether `take` would refuse now. */
  isFull(key: string): boolean;
  /** Whether `take` would wait now. */
  isBusy(key: string): boolean;
}

export function createKeyedMutex(limit: number): KeyedMutex {
  /** By key, how many are there and what the next one waits for. Keys nobody uses are gone. */
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

/** `end` throws when the wait was over before; `expired` rejects when it is. */
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
