// The owner tries providers: their real flows, what they say, who the login would be. Nothing is
// written.
import bcrypt from '@node-rs/bcrypt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SIGNING_ALGORITHMS } from '../../../src/domain/client.ts';
import { tableChecksums } from '../../support/checks/table_checksums.ts';
import { backFrom, elsewhere } from '../../support/fakes/elsewhere.ts';
import { provider as insecureExample } from '../../support/fakes/insecure_example.ts';
import { speaking } from '../../support/fakes/speaking_provider.ts';
import { type Call, callerWith } from '../../support/fixtures/api.ts';
import { addUser } from '../../support/fixtures/login.ts';
import { startServer, type TestServer } from '../../support/fixtures/server.ts';
import { addSomeone, example, PASSWORD } from '../../support/fixtures/someone.ts';

const { type: speakingType, says } = speaking();
const ANSWER = { username: 'x', password: 'y' };

let server: TestServer;
let owner: Call;
let admin: Call;
let before: Record<string, unknown>;
const sums = () => tableChecksums(server.container.database, ['audit_events']);
beforeAll(async () => {
  const block = { type: 'speaking', groups: { staff: ['system-read-only'], bosses: ['system-admin'] } };
  server = await startServer({
    config: {
      auth_providers: [
        { type: 'homeassistant' },
        example('ann', 'admin'),
        { type: 'elsewhere', id: 'far', new_users: 'activate' },
        { ...block, id: 'synced', sync_groups: true },
        { ...block, id: 'refusing', new_users: 'refuse' },
        { type: 'trusted_networks', trusted_networks: ['192.168.0.0/24'] },
      ],
    },
    extra_provider_types: [insecureExample, elsewhere, speakingType],
  });
  // Made in the background otherwise, at some time during the tests.
  for (const algorithm of SIGNING_ALGORITHMS) await server.container.keyring.ready(algorithm);
  owner = callerWith(server, (await server.ownerTokens()).access_token);
  admin = callerWith(server, (await addSomeone(server, 'admin', { group_ids: ['system-admin'] })).access_token);
  await addUser(server.container.database, 'ann', { local_only: true });
  await owner('GET', '/api/me');
  await server.container.lastUsed.flush();
});
afterAll(() => server.close());
beforeEach(async () => {
  before = await sums();
});
afterEach(async () => {
  await server.container.audit.flush();
  expect(await sums()).toEqual(before);
});

async function tryOut(provider: string, body: object = {}, by = owner) {
  const answer = await by('POST', `/api/providers/${provider}/test`, body);
  return { status: answer.statusCode, ...answer.json() };
}
async function logInAt(provider: string, values: object = ANSWER) {
  const { flow_state } = await tryOut(provider);
  return await tryOut(provider, { flow_state, values });
}
const identity = (subject: string, differs: object = {}) => ({ subject, data: {}, name: subject, amr: ['pwd'], ...differs });

describe('a test', () => {
  it('shows each step, the identity, and the user it would log in', async () => {
    const form = await tryOut('insecure_example');
    expect(form).toMatchObject({ status: 200, type: 'form', step_id: 'init', errors: null, flow_state: expect.any(String) });
    const wrong = await tryOut('insecure_example', { flow_state: form.flow_state, values: { username: 'ann', password: 'wrong' } });
    expect(wrong).toMatchObject({ type: 'form', errors: { base: 'invalid_auth' } });
    const found = await tryOut('insecure_example', { flow_state: wrong.flow_state, values: { username: 'ann', password: PASSWORD } });
    expect(found).toEqual({
      status: 200,
      type: 'identity',
      identity: { subject: 'ann', data: { username: 'ann' }, name: null, amr: ['pwd'] },
      foreseen: {
        outcome: 'existing_user',
        user: { id: expect.stringMatching(/^[0-9a-f]{32}$/), name: 'ann', is_active: true, local_only: true, group_ids: [] },
        refusal: 'User cannot authenticate remotely',
      },
    });
  });

  it('may start with the answer', async () => {
    expect(await tryOut('insecure_example', { values: { username: 'ann', password: PASSWORD } })).toMatchObject({ type: 'identity' });
  });

  it('leads to another server, and continues only with its return', async () => {
    const away = await tryOut('elsewhere:far');
    expect(away).toMatchObject({ type: 'external', url: expect.stringContaining('https://elsewhere.example.com/?state=') });
    expect(away.url).toContain(encodeURIComponent('https://auth.example.com/auth/callback/elsewhere:far'));
    const back = Object.fromEntries(new URLSearchParams(backFrom(away.url, { who: 'zoe' }).split('?')[1]));
    // Of no flow of this server: the page there says that it does not know it.
    expect((await server.inject({ url: backFrom(away.url, { who: 'zoe' }) })).statusCode).toBe(404);
    for (const values of [{ who: 'zoe' }, { ...back, state: `${back.state}x` }])
      expect(await tryOut('elsewhere:far', { flow_state: away.flow_state, values })).toMatchObject({ status: 400, code: 'invalid_input' });
    const found = await tryOut('elsewhere:far', { flow_state: away.flow_state, values: back });
    const user = { id: null, name: 'zoe', is_active: true, local_only: false, group_ids: ['system-users'] };
    expect(found.foreseen).toEqual({ outcome: 'new_user', user, refusal: null });
  });

  it('reports a provider that admits nobody from this address', async () => {
    expect(await tryOut('trusted_networks')).toMatchObject({ type: 'abort', reason: 'not_allowed', detail: expect.any(String) });
  });

  it('does not rehash an old hash', async () => {
    const password_hash = await bcrypt.hash('a good long password', 4);
    await server.container.database.kysely.updateTable('local_logins').set({ password_hash }).where('username', '=', 'ada').execute();
    before = await sums();
    expect(await logInAt('homeassistant', { username: 'ada', password: 'a good long password' })).toMatchObject({
      type: 'identity',
      foreseen: { outcome: 'existing_user', refusal: null },
    });
  });
});

describe('it predicts', () => {
  it('a new user who waits, with the groups and the name they would have', async () => {
    says(identity('bo', { name: 'Bo\u202e', groups: ['staff', 'unknown'], local_only: true }));
    const user = { id: null, name: 'Bo', is_active: false, local_only: true, group_ids: ['system-users', 'system-read-only'] };
    const { foreseen } = await logInAt('speaking:synced');
    expect(foreseen).toEqual({ outcome: 'new_user', user, refusal: 'User is not active' });
  });

  it('that nobody new comes in where the provider refuses them', async () => {
    says(identity('bo'));
    const { foreseen } = await logInAt('speaking:refusing');
    expect(foreseen).toEqual({ outcome: 'refused', user: null, refusal: 'New users are not allowed' });
  });

  it("a user whom the provider picks, and no machine or stranger's", async () => {
    const { id } = (await owner('GET', '/api/me')).json();
    says(identity(id, { user_id: id }));
    expect((await logInAt('speaking:synced')).foreseen).toMatchObject({ outcome: 'linked_user', user: { id }, refusal: null });
    says(identity('gone', { user_id: '0'.repeat(32) }));
    expect((await logInAt('speaking:synced')).foreseen).toEqual({ outcome: 'refused', user: null, refusal: 'User is not active' });
  });

  it('exactly what the login then does', async () => {
    says(identity('cleo', { groups: ['staff'] }));
    const { foreseen } = await logInAt('speaking:synced');
    const how = { handler: ['speaking', 'synced'] as [string, string] };
    await expect(server.login(ANSWER, how)).rejects.toThrow(`Login blocked: ${foreseen.refusal}`);
    const made = (await owner('GET', '/api/users')).json().items.find(({ name }: { name: string }) => name === 'cleo');
    expect({ ...foreseen.user, id: made.id, group_ids: foreseen.user.group_ids.toSorted() }).toEqual({
      id: made.id,
      name: made.name,
      is_active: made.is_active,
      local_only: made.local_only,
      group_ids: made.group_ids,
    });
    await owner('POST', `/api/users/${made.id}/approve`, {});
    says(identity('cleo', { groups: ['bosses'] }));
    const { foreseen: next } = await logInAt('speaking:synced');
    expect(next).toMatchObject({ outcome: 'existing_user', refusal: null, user: { group_ids: ['system-admin', 'system-users'] } });
    await server.login(ANSWER, how);
    expect((await server.container.users.get(made.id)).group_ids).toEqual(next.user.group_ids);
    before = await sums();
  });
});

describe('a test is refused', () => {
  it('to everybody but the owner', async () => {
    expect(await tryOut('insecure_example', {}, admin)).toMatchObject({ status: 403, code: 'unauthorized' });
    expect((await server.inject({ method: 'POST', url: '/api/providers/insecure_example/test', json: {} })).statusCode).toBe(401);
  });

  it('of a provider that there is not', async () => {
    for (const name of ['ldap:office', 'insecure_example:x', 'nobody', '%00', 'a%2Fb'])
      expect([name, await tryOut(name)]).toEqual([name, expect.objectContaining({ status: 404, code: 'not_found' })]);
  });

  it('with what does not fit, and with the state of another test, another provider or another day', async () => {
    const { flow_state } = await tryOut('insecure_example');
    const values = { username: 'ann', password: PASSWORD };
    for (const bad of [{ username: 'ann' }, { ...values, more: 'x' }])
      expect(await tryOut('insecure_example', { flow_state, values: bad })).toMatchObject({ status: 400, code: 'invalid_input' });
    for (const bad of ['', 'x', `${flow_state.slice(0, -4)}AAAA`, (await tryOut('speaking:synced')).flow_state])
      expect(await tryOut('insecure_example', { flow_state: bad, values })).toMatchObject({ status: 400, code: 'invalid_input' });
    server.advance(600);
    expect(await tryOut('insecure_example', { flow_state, values })).toMatchObject({ status: 400, code: 'invalid_input' });
  });
});

it('wrong guesses of a test ban nobody, and each is audited', async () => {
  await server.container.database.kysely.deleteFrom('audit_events').execute();
  for (let n = 0; n < 12; n++) await tryOut('insecure_example', { values: { username: 'ann', password: `wrong ${n}` } });
  expect(await tryOut('insecure_example', { values: { username: 'ann', password: PASSWORD } })).toMatchObject({ type: 'identity' });
  await server.container.audit.flush();
  const query = server.container.database.kysely.selectFrom('audit_events').selectAll().where('type', '=', 'provider.tested').orderBy('id');
  const events = await query.execute();
  expect(events).toHaveLength(13);
  expect(events.at(-1)).toMatchObject({
    outcome: 'done',
    detail: { auth_provider: 'insecure_example', subject: 'ann', outcome: 'existing_user' },
  });
  expect(JSON.stringify(events)).not.toContain(PASSWORD);
});
