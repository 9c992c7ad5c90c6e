// A request that waits is answered in time, in its route's dialect; whatever it waits for.
import { expect, it, vi } from 'vitest';
import { createBareServer } from '../../support/fakes/bare_server.ts';

const forever = () => new Promise<never>(() => {});

function server() {
  return createBareServer(async (app) => {
    app.get('/database', { config: { answers: 'oauth', database_only: true } }, forever);
    app.get('/provider', { config: { answers: 'api' } }, forever);
    app.get('/hook', { config: { database_only: true }, onRequest: forever }, async () => 'never');
    app.get('/quick', async () => 'here');
  });
}

// R4
it.each([
  ['/database', 4.5],
  ['/hook', 4.5],
  ['/provider', 15],
])('%s is answered 503 with Retry-After after %s seconds', async (url, seconds) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const { app, events, lines } = server();
    await app.ready();
    let answered = false;
    const answer = app.inject(url).finally(() => {
      answered = true;
    });
    // The request has passed its hooks.
    await app.inject('/quick');
    vi.advanceTimersByTime(seconds * 1000 - 250);
    await app.inject('/quick');
    expect(answered).toBe(false);
    vi.advanceTimersByTime(250);
    const { statusCode, headers, body } = await answer;
    expect([statusCode, headers['retry-after']]).toEqual([503, '5']);
    if (url === '/database') expect(JSON.parse(body)).toMatchObject({ error: 'temporarily_unavailable' });
    expect(events).toMatchObject([{ type: 'request.refused', detail: { detail: `no answer within ${seconds} seconds` } }]);
    expect(lines.filter((line) => line.includes('"msg":"request failed"'))).toHaveLength(1);
    await app.close();
  } finally {
    vi.useRealTimers();
  }
});
