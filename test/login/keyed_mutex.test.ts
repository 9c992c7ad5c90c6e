import { setImmediate as tick } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createKeyedMutex } from '../../src/login/keyed_mutex.ts';

const WAIT_MS = 5_000;

it('work for one key runs one after another, in the order it came', async () => {
  const turns = createKeyedMutex(10);
  const events: string[] = [];
  const work = (name: string) => async () => {
    events.push(`${name} starts`);
    await tick();
    events.push(`${name} ends`);
  };
  await Promise.all(['a', 'b', 'c'].map((name) => turns.take('key', work(name), WAIT_MS)));
  expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
});

it('work for other keys does not wait, and a failure blocks nobody', async () => {
  const turns = createKeyedMutex(10);
  const never = new Promise<void>(() => {});
  void turns.take('stuck', () => never, WAIT_MS);
  const failing = turns.take('key', () => Promise.reject(new Error('no')), WAIT_MS);
  const next = turns.take('key', async () => 'next', WAIT_MS);
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('next');
});

it('waiting is bounded; freed room is used again', async () => {
  const turns = createKeyedMutex(1);
  let finish = () => {};
  const running = turns.take(
    'key',
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
    WAIT_MS,
  );
  const waiting = turns.take('key', async () => 'waited', WAIT_MS);
  expect(turns.isFull('key')).toBe(true);
  await expect(turns.take('key', async () => 'late', WAIT_MS)).rejects.toMatchObject({ code: 'too_many_requests', retry_after: 1 });
  await tick();
  finish();
  await running;
  expect(await waiting).toBe('waited');
  expect(await turns.take('key', async () => 'again', WAIT_MS)).toBe('again');
});

// R13
it('work that hangs leaves nobody waiting forever, and work that gave up never runs', async () => {
  const turns = createKeyedMutex(10);
  let finish = () => {};
  const hanging = turns.take('key', () => new Promise<void>((resolve) => (finish = resolve)), WAIT_MS);
  const ran: number[] = [];
  const behind = Array.from({ length: 9 }, (_, n) => turns.take('key', async () => ran.push(n), 20));
  const answers = await Promise.allSettled(behind);
  expect(answers.map((answer) => answer.status === 'rejected' && answer.reason)).toEqual(
    behind.map(() => expect.objectContaining({ code: 'unavailable', status: 503, retry_after: 5 })),
  );
  expect(turns.isBusy('key')).toBe(true);
  const last = turns.take('key', async () => 'last', WAIT_MS);
  finish();
  await hanging;
  expect([await last, ran, turns.isBusy('key')]).toEqual(['last', [], false]);
});
