// After the machine has slept, no request is answered by a time that is still being corrected.
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { expect, it } from 'vitest';
import { createBareServer } from '../support/fakes/bare_server.ts';

// D31
it('a request waits until the time is known again, whatever it asks; monitoring does not', async () => {
  let settle = () => {};
  const settling = new Promise<void>((resolve) => (settle = resolve));
  const routes = async (app: FastifyInstance) => {
    app.get('/timed', async () => 'here');
    app.get('/alive', { config: { monitoring: true } }, async () => 'alive');
  };
  const { app } = createBareServer(routes, { settleClock: () => settling });
  let answered = false;
  const waiting = Promise.resolve(app.inject('/timed')).finally(() => (answered = true));
  expect((await app.inject('/alive')).body).toBe('alive');
  await turn();
  expect(answered).toBe(false);
  settle();
  expect((await waiting).body).toBe('here');
  await app.close();
});
