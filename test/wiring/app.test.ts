// The whole server: how it starts and how it ends.
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { type AddressInfo, createServer as createNetServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../src/http/server/log.ts';
import { type App, createApp } from '../../src/wiring/app.ts';
import type { AppOptions } from '../../src/wiring/container.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { OWNER, startServer, type TestServer, testConfig } from '../support/fixtures/server.ts';

let db: TestDatabase | undefined;
afterEach(async () => {
  await db?.close();
  db = undefined;
});

/** Resolves when the server has read the headers of so many more requests. */
function requestsBegun({ server }: TestServer, count: number): Promise<void> {
  let begun = 0;
  return new Promise((resolve) => {
    server.server.on('request', () => {
      begun += 1;
      if (begun === count) resolve();
    });
  });
}

describe('the end', () => {
  it('is announced to balancers while everybody is still served', async () => {
    const server = await startServer();
    expect((await server.request('/readyz')).status).toBe(200);
    server.app.drain();
    const [ready, alive, docs] = await Promise.all([
      server.request('/readyz'),
      server.request('/healthz'),
      server.request('/.well-known/jwks.json'),
    ]);
    expect([ready.status, alive.status, docs.status]).toEqual([503, 200, 200]);
    await server.close();
  });

  it('answers what is under way', async () => {
    const server = await startServer();
    await server.createOwner();
    const json = { client_id: 'https://app.example.com/', redirect_uri: 'https://app.example.com/', handler: ['homeassistant', null] };
    const post = (path: string, body: object) => server.request(path, { method: 'POST', body: JSON.stringify(body) });
    const flows = await Promise.all([1, 2, 3].map(async () => (await (await post('/auth/login_flow', json)).json()).flow_id));
    const { username, password } = OWNER;
    const begun = requestsBegun(server, flows.length);
    // Each takes a while: a password is checked.
    const answers = Promise.all(flows.map((id) => post(`/auth/login_flow/${id}`, { client_id: json.client_id, username, password })));
    await begun;
    await server.close();
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('may come twice', async () => {
    const server = await startServer();
    await server.app.close();
    expect(await server.app.close()).toBeUndefined();
    await server.close();
  });
});

describe('the start', () => {
  it('refuses a secret key that is not the one of the database', async () => {
    db = await createTestDatabase();
    const first = await startServer({ database: db.database });
    await first.close();
    const config = await testConfig({ secret_key: 'another key than the one that was used' });
    await expect(createApp({ config, log: createLog('silent'), database: db.database })).rejects.toThrow('secret_key');
  });

  it('shares the database with other replicas: what one issues another takes', async () => {
    db = await createTestDatabase();
    const [one, two] = [await startServer({ database: db.database }), await startServer({ database: db.database })];
    const { access_token } = await one.redeem(await one.createOwner());
    expect((await two.inject({ url: '/api/me', token: access_token })).statusCode).toBe(200);
    expect((await two.inject({ url: '/api/onboarding' })).json()).toEqual([{ step: 'user', done: true }]);
    await two.redeem(await one.login());
    await Promise.all([one.close(), two.close()]);
  });

  it('makes the first key of each algorithm before anybody is served, so the JWKS of every replica has what any of them signs with', async () => {
    db = await createTestDatabase();
    const options = { database: db.database, config: { listen: { host: '127.0.0.1', port: 0 } } };
    const servers = await Promise.all([1, 2, 3].map(() => startServer(options)));
    const published = await Promise.all(
      servers.map(async ({ app }) => {
        const address = await app.listen();
        const { keys } = (await (await fetch(`${address}/.well-known/jwks.json`)).json()) as { keys: { kid: string; alg: string }[] };
        return keys.map(({ kid, alg }) => `${alg} ${kid}`).sort();
      }),
    );
    expect(published[0]?.map((key) => key.split(' ')[0])).toEqual(['ES256', 'EdDSA', 'PS256', 'RS256']);
    expect(published).toEqual(servers.map(() => published[0]));
    await Promise.all(servers.map((server) => server.close()));
  });
});

describe('a start that fails leaves nothing behind: the embedded database stops', () => {
  let folder: string;
  let taken: Server;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-app-'));
    await chmod(folder, 0o711);
    taken = createNetServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
  });
  afterAll(async () => {
    taken.close();
    await rm(folder, { recursive: true, force: true });
  });

  const silent = createLog('silent');
  const failures: [string, Partial<AppOptions>, (app: App) => Promise<unknown>, string][] = [
    ['when the port is taken', {}, (app) => app.listen(), 'EADDRINUSE'],
    [
      'when a route fails',
      {},
      (app) => {
        app.server.register(async () => {
          throw new Error('no such route');
        });
        return app.listen();
      },
      'no such route',
    ],
    [
      'when the server cannot be built',
      {
        log: Object.assign(Object.create(silent), {
          child() {
            throw new Error('no child');
          },
        }),
      },
      (app) => app.listen(),
      'no child',
    ],
  ];
  it.each(failures)('%s', async (_story, options, start, words) => {
    const { port } = taken.address() as AddressInfo;
    const config = await testConfig({ data_dir: join(folder, 'data'), listen: { host: '127.0.0.1', port } });
    const failing = createApp({ config, log: silent, ...options }).then(start);
    await expect(failing).rejects.toThrow(words);
    await expect(readFile(join(folder, 'data/postgres/cluster/data/postmaster.pid'))).rejects.toThrow('ENOENT');
    expect((await stat(join(folder, 'data/postgres/cluster/data/PG_VERSION'))).isFile()).toBe(true);
  });
});

it('the log of a whole login holds no secret', async () => {
  const server = await startServer();
  const code = await server.createOwner();
  const tokens = await server.redeem(code);
  await server.inject({ url: `/api/me?access_token=${tokens.access_token}`, token: tokens.access_token });
  await server.inject({
    method: 'POST',
    url: '/auth/token',
    form: { grant_type: 'authorization_code', client_id: 'https://app.example.com/', code },
  });
  const log = server.lines.join('');
  // H25
  for (const secret of [code, tokens.access_token, tokens.refresh_token, OWNER.password, server.container.onboarding.setupToken()]) {
    expect(log).not.toContain(secret);
  }
  await server.close();
});
