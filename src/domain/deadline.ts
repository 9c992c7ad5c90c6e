// A time limit combined with another abort signal. AbortSignal.any() is unreliable on Node 20: its
// timeouts can be garbage-collected before they fire.

/** Aborts after `ms` milliseconds, or when `signal` does. */
export function deadline(ms: number, signal?: AbortSignal): AbortSignal {
  const controller = new AbortController();
  // A listener keeps the timeout alive until it fires.
  const timeout = AbortSignal.timeout(ms);
  const stop = () => controller.abort(signal?.reason);
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  timeout.addEventListener('abort', () => {
    signal?.removeEventListener('abort', stop);
    controller.abort(timeout.reason);
  });
  return controller.signal;
}
