// A time limit beside another reason to stop. AbortSignal.any() is no such thing on Node 20: nothing but the signal it makes holds on to a timeout
// among its sources, and not even that, so the first garbage collection takes the time limit away.

/** Aborts after so many milliseconds, or as soon as `signal` does. */
export function deadline(ms: number, signal?: AbortSignal): AbortSignal {
  const controller = new AbortController();
  // With a listener of its own a timeout stays until it has fired.
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
