// Who reads /metrics on a whole server: nobody until it is switched on, then who has the token or
// reaches the listen address of its own.
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../support/fixtures/server.ts';

const TOKEN = 'a-long-scrape-token';
const WITH_TOKEN = { authorization: `Bearer ${TOKEN}` };

async function serverWith(config: Record<string, unknown>) {
  const server = await startServer({ config });
  onTestFinished(() => server.close());
  const status = async (headers = {}) => (await server.inject({ url: '/metrics', headers })).statusCode;
  return { ...server, status };
}

// S19
test('nobody, by default', async () => {
  const { status } = await serverWith({});
  expect(await status()).toBe(404);
});

// S19
test('who has the token, where everything else is served', async () => {
  const { status } = await serverWith({ metrics: { enabled: true, token: TOKEN } });
  expect([await status(), await status(WITH_TOKEN)]).toEqual([401, 200]);
});

// S19
test.each([
  ['anybody who reaches it', {}, 200],
  ['who has the token', { token: TOKEN }, 401],
])('an address of its own: %s, and nothing else is there', async (_who, token, without_token) => {
  const listen = { host: '127.0.0.1', port: 0 };
  const { app, lines, status } = await serverWith({ listen, metrics: { enabled: true, listen, ...token } });
  const address = await app.listen();
  const own = /metrics at (http:\S+)\/metrics/.exec(lines.join('\n'))?.[1];
  expect(own).not.toBe(address);
  expect(await status(WITH_TOKEN)).toBe(404);
  const ask = async (path: string, headers = {}) => (await fetch(`${own}${path}`, { headers })).status;
  expect(await ask('/metrics')).toBe(without_token);
  expect(await ask('/metrics', WITH_TOKEN)).toBe(200);
  expect([await ask('/auth/login_flow'), await ask('/api/me'), await ask('/')]).toEqual([404, 404, 404]);
  await app.close();
  await expect(fetch(`${own}/metrics`)).rejects.toThrow();
});
