import { beforeAll, expect, it } from 'vitest';
import type { AuthProvider, Identity } from '../../src/domain/auth_provider.ts';
import { randomId } from '../../src/domain/secret.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, addUser, createLoginServices, type LoginServices } from '../support/fixtures/login.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let services: LoginServices;
let provider: AuthProvider;

const db = perFile(() => createTestDatabase());
beforeAll(() => {
  services = createLoginServices(db.database);
  provider = services.providers.get('insecure_example:')!;
});

const identity = (subject: string, differs: Partial<Identity> = {}): Identity => ({
  subject,
  data: {},
  name: subject,
  amr: ['pwd'],
  ...differs,
});
const find = (who: Identity) => services.resolveUser.find(provider, who);
const settle = async (who: Identity) => services.resolveUser.complete(provider, who, await find(who), ABROAD);
const credentialsOf = (user_id: string) => services.credentials.ofUser(user_id);

it('an identity belongs to the user whose credential knows it, at that provider alone', async () => {
  const { user_id, credential_id } = await addUser(db.database, 'ann');
  expect(await find(identity('ann'))).toMatchObject({ user: { id: user_id }, credential_id });
  expect(await services.resolveUser.find({ ...provider, auth_provider_id: 'office' }, identity('ann'))).toBeNull();
  expect(await settle(identity('ann'))).toMatchObject({ user: { id: user_id }, credential_id });
});

it('looking makes nobody; settling makes a user once, also in parallel', async () => {
  expect(await find(identity('new'))).toBeNull();
  expect(await find(identity('new'))).toBeNull();
  const settled = await Promise.all(Array.from({ length: 5 }, () => settle(identity('new'))));
  expect(new Set(settled.map(({ user }) => user.id)).size).toBe(1);
  expect(settled[0]?.user.is_active).toBe(true);
});

it('the e-mail address follows what the provider vouches for; who says nothing of it changes nothing', async () => {
  for (const [email, kept] of [
    ['ada@example.com', 'ada@example.com'],
    ['countess@example.com', 'countess@example.com'],
    [undefined, 'countess@example.com'],
    [null, undefined],
  ]) {
    const { user } = await settle(identity('mailed', email === undefined ? {} : { email: email as string | null }));
    expect(await credentialsOf(user.id)).toMatchObject([{ data: kept === undefined ? {} : { email: kept } }]);
  }
});

// W17
it('a credential that an earlier version stored as it was typed is found by that; new ones are stored in form NFC', async () => {
  const { user_id } = await addUser(db.database, 'mu\u0308ller');
  expect(await settle(identity('m\u00fcller', { typed_subject: 'mu\u0308ller' }))).toMatchObject({ user: { id: user_id } });
  const { user } = await settle(identity('zo\u00eb', { typed_subject: 'zoe\u0308' }));
  expect(await credentialsOf(user.id)).toMatchObject([{ subject: 'zo\u00eb' }]);
  expect(await settle(identity('zo\u00eb'))).toMatchObject({ user: { id: user.id } });
});

it('a user whom the provider picks is linked by the first login', async () => {
  const { user_id } = await addUser(db.database, 'picked', {}, 'elsewhere');
  const who = identity(user_id, { user_id });
  expect(await find(who)).toMatchObject({ user: { id: user_id }, credential_id: null });
  const settled = await Promise.all(Array.from({ length: 5 }, () => settle(who)));
  expect(new Set(settled.map(({ credential_id }) => credential_id)).size).toBe(1);
  expect(await credentialsOf(user_id)).toHaveLength(2);
  expect(await find(who)).toMatchObject({ credential_id: settled[0]?.credential_id });
});

it('a user whom the provider picks and who is gone is never created again', async () => {
  const who = identity('gone', { user_id: randomId() });
  await expect(settle(who)).rejects.toMatchObject({ code: 'login_blocked', description: 'Login blocked: User is not active' });
  expect(await find(who)).toBeNull();
});

it('a machine account never logs in', async () => {
  const { user_id } = await addUser(db.database, 'machine', { system_generated: true });
  await expect(settle(identity('x', { user_id }))).rejects.toMatchObject({ code: 'login_blocked' });
  await expect(settle(identity('machine'))).rejects.toMatchObject({ code: 'login_blocked' });
});

it('a picked user who has another login at this provider stays with that one', async () => {
  const { user_id } = await addUser(db.database, 'bound');
  await expect(settle(identity('other subject', { user_id }))).rejects.toMatchObject({ code: 'login_blocked' });
  expect(await credentialsOf(user_id)).toHaveLength(1);
});
