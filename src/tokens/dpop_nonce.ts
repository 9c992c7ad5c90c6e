// Nonces for proofs of possession (RFC 9449 section 8): a proof that names one of ours was made just now, so nobody who once had the key for a moment
// can have made proofs ahead. Nothing is stored: a nonce is a keyed hash of its window of time, the same at every replica and for every client.
import { createHmac } from 'node:crypto';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import { safeEqual } from '../domain/secret.ts';
import type { Sealer } from '../secrets/sealer.ts';

/** Seconds for which one is given out; it is taken for as long again. */
export const NONCE_WINDOW = 120;

/** The window before; this one; the next one, too, which begins earlier at a replica whose clock is a little ahead. */
const GOOD_WINDOWS = [-1, 0, 1];

export type DpopNonces = ReturnType<typeof createDpopNonces>;

export function createDpopNonces({ sealer, clock }: { sealer: Pick<Sealer, 'subKey' | 'subKeys'>; clock: Clock }) {
  const key = sealer.subKey('dpop_nonce');
  // While secret_key is being changed, replicas hand out nonces by either.
  const keys = sealer.subKeys('dpop_nonce');
  const currentWindow = () => Math.floor(epochSeconds(clock()) / NONCE_WINDOW);
  return {
    /** What proofs should name from now on. */
    current: (): string => nonceOf(key, currentWindow()),

    /** Whether we handed this out a moment ago. */
    isGood(nonce: unknown): boolean {
      if (typeof nonce !== 'string') return false;
      const window = currentWindow();
      return keys.some((key) => GOOD_WINDOWS.some((distance) => safeEqual(nonce, nonceOf(key, window + distance))));
    },
  };
}

function nonceOf(key: Buffer, window: number): string {
  return createHmac('sha256', key).update(String(window)).digest('base64url');
}
