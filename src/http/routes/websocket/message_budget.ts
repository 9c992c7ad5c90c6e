// Limits what one connection sends: a bucket of messages, and the bytes that wait for their turn.

/** A front-end that starts sends about a hundred commands at once. */
const BURST = 500;
const PER_SECOND = 50;
/** Two messages of the maximum size. */
const MAX_WAITING_BYTES = 128 * 1024;

export function createMessageBudget(now: () => number = () => performance.now()) {
  let left = BURST;
  let filled_at = now();
  let waiting = 0;
  return {
    /** False if more messages arrived than the rate allows. */
    spend(messages: number): boolean {
      const time = now();
      left = Math.min(BURST, left + ((time - filled_at) / 1000) * PER_SECOND);
      filled_at = time;
      left -= messages;
      return left >= 0;
    },

    /** False if too much waits. */
    hold(bytes: number): boolean {
      waiting += bytes;
      return waiting <= MAX_WAITING_BYTES;
    },

    free(bytes: number): void {
      waiting -= bytes;
    },
  };
}
