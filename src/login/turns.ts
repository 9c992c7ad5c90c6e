// One at a time for each key, in the order they came, and only so many waiting: parallel guesses are looked at one after another.
import { AuthError } from '../domain/errors.ts';

export interface Turns {
  /** Runs `work` when nothing else runs for that key. Throws `too_many_requests` at once when `limit` wait already. */
  take<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Whether `take` would refuse now. */
  isFull(key: string): boolean;
}

export function createTurns(limit: number): Turns {
  /** By key, how many are there and what the next one waits for. Keys nobody uses are gone. */
  const queues = new Map<string, { length: number; last: Promise<unknown> }>();
  const isFull = (key: string) => (queues.get(key)?.length ?? 0) > limit;
  return {
    isFull,
    async take(key, work) {
      if (isFull(key)) throw new AuthError('too_many_requests', 'Too many attempts at once', { retry_after: 1 });
      const queue = queues.get(key) ?? { length: 0, last: Promise.resolve() };
      queues.set(key, queue);
      queue.length += 1;
      const turn = queue.last.then(work);
      queue.last = turn.catch(() => {});
      try {
        return await turn;
      } finally {
        queue.length -= 1;
        if (queue.length === 0) queues.delete(key);
      }
    },
  };
}
