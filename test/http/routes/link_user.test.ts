import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../src/domain/clock.ts';
import { link, linkCode } from '../../support/fixtures/linking.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { CLIENT_ID, startServer } from '../../support/fixtures/server.ts';
import { addSomeone, example, logInAs } from '../../support/fixtures/someone.ts';

const TWENTY = Array.from({ length: 20 }, (_, n) => n);
const PEOPLE = ['ann', 'ben', 'cid', 'dora', 'eve', 'challenger', 'former', 'latter', 'buyer', ...TWENTY.map((n) => `claimant-${n}`)];
const LOGINS = ['second', 'taken', 'other', 'late', 'wanted', 'free', 'moved', 'extra', ...TWENTY.map((n) => `login-${n}`)];
const LINKED = [200, { message: 'User linked' }];
const INVALID = [400, { message: 'Invalid code' }];
const ALREADY = [400, { message: 'Credential already linked' }];

const server = perFile(() =>
  startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, example(...PEOPLE), { ...example(...LOGINS), id: 'second', new_users: 'activate' }],
      http: { ip_ban_enabled: false },
    },
  }),
);

const SECOND = { id: 'second' };
const second = (username: string) => linkCode(server, username, SECOND);
async function answerTo(token: string, code: string, client_id?: string) {
  const answer = await link(server, token, code, client_id);
  return [answer.statusCode, answer.json()];
}
async function credentialsOf(user_id: string): Promise<string[]> {
  const rows = await server.container.repositories.credentials.ofUser(user_id);
  return rows.map(({ auth_provider_id, subject }) => `${auth_provider_id ?? ''}:${subject}`).sort();
}
async function redeem(code: string) {
  const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code };
  return (await server.inject({ method: 'POST', url: '/auth/token', form })).statusCode;
}

describe('a link_user code', () => {
  it("links its login once, and the login is the user's from then on", async () => {
    const { user_id, access_token } = await addSomeone(server, 'ann');
    const code = await second('second');
    expect(await answerTo(access_token, code)).toEqual(LINKED);
    expect(await answerTo(access_token, code)).toEqual(INVALID);
    expect(await credentialsOf(user_id)).toEqual([':ann', 'second:second']);
    const login = await server.login({ username: 'second', password: 'test-pass' }, { handler: ['insecure_example', 'second'] });
    const { access_token: token } = await server.redeem(login);
    expect((await server.inject({ url: '/api/me', token })).json().id).toBe(user_id);
    // Its own already: fine, and nothing happens.
    expect(await answerTo(access_token, await second('second'))).toEqual(LINKED);
    expect(await credentialsOf(user_id)).toHaveLength(2);
  });

  it('leads to nothing where the user has a login of that provider, or the login is somebody else', async () => {
    const [ben, cid] = [await addSomeone(server, 'ben'), await addSomeone(server, 'cid')];
    expect(await answerTo(ben.access_token, await second('taken'))).toEqual(LINKED);
    expect(await answerTo(cid.access_token, await second('taken'))).toEqual(ALREADY);
    expect(await answerTo(ben.access_token, await second('other'))).toEqual(ALREADY);
    expect([await credentialsOf(ben.user_id), await credentialsOf(cid.user_id)]).toEqual([[':ben', 'second:taken'], [':cid']]);
  });

  // H13, I5: each kind of code is good for its own purpose alone, and is not spent by the attempt.
  it('buys no tokens, and an authorize code links nothing', async () => {
    const { access_token } = await addSomeone(server, 'dora');
    const [linking, authorizing] = [await second('late'), await linkCode(server, 'free', { ...SECOND, type: 'authorize' })];
    expect([await redeem(linking), await answerTo(access_token, authorizing)]).toEqual([400, INVALID]);
    expect([await redeem(authorizing), await answerTo(access_token, linking)]).toEqual([200, LINKED]);
  });

  it('belongs to its client, and is not spent by another', async () => {
    const { access_token } = await addSomeone(server, 'eve');
    const code = await second('moved');
    for (const client_id of ['https://other.example.com/', 'invalid', '', CLIENT_ID.slice(0, -1)])
      expect([client_id, await answerTo(access_token, code, client_id)]).toEqual([client_id, INVALID]);
    server.advance(599);
    const { access_token: fresh } = await logInAs(server, 'eve');
    expect(await answerTo(fresh, code)).toEqual(LINKED);
    const old = await second('extra');
    server.advance(600);
    expect(await answerTo((await logInAs(server, 'eve')).access_token, old)).toEqual(INVALID);
  });
});

describe('link_user refuses', () => {
  it.each([
    [{ client_id: CLIENT_ID }, "required key not provided @ data['code']"],
    [{ code: 'x' }, "required key not provided @ data['client_id']"],
    [{ client_id: CLIENT_ID, code: 'x', user: 'me' }, "extra keys not allowed @ data['user']"],
    [{ client_id: CLIENT_ID, code: 1 }, "expected str for dictionary value @ data['code']"],
  ])('%j', async (json, complaint) => {
    const { access_token: token } = await addSomeone(server, 'claimant-0');
    const answer = await server.inject({ method: 'POST', url: '/auth/link_user', token, json });
    expect([answer.statusCode, answer.json()]).toEqual([400, { message: `Message format incorrect: ${complaint}` }]);
    await server.container.database.kysely.deleteFrom('users').where('name', '=', 'claimant-0').execute();
  });

  it('nobody, somebody who may not authenticate, and a machine', async () => {
    const { user_id, access_token } = await addSomeone(server, 'claimant-1');
    const code = await second('wanted');
    const as = async (token?: string) =>
      (await server.inject({ method: 'POST', url: '/auth/link_user', ...(token && { token }), json: { client_id: CLIENT_ID, code } }))
        .statusCode;
    expect([await as(), await as('invalid')]).toEqual([401, 401]);
    const flags = [{ is_active: false }, { is_active: true, local_only: true }];
    for (const change of flags) {
      await server.container.database.kysely.updateTable('users').set(change).where('id', '=', user_id).execute();
      expect(await as(access_token)).toBe(401);
    }
    const by = { user_id: null, is_owner: true, is_admin: true, remote_address: null };
    const machine = await server.container.users.createSystem({ name: 'machine' }, by);
    expect(await as((await server.container.refreshTokens.createSystem(machine.id, by)).access_token)).toBe(403);
    await server.container.database.kysely.updateTable('users').set({ local_only: false }).where('id', '=', user_id).execute();
    expect(await answerTo(access_token, code)).toEqual(LINKED);
    await server.container.database.kysely.deleteFrom('users').where('id', '=', user_id).execute();
  });
});

describe('a code', () => {
  it('that was made with a challenge links nothing', async () => {
    const { user_id, access_token } = await addSomeone(server, 'challenger');
    const challenged = await linkCode(server, 'login-1', { id: 'second', code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM' });
    expect(await answerTo(access_token, challenged)).toEqual(INVALID);
    await server.container.database.kysely.deleteFrom('users').where('id', '=', user_id).execute();
  });

  it('whose credential was removed since links nothing', async () => {
    const [one, other] = [await addSomeone(server, 'former'), await addSomeone(server, 'latter')];
    expect(await answerTo(one.access_token, await second('login-2'))).toEqual(LINKED);
    const code = await second('login-2');
    await server.container.database.kysely.deleteFrom('credentials').where('subject', '=', 'login-2').execute();
    expect(await answerTo(other.access_token, code)).toEqual(INVALID);
    for (const { user_id } of [one, other]) await server.container.database.kysely.deleteFrom('users').where('id', '=', user_id).execute();
  });

  it('buys no tokens; where its credential is somebody’s, the person is asked to log in again', async () => {
    const { user_id, access_token } = await addSomeone(server, 'buyer');
    const [used, kept] = [await second('login-3'), await second('login-3')];
    const buy = async (code: string) => {
      const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code };
      const answer = await server.inject({ method: 'POST', url: '/auth/token', form });
      return [answer.statusCode, answer.json()];
    };
    const unknown = [400, { error: 'invalid_request', error_description: 'Invalid code' }];
    expect(await buy(kept)).toEqual(unknown);
    expect(await answerTo(access_token, used)).toEqual(LINKED);
    expect(await buy(kept)).toEqual([400, { error: 'invalid_grant', error_description: 'Sign in again' }]);
    expect(await buy(used)).toEqual(unknown);
    await server.container.database.kysely.deleteFrom('users').where('id', '=', user_id).execute();
  });
});

describe('of 20 parallel attempts', () => {
  it('at one code, one links', async () => {
    const { user_id, access_token } = await addSomeone(server, 'claimant-2');
    const code = await second('login-0');
    const answers = await Promise.all(TWENTY.map(() => answerTo(access_token, code)));
    expect(answers.filter(([status]) => status === 200)).toHaveLength(1);
    expect(answers.filter(([status]) => status === 400)).toEqual(Array(19).fill(INVALID));
    await server.container.database.kysely.deleteFrom('users').where('id', '=', user_id).execute();
  });

  it('of 20 users at one login, one gets it', async () => {
    const users = await Promise.all(TWENTY.map((n) => addSomeone(server, `claimant-${n}`)));
    const codes = await Promise.all(TWENTY.map(() => second('wanted')));
    const answers = await Promise.all(TWENTY.map((n) => answerTo(users[n]!.access_token, codes[n]!)));
    expect(answers.filter(([status]) => status === 200)).toEqual([LINKED]);
    expect(answers.filter(([status]) => status === 400)).toEqual(Array(19).fill(ALREADY));
    const rows = await server.container.database.kysely.selectFrom('credentials').selectAll().where('subject', '=', 'wanted').execute();
    expect(rows).toHaveLength(1);
    for (const { user_id } of users) await server.container.database.kysely.deleteFrom('users').where('id', '=', user_id).execute();
  });

  it('of one user at 20 logins of a provider, one is linked', async () => {
    const { user_id, access_token } = await addSomeone(server, 'claimant-3');
    const codes = await Promise.all(TWENTY.map((n) => second(`login-${n}`)));
    const answers = await Promise.all(codes.map((code) => answerTo(access_token, code)));
    expect(answers.filter(([status]) => status === 200)).toEqual([LINKED]);
    expect(answers.filter(([status]) => status === 400)).toEqual(Array(19).fill(ALREADY));
    expect(await credentialsOf(user_id)).toHaveLength(2);
  });
});

it('what was linked is remembered once', async () => {
  await server.container.audit.flush();
  const events = await server.container.database.kysely
    .selectFrom('audit_events')
    .selectAll()
    .where('type', '=', 'credential.linked')
    .execute();
  const links = events.filter(({ target_user_id, actor_user_id }) => target_user_id === actor_user_id);
  expect(links.length).toBe(events.length);
  expect(links[0]).toMatchObject({ outcome: 'done', detail: { auth_provider_type: 'insecure_example', auth_provider_id: 'second' } });
  expect(links[0]!.at <= addSeconds(server.clock(), 1)).toBe(true);
});
