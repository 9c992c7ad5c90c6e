import { describe, expect, test } from 'vitest';
import { createSealer } from '../../src/secrets/sealer.ts';
import { createDpopNonces, NONCE_WINDOW } from '../../src/tokens/dpop_nonce.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { SEALER } from '../support/fixtures/grants.ts';
import { later, NOON } from '../support/fixtures/people.ts';

const time = createTestClock(NOON);
const nonces = createDpopNonces({ sealer: SEALER, clock: time.clock });
const OLD = 'the secret key that there was before';
const NEW = 'the secret key that there is from now';

const at = (seconds: number) => createDpopNonces({ sealer: SEALER, clock: () => later(seconds) });

describe('a nonce', () => {
  test.each([
    ['at once', 0, true],
    ['in its window', NONCE_WINDOW - 1, true],
    ['in the next window', 2 * NONCE_WINDOW - 1, true],
    ['after that', 2 * NONCE_WINDOW, false],
    ['at a replica whose clock is a moment behind', -1, true],
    ['long before', -2 * NONCE_WINDOW, false],
  ])('is good %s: %s %s', (_story, seconds, good) => {
    expect(at(seconds).isGood(nonces.current())).toBe(good);
  });

  test('is the same everywhere, another one in each window, and no counter', () => {
    expect(at(NONCE_WINDOW - 1).current()).toBe(nonces.current());
    expect(at(NONCE_WINDOW).current()).not.toBe(nonces.current());
    expect(nonces.current()).toMatch(/^[\w-]{43}$/);
  });

  test.each(['', 'x', nonces.current().slice(1), `${nonces.current()}=`, 5, null, undefined, [nonces.current()]])('is not %j', (nonce) => {
    expect(nonces.isGood(nonce)).toBe(false);
  });

  test('of another server is none of this server; while the key is being changed both are good', () => {
    const by = (secret_key: string, previous_secret_keys: string[] = []) =>
      createDpopNonces({ sealer: createSealer({ secret_key, previous_secret_keys }), clock: time.clock });
    expect(by(NEW).isGood(by(OLD).current())).toBe(false);
    expect(by(NEW, [OLD]).isGood(by(OLD).current())).toBe(true);
    expect(by(NEW, [OLD]).current()).toBe(by(NEW).current());
  });
});
