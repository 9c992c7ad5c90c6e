// A circuit breaker for external calls: limits concurrency, and stops calling for a while after
// repeated failures. Callers then fail at once, and a recovering server is not flooded.
import { addSeconds, type Clock } from './clock.ts';
import { AuthError } from './errors.ts';

export interface CircuitBreakerOptions {
  clock: Clock;
  /** Consecutive failures after which the circuit opens. */
  failures: number;
  /** Seconds until one trial call is made; other calls wait for its outcome. */
  pause: number;
  /** Maximum concurrent calls. */
  calls: number;
}

/**
 * Runs the call, or throws `unavailable` without running it. A call that throws counts as failed.
 */
export type CircuitBreaker = <T>(call: () => Promise<T>) => Promise<T>;

export function createCircuitBreaker({ clock, failures, pause, calls }: CircuitBreakerOptions): CircuitBreaker {
  let running = 0;
  let failed = 0;
  /** When the next trial is allowed; null while the circuit is closed. */
  let retry_at: Date | null = null;

  function admit(): void {
    if (running >= calls) throw unavailable(`${calls} calls are under way already`, 1);
    if (retry_at === null) return;
    const now = clock();
    if (now < retry_at) throw unavailable(`not tried: it failed ${failed} times in a row`, (retry_at.getTime() - now.getTime()) / 1000);
    // This call is the trial; another may follow once it has had its time.
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
