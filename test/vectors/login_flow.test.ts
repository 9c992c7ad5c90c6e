// The login as JSON and what stands before it: client ids, PKCE, the steps of a flow.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { expectAnswer, runArea, send } from '../support/clients/vector_driver.ts';
import { type Vector, vectors } from '../support/clients/vectors.ts';
import { addUser } from '../support/fixtures/login.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';

const CLIENT = { client_id: 'https://example.com/app', redirect_uri: 'https://example.com/app/callback' };
const START = { ...CLIENT, handler: ['insecure_example', null] };
const RIGHT = { client_id: CLIENT.client_id, username: 'test-user', password: 'test-pass' };

let server: TestServer;
let user_id: string;
beforeAll(async () => {
  const users = [{ username: 'test-user', password: 'test-pass', name: 'Test Name' }];
  server = await startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, { type: 'insecure_example', name: 'Example', users }],
      http: { ip_ban_enabled: false },
    },
  });
  ({ user_id } = await addUser(server.container.database, 'test-user'));
});
afterAll(() => server.close());
beforeEach(() => change({ is_active: true, local_only: false }));

const kysely = () => server.container.database.kysely;
const change = (flags: { is_active?: boolean; local_only?: boolean }) =>
  kysely().updateTable('users').set(flags).where('id', '=', user_id).execute();
async function failures(): Promise<number> {
  const rows = await kysely().selectFrom('failed_logins').select('failures').execute();
  return rows.reduce((sum, row) => sum + row.failures, 0);
}
async function begin(from: { remote_address?: string } = {}): Promise<string> {
  return (await server.inject({ method: 'POST', url: '/auth/login_flow', json: START, ...from })).json().flow_id;
}
const answer = (flow_id: string, from: { remote_address?: string } = {}) =>
  server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: RIGHT, ...from });

async function run({ given, request, expect: want }: Vector): Promise<void> {
  const first = given.start_ip === undefined ? {} : { remote_address: given.start_ip };
  const then = given.remote === undefined ? {} : { remote_address: given.remote };
  const flow_id = given.flow ? await begin(first) : '';
  const { linked: _, ...flags } = given.user ?? {};
  if (given.user) await change(flags);
  if (given.after) expect((await answer(flow_id)).json().type).toBe('create_entry');
  const before = await failures();
  expectAnswer(await send(server, request, { ...then, words: { '{flow_id}': flow_id } }), want);
  if (want.counts_as_failed_login !== undefined) expect((await failures()) > before).toBe(want.counts_as_failed_login);
  if (want.flow_still_exists) expect((await answer(flow_id, first)).json().type).toBe('create_entry');
}

runArea('login-flow', run, {
  'login-flow-016': async () => {
    const ended = await answer(await begin());
    const { result: _, ...want } = vectors('login-flow').find(({ id }) => id === 'login-flow-016')!.expect;
    expectAnswer(ended, want);
    expect(ended.json().result).toMatch(/^lk_ac_[\w-]{43}$/);
  },
  'login-flow-019': async () => {
    await change({ local_only: true });
    const refused = await answer(await begin());
    expect([refused.statusCode, refused.json()]).toEqual([403, { message: 'Login blocked: User cannot authenticate remotely' }]);
    const at_home = { remote_address: '192.168.1.10' };
    expect((await answer(await begin(at_home), at_home)).json().type).toBe('create_entry');
  },
});

runArea('pkce', async ({ given, request, expect: want }) => {
  if (!given.code) return expectAnswer(await send(server, request), want);
  const json = { ...START, code_challenge: given.code.split(' ').at(-1), code_challenge_method: 'S256' };
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json })).json();
  const code = (await answer(flow_id)).json().result;
  expectAnswer(await send(server, request, { words: { CODE: code } }), want);
});

describe('client-id, at the start of a flow', () => {
  for (const { id, request, expect: want } of vectors('client-id').filter((vector) => vector.request.check === 'client_id')) {
    test(id, async () => {
      const started = await server.inject({ method: 'POST', url: '/auth/login_flow', json: { ...START, client_id: request.client_id } });
      const refusal = [400, { message: 'Invalid client id' }];
      expect([started.statusCode, started.json()]).toEqual(want.valid ? [200, expect.objectContaining({ type: 'form' })] : refusal);
    });
  }
});
