// Stop signals of a server.
import type { Io } from './command.ts';

export interface StopRequests {
  /** The first signal. */
  first: Promise<NodeJS.Signals>;
  /** A repeated signal, which forces the exit. */
  again: Promise<void>;
  /** Removes the signal handlers. */
  release(): void;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** npm and some service managers repeat a signal that this process already got. */
const SAME_REQUEST_MS = 500;

/** Handles stop signals. */
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
