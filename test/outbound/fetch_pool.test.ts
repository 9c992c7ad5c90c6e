import { describe, expect, it } from 'vitest';
import { createFetchPool } from '../../src/outbound/fetch_pool.ts';
import { createTestClock } from '../support/fixtures/clock.ts';

/** A fetch that ends on request, or is aborted. */
function slowFetch() {
  let finish: (answer: string) => void = () => {};
  const fetch = (signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      finish = resolve;
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  return { fetch, finish: () => finish('document') };
}

const outcome = (answer: Promise<string>) => answer.catch((error: Error & { code?: string }) => error.code ?? error.message);

// S17
describe('a pool of fetches', () => {
  it('is not filled by sixteen addresses: one more address takes a place of those that have most', async () => {
    const pool = createFetchPool(createTestClock().clock);
    const slow = Array.from({ length: 32 }, slowFetch);
    const running = slow.map(({ fetch }, n) => outcome(pool.run(`198.51.100.${n % 16}`, fetch)));
    expect(await pool.run('203.0.113.1', async () => 'document')).toBe('document');
    for (const { finish } of slow) finish();
    expect((await Promise.all(running)).toSorted()).toEqual(['aborted', ...Array(31).fill('document')]);
  });

  it('gives one address, or one /64, four places', async () => {
    const pool = createFetchPool(createTestClock().clock);
    const slow = Array.from({ length: 5 }, slowFetch);
    const running = slow.map(({ fetch }, n) => outcome(pool.run(`2001:db8::${n}`, fetch)));
    for (const { finish } of slow) finish();
    expect(await Promise.all(running)).toEqual([...Array(4).fill('document'), 'too_many_requests']);
    expect(await pool.run('2001:db8::1', async () => 'document')).toBe('document');
  });

  it('that is full of addresses with one quick fetch each refuses for a moment', async () => {
    const pool = createFetchPool(createTestClock().clock);
    const slow = Array.from({ length: 32 }, slowFetch);
    const running = slow.map(({ fetch }, n) => outcome(pool.run(`198.51.100.${n}`, fetch)));
    await expect(pool.run('203.0.113.1', async () => 'document')).rejects.toMatchObject({ code: 'unavailable', retry_after: 1 });
    for (const { finish } of slow) finish();
    expect(new Set(await Promise.all(running))).toEqual(new Set(['document']));
  });
});
