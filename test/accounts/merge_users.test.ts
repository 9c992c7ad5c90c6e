import { beforeEach, expect, test } from 'vitest';
import { type Actor, OPERATOR } from '../../src/accounts/actor.ts';
import type { User } from '../../src/domain/user.ts';
import { type Accounts, createAccounts } from '../support/fixtures/accounts.ts';
import { loginAt } from '../support/fixtures/fresh_login.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const OFFICE = { auth_provider_type: 'ldap', auth_provider_id: 'office', new_users: 'approve' as const, default_groups: ['system-users'] };
const ADDRESS = '192.0.2.1';
const NOBODY = '0'.repeat(32);

let owner: User;
let admin: User;
let paula: User;
const a = perFile(() => createAccounts({ approvals_by: 'administrators' }));
beforeEach(async () => {
  await a.clear();
  owner = await addPerson(a.database, { is_owner: true, username: 'owner' });
  admin = await addPerson(a.database, { group_ids: ['system-admin'], username: 'admin' });
  paula = await addPerson(a.database, { username: 'paula', name: 'Paula', group_ids: ['system-read-only'] });
});

const by = ({ id, is_owner }: User): Actor => ({
  ...{ user_id: id, is_owner, is_admin: true, remote_address: ADDRESS },
  login: loginAt(a.time.clock()),
});
/** Anyone who logs in for the first time at the office's directory. */
async function newcomer(subject = 'ppaulsen', provider: Parameters<Accounts['newUsers']['admit']>[0] = OFFICE): Promise<string> {
  const identity = { subject, data: { uid: subject }, name: 'P. Paulsen', amr: ['pwd'] };
  return (await a.newUsers.admit(provider, identity, ADDRESS)).user.id;
}
const ownerOf = async (subject: string) => (await a.rows.credentials.findIdentity(OFFICE, subject))?.user_id;
const refusal = (code: string) => expect.objectContaining({ code });

test('merging moves the login of a waiting user to an existing one, and deletes the waiting user', async () => {
  const id = await newcomer();
  const merged = await a.mergeUsers.approveInto(id, paula.id, by(owner));
  expect(merged).toMatchObject({ id: paula.id, name: 'Paula', is_active: true, group_ids: ['system-read-only'] });
  expect(merged.credentials).toEqual(expect.arrayContaining([expect.objectContaining({ type: 'ldap', id: 'office' })]));
  expect([await ownerOf('ppaulsen'), await a.rows.users.find(id)]).toEqual([paula.id, undefined]);
  expect(await a.events()).toEqual(['user.created', 'user.merged']);
  // The next login is that user's.
  const { user } = await a.newUsers.admit(OFFICE, { subject: 'ppaulsen', data: {}, name: null, amr: [] }, ADDRESS);
  expect(user.id).toBe(paula.id);
});

test('a second login of the same provider is not merged, and the user keeps waiting', async () => {
  await a.mergeUsers.approveInto(await newcomer('first'), paula.id, by(owner));
  const id = await newcomer('second');
  await expect(a.mergeUsers.approveInto(id, paula.id, by(owner))).rejects.toEqual(refusal('credential_exists'));
  expect(await a.rows.users.find(id)).toMatchObject({ is_pending: true });
  expect(await ownerOf('second')).toBe(id);
});

test.each<[string, (id: string) => Promise<[string, string]>, string]>([
  ['nobody', async () => [NOBODY, paula.id], 'not_found'],
  ['into nobody', async (id) => [id, NOBODY], 'not_found'],
  ['somebody who does not wait', async () => [admin.id, paula.id], 'not_pending'],
  ['into somebody who waits', async (id) => [id, await newcomer('other')], 'conflict'],
  ['into themselves', async (id) => [id, id], 'conflict'],
  ['into a machine', async (id) => [id, (await addPerson(a.database, { system_generated: true })).id], 'system_generated'],
])('%s is not merged', async (_, whom, code) => {
  const [id, into] = await whom(await newcomer());
  await expect(a.mergeUsers.approveInto(id, into, by(owner))).rejects.toEqual(refusal(code));
});

test('approvers merge, and nobody but the owner into the owner or an administrator', async () => {
  const id = await newcomer();
  const outsider = { user_id: paula.id, is_owner: false, is_admin: false, remote_address: ADDRESS };
  await expect(a.mergeUsers.approveInto(id, paula.id, outsider)).rejects.toEqual(refusal('unauthorized'));
  await expect(a.mergeUsers.approveInto(id, owner.id, by(admin))).rejects.toEqual(refusal('cannot_modify_owner'));
  const other_admin = await addPerson(a.database, { group_ids: ['system-users', 'system-admin'], username: 'other-admin' });
  for (const into of [other_admin, admin])
    await expect(a.mergeUsers.approveInto(id, into.id, by(admin))).rejects.toMatchObject({ code: 'unauthorized', status: 403 });
  expect(await ownerOf('ppaulsen')).toBe(id);
  expect(await a.mergeUsers.approveInto(await newcomer('other'), other_admin.id, by(owner))).toMatchObject({ id: other_admin.id });
  expect(await a.mergeUsers.approveInto(id, paula.id, by(admin))).toMatchObject({ id: paula.id });
  expect(await a.mergeUsers.approveInto(await newcomer('ada'), owner.id, OPERATOR)).toMatchObject({ id: owner.id, is_owner: true });
});

test('of a parallel approval and merge one succeeds', async () => {
  for (let round = 0; round < 20; round++) {
    const subject = `round ${round}`;
    const id = await newcomer(subject);
    const into = await addPerson(a.database);
    const work = [a.users.approve(id, {}, by(owner)), a.mergeUsers.approveInto(id, into.id, by(owner))];
    const outcomes = await Promise.allSettled(round % 2 === 0 ? work : work.reverse());
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const left = await a.rows.users.find(id);
    if (left) expect([left.is_active, left.is_pending, await ownerOf(subject)]).toEqual([true, false, id]);
    else expect(await ownerOf(subject)).toBe(into.id);
  }
});

test('merged into 20 users at once, and into one from 20, there is one winner each', async () => {
  const people = await Promise.all(Array.from({ length: 20 }, () => addPerson(a.database)));
  const id = await newcomer();
  const spread = await Promise.allSettled(people.map((into) => a.mergeUsers.approveInto(id, into.id, by(owner))));
  expect(spread.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const waiting = await Promise.all(people.map((_, n) => newcomer(`n ${n}`)));
  const gathered = await Promise.allSettled(waiting.map((one) => a.mergeUsers.approveInto(one, paula.id, by(owner))));
  expect(gathered.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect((await a.users.get(paula.id)).credentials).toHaveLength(2);
});

test('two crossing merges both end', async () => {
  for (let round = 0; round < 5; round++) {
    const [one, two] = [await newcomer(`one ${round}`), await newcomer(`two ${round}`)];
    const crossing = [a.mergeUsers.approveInto(one, two, by(owner)), a.mergeUsers.approveInto(two, one, by(owner))];
    for (const outcome of await Promise.allSettled(crossing)) expect(outcome).toMatchObject({ reason: refusal('conflict') });
  }
});
