// How a server is asked to stop, and how long its stopping may take. Called by serve.
import type { Io } from './command.ts';

export interface StopRequests {
  /** The first request. */
  first: Promise<NodeJS.Signals>;
  /** Somebody asks again and will not wait. */
  again: Promise<void>;
  /** Stops listening to signals. */
  release(): void;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** npm and some service managers pass on a signal that has reached us already: that is not somebody asking again. */
const SAME_REQUEST_MS = 500;

/** Listens to what a service manager, a container or Ctrl-C asks. */
export function listenForStop(signals: Io['signals']): StopRequests {
  let asked_at: number | undefined;
  let release = () => {};
  const again = new Promise<void>((askedAgain) => {
    const listener = () => {
      asked_at ??= performance.now();
      if (performance.now() - asked_at > SAME_REQUEST_MS) askedAgain();
    };
    for (const signal of SIGNALS) signals.on(signal, listener);
    release = () => {
      for (const signal of SIGNALS) signals.off(signal, listener);
    };
  });
  const first = new Promise<NodeJS.Signals>((asked) => {
    for (const signal of SIGNALS) signals.once(signal, asked);
  });
  return { first, again, release: () => release() };
}
