import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { deadline } from '../../src/domain/deadline.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Holds on to the signal by nothing but a listener, as a request does. */
const reasonOf = (signal: AbortSignal) =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason), { once: true }));

it('fires even if garbage is collected meanwhile', async () => {
  const reasons = [deadline(50), deadline(50, new AbortController().signal)].map(reasonOf);
  // What is made in a task is held until that ends.
  await new Promise(setImmediate);
  collectGarbage();
  expect(await Promise.all(reasons)).toEqual([
    expect.objectContaining({ name: 'TimeoutError' }),
    expect.objectContaining({ name: 'TimeoutError' }),
  ]);
});

it('aborts as soon as the other signal does', async () => {
  const controller = new AbortController();
  const signal = deadline(60_000, controller.signal);
  const aborted = once(signal, 'abort');
  controller.abort(new Error('enough'));
  await aborted;
  expect(signal.reason).toEqual(new Error('enough'));
  expect(deadline(60_000, controller.signal)).toMatchObject({ aborted: true, reason: new Error('enough') });
});
