// What linking could be misused for: to come in without a second factor, to keep what was taken, to
// become somebody else.
import { beforeEach, expect, it } from 'vitest';
import { provider as insecureExample } from '../support/fakes/insecure_example.ts';
import { speaking } from '../support/fakes/speaking_provider.ts';
import { type Call, callerWith } from '../support/fixtures/api.ts';
import { link, linkCode } from '../support/fixtures/linking.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, REDIRECT_URI, startServer } from '../support/fixtures/server.ts';
import { addSomeone, example, PASSWORD } from '../support/fixtures/someone.ts';
import { enrolTotp } from '../support/fixtures/totp.ts';

const { type, says } = speaking();

let ann: { user_id: string; access_token: string };
let mallory: { user_id: string; access_token: string };
let call: Call;
const server = perFile(() =>
  startServer({
    config: {
      auth_mfa_modules: [{ type: 'totp' }],
      auth_providers: [{ type: 'homeassistant' }, example('ann', 'mallory'), { ...example('ann2'), id: 'second' }, { type: 'speaking' }],
      http: { ip_ban_enabled: false },
    },
    extra_provider_types: [insecureExample, type],
  }),
);
beforeEach(async () => {
  for (const table of ['users', 'mfa_failures'] as const) await server.container.database.kysely.deleteFrom(table).execute();
  [ann, mallory] = [await addSomeone(server, 'ann'), await addSomeone(server, 'mallory')];
  call = callerWith(server, ann.access_token);
});

async function answer(handler: [string, string | null], input: object, flow_type = 'authorize') {
  const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler, type: flow_type };
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: start })).json();
  return (await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: { client_id: CLIENT_ID, ...input } })).json();
}

// I5
it('a login that was linked is followed by the second factor of its user', async () => {
  expect((await link(server, ann.access_token, await linkCode(server, 'ann2', { id: 'second' }))).statusCode).toBe(200);
  await enrolTotp(call, server.clock());
  const step = await answer(['insecure_example', 'second'], { username: 'ann2', password: PASSWORD });
  expect(step).toMatchObject({ type: 'form', step_id: 'mfa' });
});

// I5
it('who knows a password but not the second factor links nothing of that person to themselves, and gets no tokens', async () => {
  await enrolTotp(call, server.clock());
  const code = await linkCode(server, 'ann');
  const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code };
  expect((await server.inject({ method: 'POST', url: '/auth/token', form })).statusCode).toBe(400);
  expect((await link(server, mallory.access_token, code)).json()).toEqual({ message: 'Credential already linked' });
});

// I5
it('a way to the page of linking takes the second factor too', async () => {
  await enrolTotp(call, server.clock());
  const key = { auth_provider_type: 'insecure_example', auth_provider_id: 'second' };
  const refused = await call('POST', '/api/me/credentials/link', key);
  expect([refused.statusCode, refused.json().code]).toEqual([403, 'reauth_required']);
});

// H5
it('anyone who is disabled proves nothing, by either kind of flow', async () => {
  await server.container.database.kysely.updateTable('users').set({ is_active: false }).where('id', '=', ann.user_id).execute();
  for (const flow_type of ['authorize', 'link_user'])
    expect(await answer(['insecure_example', null], { username: 'ann', password: PASSWORD }, flow_type)).toEqual({
      message: 'Login blocked: User is not active',
    });
});

// K10: the same e-mail address, the same name: still nobody we know.
it('no address and no name links a login to anybody', async () => {
  says({ subject: 'stranger', data: {}, name: 'ann', email: 'ann@example.com', amr: ['pwd'] });
  expect(await answer(['speaking', null], {})).toEqual({ message: 'Login blocked: User is not active' });
  const rows = await server.container.repositories.credentials.ofUser(ann.user_id);
  expect(rows.map(({ subject }) => subject)).toEqual(['ann']);
});

it('a provider that picks among our users links nobody but the one it picked', async () => {
  says({ subject: ann.user_id, user_id: ann.user_id, data: {}, name: null, amr: [] });
  const { result } = await answer(['speaking', null], {}, 'link_user');
  expect((await link(server, mallory.access_token, result)).json()).toEqual({ message: 'Credential already linked' });
  const again = (await answer(['speaking', null], {}, 'link_user')).result;
  expect((await link(server, ann.access_token, again)).json()).toEqual({ message: 'User linked' });
});
