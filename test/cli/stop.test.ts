import { EventEmitter } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { listenForStop } from '../../src/cli/stop.ts';

/** Whether a promise is resolved by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([promise.then(() => true), Promise.resolve(false).then(() => false)])) === true;
}

test('a signal that arrives twice at once is one request; a later one asks again', async () => {
  const signals = new EventEmitter();
  const stop = listenForStop(signals);
  signals.emit('SIGTERM', 'SIGTERM');
  signals.emit('SIGTERM', 'SIGTERM');
  expect(await stop.first).toBe('SIGTERM');
  expect(await isDone(stop.again)).toBe(false);
  // The monotonic clock decides here, which no test can set.
  await pause(550);
  signals.emit('SIGINT', 'SIGINT');
  await stop.again;
  stop.release();
  expect(signals.eventNames()).toEqual([]);
});
