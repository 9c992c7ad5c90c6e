import { setImmediate as tick } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createTurns } from '../../src/login/turns.ts';

it('work for one key runs one after another, in the order it came', async () => {
  const turns = createTurns(10);
  const events: string[] = [];
  const work = (name: string) => async () => {
    events.push(`${name} starts`);
    await tick();
    events.push(`${name} ends`);
  };
  await Promise.all(['a', 'b', 'c'].map((name) => turns.take('key', work(name))));
  expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
});

it('work for other keys does not wait, and a failure holds nobody up', async () => {
  const turns = createTurns(10);
  const never = new Promise<void>(() => {});
  void turns.take('stuck', () => never);
  const failing = turns.take('key', () => Promise.reject(new Error('no')));
  const next = turns.take('key', async () => 'next');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('next');
});

it('only so many wait; room made is room again', async () => {
  const turns = createTurns(1);
  let finish = () => {};
  const running = turns.take(
    'key',
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  const waiting = turns.take('key', async () => 'waited');
  expect(turns.isFull('key')).toBe(true);
  await expect(turns.take('key', async () => 'late')).rejects.toMatchObject({ code: 'too_many_requests', retry_after: 1 });
  await tick();
  finish();
  await running;
  expect(await waiting).toBe('waited');
  expect(await turns.take('key', async () => 'again')).toBe('again');
});
