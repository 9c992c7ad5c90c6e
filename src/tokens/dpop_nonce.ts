// DPoP nonces (RFC 9449 section 8), which prevent proofs made in advance. Nothing is stored: a
// nonce is a keyed hash of its time window, equal on every replica and for every client.
import { createHmac } from 'node:crypto';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import { safeEqual } from '../domain/secret.ts';
import type { Sealer } from '../secrets/sealer.ts';

/** Seconds for which a nonce is issued; it is accepted for as long again. */
export const NONCE_WINDOW = 120;

/**
 * The previous window, the current one, and the next, which starts earlier on a replica whose clock
 * is ahead.
 */
const GOOD_WINDOWS = [-1, 0, 1];

export type DpopNonces = ReturnType<typeof createDpopNonces>;

export function createDpopNonces({ sealer, clock }: { sealer: Pick<Sealer, 'subKey' | 'subKeys'>; clock: Clock }) {
  const key = sealer.subKey('dpop_nonce');
  // During a change of secret_key, replicas issue nonces with either key.
  const keys = sealer.subKeys('dpop_nonce');
  const currentWindow = () => Math.floor(epochSeconds(clock()) / NONCE_WINDOW);
  return {
    /** The current nonce. */
    current: (): string => nonceOf(key, currentWindow()),

    /** Whether the nonce was issued recently. */
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
