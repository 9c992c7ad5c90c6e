// Servers that are replaced one after the other behind a real balancer, while clients post on
// connections that are kept: nobody notices.
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BuiltServer, CLIENT_ID, createOwner, redeem, startBuiltServer, tokensOf } from '../support/fakes/built_server.ts';
import { freePort, type LoggingNginx, nginxMissing, startBalancer } from '../support/fakes/nginx.ts';
import { createEmptyDatabase } from '../support/fixtures/database.ts';

const CLIENTS = 12;
/** For which idle connections may hold up a server that was asked to stop. */
const IDLE_MS = 2_000;

const missing = nginxMissing();
if (missing !== null) console.log(`The rolling restart is skipped: ${missing}`);

// R8
describe.skipIf(missing !== null)('a rolling restart behind nginx', () => {
  let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
  let ports: number[];
  let servers: BuiltServer[];
  let nginx: LoggingNginx;
  let balanced: Pool;
  let form: string;

  const start = (port: number) => startBuiltServer({ database: database.connection, port });

  beforeAll(async () => {
    database = await createEmptyDatabase();
    ports = [await freePort(), await freePort()];
    servers = [await start(ports[0]!), await start(ports[1]!)];
    const { refresh_token } = tokensOf(await redeem(servers[0]!, await createOwner(servers[0]!)));
    form = new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token }).toString();
    nginx = await startBalancer(servers.map(({ url }) => url));
    balanced = new Pool(nginx.origin, { connections: CLIENTS });
  }, 120_000);
  afterAll(async () => {
    await balanced?.destroy();
    await nginx?.close();
    for (const server of servers ?? []) await server.kill();
    await database?.drop();
  });

  test('answers every POST', { timeout: 120_000 }, async () => {
    const statuses = new Map<number, number>();
    let over = false;
    async function client(): Promise<void> {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      while (!over) {
        const { statusCode, body } = await balanced.request({ path: '/auth/token', method: 'POST', headers, body: form });
        await body.dump();
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
      }
    }
    const clients = Promise.all(Array.from({ length: CLIENTS }, client));
    for (const [index, port] of ports.entries()) {
      // Connections are kept to both.
      const answered = statuses.get(200) ?? 0;
      await expect.poll(() => statuses.get(200) ?? 0, { timeout: 30_000 }).toBeGreaterThan(answered + 100);
      expect(await servers[index]!.stop()).toBe(0);
      servers[index] = await start(port);
    }
    over = true;
    await clients;
    const failures = nginx.errors().match(/.*(recv|send|no live|prematurely).*/g) ?? [];
    expect({ statuses: [...statuses.keys()], failures }).toEqual({ statuses: [200], failures: [] });
    expect(statuses.get(200)).toBeGreaterThan(100);
  });

  test('a server whose connections are idle ends within two seconds', { timeout: 60_000 }, async () => {
    await Promise.all(Array.from({ length: 10 }, () => servers[0]!.request('/healthz')));
    const asked = performance.now();
    expect(await servers[0]!.stop()).toBe(0);
    expect(performance.now() - asked).toBeLessThan(IDLE_MS + 1_000);
  });
});
