import { beforeEach, expect, it } from 'vitest';
import { type CircuitBreaker, createCircuitBreaker } from '../../src/domain/circuit_breaker.ts';
import { createTestClock } from '../support/fixtures/clock.ts';

let time: ReturnType<typeof createTestClock>;
let call: CircuitBreaker;
let calls: number;

beforeEach(() => {
  time = createTestClock();
  call = createCircuitBreaker({ clock: time.clock, failures: 3, pause: 30, calls: 2 });
  calls = 0;
});

const works = async () => {
  calls += 1;
  return 'answer';
};
const fails = async () => {
  calls += 1;
  throw new Error('down');
};
const fail = () => expect(call(fails)).rejects.toThrow('down');
function later() {
  let resolve: (answer: string) => void = () => {};
  const promise = new Promise<string>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: (answer: string) => resolve(answer) };
}
const notTried = { code: 'unavailable' };
async function open(): Promise<void> {
  for (let failure = 0; failure < 3; failure += 1) await fail();
  calls = 0;
}

it('returns and throws what the call returns and throws', async () => {
  expect(await call(works)).toBe('answer');
  await fail();
});

it('rejects calls after consecutive failures, and says when it retries', async () => {
  await open();
  time.advance(10);
  await expect(call(works)).rejects.toMatchObject({ ...notTried, retry_after: 20 });
  expect(calls).toBe(0);
});

it('does not count failures that were not in a row', async () => {
  for (let round = 0; round < 5; round += 1) {
    await fail();
    await fail();
    await call(works);
  }
  expect(calls).toBe(15);
});

// X32
it('admits one trial call after the pause, and all calls if it succeeded', async () => {
  await open();
  time.advance(30);
  const { promise, resolve } = later();
  const trial = call(() => promise);
  await expect(call(works)).rejects.toMatchObject(notTried);
  resolve('back');
  expect(await trial).toBe('back');
  expect(await call(works)).toBe('answer');
});

it('waits as long again after a failed trial', async () => {
  await open();
  time.advance(30);
  await fail();
  time.advance(29);
  await expect(call(works)).rejects.toMatchObject(notTried);
  time.advance(1);
  expect(await call(works)).toBe('answer');
});

it('limits parallel calls, and does not count rejected ones as failures', async () => {
  const { promise, resolve } = later();
  const running = [call(() => promise), call(() => promise)];
  for (let time = 0; time < 5; time += 1) await expect(call(works)).rejects.toMatchObject({ ...notTried, retry_after: 1 });
  resolve('done');
  expect(await Promise.all(running)).toEqual(['done', 'done']);
  expect(await call(works)).toBe('answer');
});
