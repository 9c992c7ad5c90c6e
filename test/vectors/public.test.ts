// What anybody may ask: well-known documents, the list of providers, from where and by whom.
import type { FastifyPluginAsync } from 'fastify';
import { afterEach, expect } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { readRegistry } from '../../src/wiring/registry.ts';
import { byId, expectAnswer, runArea, send } from '../support/clients/vector_driver.ts';
import type { Vector } from '../support/clients/vectors.ts';
import { createBareServer } from '../support/fakes/bare_server.ts';
import { schemasOf, startServer, type TestRequest, type TestServer, testConfig } from '../support/fixtures/server.ts';
import { addSomeone, example } from '../support/fixtures/someone.ts';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(config: Record<string, unknown> = {}): Promise<TestServer> {
  server = await startServer({ config });
  return server;
}

// The server has one address; in each case it is the one that was asked.
runArea('well-known', async ({ given, request, expect: want }) => {
  await start({ public_url: `https://${given.host}` });
  expectAnswer(await send(server!, request, { headers: { host: given.host } }), want);
});

async function providersTo({ given, request, expect: want }: Vector): Promise<void> {
  const groups = [{ id: 'system-group', name: 'System', policy: {} }];
  await start({ auth_providers: given.providers, groups });
  await server!.createOwner();
  expectAnswer(await send(server!, request, { remote_address: given.remote }), want);
}

runArea(
  'providers',
  byId({
    'providers-001': providersTo,
    'providers-004': providersTo,
    'providers-006': providersTo,
    'providers-007': providersTo,
    'providers-011': async ({ given, expect: want }) => {
      await start({ auth_providers: given.config });
      await server!.createOwner();
      expect((await server!.inject({ url: '/auth/providers' })).json().providers).toEqual(want.value);
    },
    'providers-012': async ({ given }) => {
      const blocks = given.config.map((block: object) => ({ ...block, users: [] }));
      await expect(testConfig({ auth_providers: blocks })).rejects.toThrow('another provider has this type and id');
      await expect(testConfig({ auth_providers: blocks.slice(1) }, [])).rejects.toThrow('insecure_example');
    },
    'providers-013': async ({ given }) => {
      await expect(testConfig({ auth_providers: given.config })).rejects.toThrow('the local provider takes no id');
    },
    'providers-014': async ({ expect: want }) => {
      const { providers, mfa_modules } = await readRegistry();
      const types = { provider_types: schemasOf(providers), mfa_module_types: schemasOf(mfa_modules) };
      const config = await loadConfig({ file: undefined, env: {}, ...types });
      expect(config.auth_providers).toMatchObject(want.providers);
      const [{ name, ...totp }] = want.mfa_modules;
      expect(config.auth_mfa_modules).toMatchObject([totp]);
      expect(mfa_modules.get('totp')?.default_name).toBe(name);
    },
  }),
);

runArea('cors', async ({ given, request, expect: want }) => {
  await start({ http: given });
  expectAnswer(await send(server!, request), want);
});

// Home Assistant's tests call a view of theirs at /; here GET /api/ asks for a bearer.
runArea('http-auth', async ({ given, request, expect: want }) => {
  const { trusted_networks } = given;
  const trusted = trusted_networks ? [{ type: 'trusted_networks', trusted_networks }] : [];
  await start({ auth_providers: [{ type: 'homeassistant' }, example('someone'), ...trusted] });
  const { access_token } = await addSomeone(server!, 'someone');
  if (given.user) await server!.container.database.kysely.updateTable('users').set(given.user).execute();
  const words = Object.fromEntries(['Bearer T', 'BEARER T', 'T'].map((text) => [text, text.replace(/T$/, access_token)]));
  const from: Partial<TestRequest> = given.remote === undefined ? {} : { remote_address: given.remote };
  expectAnswer(await send(server!, { ...request, path: request.path.replace('/', '/api/') }, { words, ...from }), want);
});

const bansOf = ({ container }: TestServer) => container.database.kysely.selectFrom('ip_bans').select('address').execute();
const fail = (times: number, remote_address: string) =>
  Promise.all(Array.from({ length: times }, () => server!.inject({ method: 'POST', url: '/auth/token', form: {}, remote_address })));

runArea(
  'ip-ban',
  async ({ given, request, expect: want }) => {
    await start();
    for (const address of given.banned) await fail(10, address);
    expectAnswer(await send(server!, request, { remote_address: given.remote }), want);
  },
  {
    'ip-ban-003': async () => {
      await start();
      expect((await server!.inject({ url: '/nothing', remote_address: '4.3.2.1' })).statusCode).toBe(404);
    },
    'ip-ban-005': async () => {
      await start({ http: { login_attempts_threshold: 1, trusted_proxies: ['172.30.32.2'] } });
      for (const remote_address of ['127.0.0.1', '172.30.32.2']) await fail(2, remote_address);
      expect(await bansOf(server!)).toEqual([]);
    },
    'ip-ban-009': async () => {
      await start();
      await fail(30, '200.201.202.204');
      expect(await bansOf(server!)).toEqual([{ address: '200.201.202.204' }]);
    },
  },
);

const who: FastifyPluginAsync = async (app) => {
  app.get('/who', async ({ remote_address: remote, scheme }) => ({ remote, scheme }));
};

// Nothing on the wire tells what the server makes of these headers, so one route more is there to
// say it.
runArea('forwarded', async ({ given, request, expect: want }) => {
  const { app } = createBareServer(who, { trusted_proxies: given.use_x_forwarded_for === false ? [] : given.trusted_proxies });
  const answer = await app.inject({ url: '/who', remoteAddress: given.peer, headers: request });
  expect(answer.statusCode).toBe(want.status ?? 200);
  const { basis: _, status, ...seen } = want;
  if (status === undefined) expect(answer.json()).toMatchObject(seen);
});
