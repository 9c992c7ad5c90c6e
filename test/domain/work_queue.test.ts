import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createWorkQueue } from '../../src/domain/work_queue.ts';

const busy = (detail: string) => expect.objectContaining({ code: 'unavailable', retry_after: 1, detail });

/** Work that ends when the test says so. */
function createWork() {
  const ends: (() => void)[] = [];
  return { ends, work: () => new Promise<void>((resolve) => ends.push(resolve)) };
}

describe('a work queue', () => {
  it('runs jobs in its slots, in the order they came', async () => {
    const inTurn = createWorkQueue({ slots: 2, queue_limit: 10, wait_ms: 10_000 });
    const { ends, work } = createWork();
    const order: number[] = [];
    const all = Promise.all([0, 1, 2, 3].map((number) => inTurn(work).then(() => order.push(number))));
    for (let ended = 0; ended < 4; ended += 1) {
      await turn();
      expect(ends.length).toBe(Math.min(4, ended + 2));
      ends[ended]!();
    }
    await all;
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it('refuses jobs at once when it is full', async () => {
    const inTurn = createWorkQueue({ slots: 1, queue_limit: 1, wait_ms: 10_000 });
    const { ends, work } = createWork();
    const accepted = [inTurn(work), inTurn(work)];
    await expect(inTurn(work)).rejects.toEqual(busy('the queue is full'));
    ends[0]!();
    await turn();
    ends[1]!();
    await Promise.all(accepted);
  });

  it('refuses a job after its maximum wait, and never starts it', async () => {
    const inTurn = createWorkQueue({ slots: 1, queue_limit: 5, wait_ms: 20 });
    const { ends, work } = createWork();
    const first = inTurn(work);
    await expect(inTurn(work)).rejects.toEqual(busy('waited too long'));
    ends[0]!();
    await first;
    expect(ends).toHaveLength(1);
    expect(await inTurn(async () => 'free again')).toBe('free again');
  });

  it('frees the slot of a failed job', async () => {
    const inTurn = createWorkQueue({ slots: 1, queue_limit: 1, wait_ms: 10_000 });
    await expect(inTurn(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await inTurn(async () => 'next')).toBe('next');
  });
});
