import { beforeEach, expect, test } from 'vitest';
import type { Actor } from '../../src/accounts/actor.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { User } from '../../src/domain/user.ts';
import { createAccounts } from '../support/fixtures/accounts.ts';
import { loginAt } from '../support/fixtures/fresh_login.ts';
import { newClient } from '../support/fixtures/grants.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { addSession, registerClient, standardTokens } from '../support/fixtures/standard_grants.ts';

let user: User;
const a = perFile(() => createAccounts());
beforeEach(async () => {
  await a.clear();
  user = await addPerson(a.database, { username: 'paulus' });
  a.time.advance(1);
});

/** What link_user leaves. */
const linkTo = ({ id: user_id }: User, subject = 'alice') =>
  a.credentials.link({ id: randomId(), user_id, ...OFFICE, subject, data: {}, created_at: a.time.clock() });
const OFFICE = { auth_provider_type: 'ldap', auth_provider_id: 'office' };
const by = ({ id, is_owner }: User): Actor => ({
  ...{ user_id: id, is_owner, is_admin: true, remote_address: '192.0.2.1' },
  login: loginAt(a.time.clock()),
});
const idsOf = async ({ id }: User) => (await a.rows.credentials.ofUser(id)).map((credential) => credential.id);

test('unlinking the local login removes its password; the last login method stays', async () => {
  await linkTo(user);
  const [local = '', ldap = ''] = await idsOf(user);
  await a.credentials.unlink(user.id, local, by(user));
  expect(await a.rows.localLogins.find('paulus')).toBeUndefined();
  await expect(a.credentials.unlink(user.id, ldap, by(user))).rejects.toMatchObject({ code: 'last_credential', status: 409 });
  expect(await idsOf(user)).toEqual([ldap]);
});

test('unlinking ends the sessions that began with that login, and their apps are notified', async () => {
  await linkTo(user);
  const [local = '', ldap = ''] = await idsOf(user);
  const app = newClient({ backchannel_logout_uri: 'https://app.example/logout' });
  await registerClient(a.tokens, a.database, app);
  for (const [sid, credential_id] of Object.entries({ first: ldap, second: local })) {
    await addSession(a.database, user, sid, credential_id);
    for (const scope of [['openid'], ['openid', 'offline_access']]) await standardTokens(a.tokens, a.database, user, app, { scope, sid });
  }
  await a.credentials.unlink(user.id, ldap, by(user));
  const rows = (table: 'sessions' | 'logout_deliveries') => a.kysely.selectFrom(table).select('sid').execute();
  expect([await rows('sessions'), await rows('logout_deliveries')]).toEqual([[{ sid: 'second' }], [{ sid: 'first' }]]);
  const grants = await a.kysely.selectFrom('refresh_tokens').select(['sid', 'scope']).orderBy('sid').orderBy('scope').execute();
  expect(grants.map(({ sid, scope }) => [sid, ...scope].join(' '))).toEqual([
    'first openid offline_access',
    'second openid',
    'second openid offline_access',
  ]);
  const told = await a.kysely.selectFrom('audit_events').select('detail').where('type', '=', 'session.ended').execute();
  expect(told).toEqual([{ detail: { sid: 'first', client_ids: [app.client_id], refresh_token_ids: [expect.any(String)] } }]);
});

test('of two parallel unlinkings of two logins one is refused', async () => {
  for (let round = 0; round < 10; round++) {
    const twice = await addPerson(a.database, { username: `user ${round}` });
    await linkTo(twice, `user ${round}`);
    const outcomes = await Promise.allSettled((await idsOf(twice)).map((id) => a.credentials.unlink(twice.id, id, by(twice))));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  }
});

test("nobody unlinks another's login by its id, nor one that is not there", async () => {
  const other = await addPerson(a.database, { username: 'other' });
  const [id = ''] = await idsOf(other);
  await expect(a.credentials.unlink(user.id, id, by(user))).rejects.toMatchObject({ code: 'credentials_not_found' });
  await expect(a.credentials.unlink('0'.repeat(32), id, by(user))).rejects.toMatchObject({ code: 'not_found' });
});

test("an administrator does not unlink the owner's logins", async () => {
  const owner = await addPerson(a.database, { is_owner: true, username: 'owner' });
  await linkTo(owner);
  const [id = ''] = await idsOf(owner);
  await expect(a.credentials.unlink(owner.id, id, by(user))).rejects.toMatchObject({ code: 'cannot_modify_owner' });
  await a.credentials.unlink(owner.id, id, by(owner));
});
