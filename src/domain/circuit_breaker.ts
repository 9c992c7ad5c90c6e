// Calls to something outside that may be down: only so many at a time, and none for a while after it failed too often in a row.
// Whoever waits for it is then told at once, and it is not flooded the moment it comes back.
import { addSeconds, type Clock } from './clock.ts';
import { AuthError } from './errors.ts';

export interface CircuitBreakerOptions {
  clock: Clock;
  /** Failures in a row after which it is left alone. */
  failures: number;
  /** Seconds until one call tries whether it is back; the others wait for the outcome of that. */
  pause: number;
  /** Most calls at a time. */
  calls: number;
}

/** Runs the call, or throws `unavailable` without running it. A call that throws has failed. */
export type CircuitBreaker = <T>(call: () => Promise<T>) => Promise<T>;

export function createCircuitBreaker({ clock, failures, pause, calls }: CircuitBreakerOptions): CircuitBreaker {
  let running = 0;
  let failed = 0;
  /** When one may try again; null while all is well. */
  let retry_at: Date | null = null;

  function admit(): void {
    if (running >= calls) throw unavailable(`${calls} calls are under way already`, 1);
    if (retry_at === null) return;
    const now = clock();
    if (now < retry_at) throw unavailable(`not tried: it failed ${failed} times in a row`, (retry_at.getTime() - now.getTime()) / 1000);
    // This call is the trial; the next may come when it has had its time.
    retry_at = addSeconds(now, pause);
  }

  return async (call) => {
    admit();
    running += 1;
    try {
      const result = await call();
      failed = 0;
      retry_at = null;
      return result;
    } catch (error) {
      failed += 1;
      if (failed >= failures) retry_at ??= addSeconds(clock(), pause);
      throw error;
    } finally {
      running -= 1;
    }
  };
}

function unavailable(detail: string, retry_after: number): AuthError {
  return new AuthError('unavailable', 'Not available at the moment', { detail, retry_after: Math.ceil(retry_after) });
}
