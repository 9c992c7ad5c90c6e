import { beforeEach, describe, expect, test } from 'vitest';
import { OPERATOR } from '../../src/accounts/actor.ts';
import { suggestUsername } from '../../src/accounts/profiles.ts';
import type { AuthProvider, Identity } from '../../src/domain/auth_provider.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { User } from '../../src/domain/user.ts';
import { INVISIBLE } from '../support/checks/invisible.ts';
import { createAccounts } from '../support/fixtures/accounts.ts';
import { loginAt } from '../support/fixtures/fresh_login.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const PASSWORD = 'a long pass phrase';
const by = ({ id, is_owner }: User, is_admin = true) => ({
  user_id: id,
  is_owner,
  is_admin,
  remote_address: '192.0.2.1',
  login: loginAt(NOON),
});

let owner: User;
let admin: User;
const a = perFile(() => createAccounts());
beforeEach(async () => {
  await a.clear();
  owner = await addPerson(a.database, { is_owner: true, name: 'Olga', group_ids: ['system-admin'] });
  admin = await addPerson(a.database, { name: 'Adam', group_ids: ['system-admin'] });
});

const make = (fields: object = {}, actor = OPERATOR) => a.users.create({ name: 'Paula', ...fields }, actor);
const addLogin = (id: string, username: string, reuse_username = false) =>
  a.localLogins.add(id, { username, password: PASSWORD, reuse_username }, OPERATOR);
const code = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );

function admit(
  username: string,
  provider: Partial<{ auth_provider_id: string; new_users: 'approve' | 'activate' }> = {},
  identity: Partial<Identity> = {},
) {
  const origin = {
    auth_provider_type: 'ldap',
    auth_provider_id: 'office',
    new_users: 'activate' as const,
    default_groups: [],
    ...provider,
  };
  const who = { subject: randomId(), data: { username }, name: 'Olivia Oak', amr: ['pwd'], ...identity };
  return a.newUsers.admit(origin, who, '192.0.2.1');
}
const entryOf = (id: string) => a.users.get(id);

// S12
describe('a username', () => {
  test('is unique across providers and case-folded: the second olivia gets a number', async () => {
    const { id } = await make();
    await addLogin(id, 'Olivia');
    const directory = await admit('OLIVIA');
    const other = await admit('olivia', { auth_provider_id: 'lab' });
    const names = await Promise.all([id, directory.user.id, other.user.id].map(async (user_id) => (await entryOf(user_id)).username));
    expect(names).toEqual(['olivia', 'olivia-2', 'olivia-3']);
  });

  test('of parallel first logins is given to one of them', async () => {
    const admitted = await Promise.all(Array.from({ length: 8 }, (_, n) => admit('olivia', { auth_provider_id: `p${n}` })));
    const names = await Promise.all(admitted.map(async ({ user }) => (await entryOf(user.id)).username));
    expect(new Set(names).size).toBe(8);
  });

  test("of the local login is the username: naming, renaming and the owner's edit change both", async () => {
    const { id } = await make();
    await addLogin(id, 'paula');
    await a.localLogins.setUsername(id, 'paula2', OPERATOR);
    expect([(await entryOf(id)).username, (await a.rows.localLogins.find('paula2'))?.username]).toEqual(['paula2', 'paula2']);
    await a.users.update(id, { username: 'Paula3' }, OPERATOR);
    const login = await a.rows.localLogins.find('paula3');
    const [credential] = await a.rows.credentials.ofUser(id);
    expect([(await entryOf(id)).username, login?.username, credential?.subject, credential?.data]).toEqual([
      'paula3',
      'paula3',
      'paula3',
      { username: 'paula3' },
    ]);
  });

  test('becomes the name of the local login that a directory user gets', async () => {
    const { user } = await admit('olivia');
    await addLogin(user.id, 'livia');
    expect((await entryOf(user.id)).username).toBe('livia');
  });

  test("that was given up returns to the same person, and to another by the owner's explicit act alone", async () => {
    const [paula, other] = [await make(), await make()];
    await addLogin(paula.id, 'paula');
    await a.users.update(paula.id, { username: 'pauline' }, OPERATOR);
    expect(await code(addLogin(other.id, 'paula'))).toBe('username_retired');
    expect((await entryOf((await admit('paula')).user.id)).username).toBe('paula-2');
    expect(await code(a.users.update(other.id, { username: 'paula' }, OPERATOR))).toBe('username_retired');
    await a.users.update(paula.id, { username: 'paula' }, OPERATOR);
    await a.users.delete(paula.id, OPERATOR);
    expect(await code(addLogin(other.id, 'paula'))).toBe('username_retired');
    expect(await code(a.localLogins.add(other.id, { username: 'paula', password: PASSWORD, reuse_username: true }, by(admin)))).toBe(
      'unauthorized',
    );
    await addLogin(other.id, 'paula', true);
    expect((await entryOf(other.id)).username).toBe('paula');
  });

  test('is changed only by the owner, and never to a name in use', async () => {
    const { id } = await make({ username: 'paula' });
    await make({ username: 'olivia' });
    expect(await code(a.users.update(id, { username: 'eve' }, by(admin)))).toBe('unauthorized');
    expect(await code(a.users.update(id, { username: 'OLIVIA' }, by(owner)))).toBe('username_already_exists');
    expect(await code(a.users.update(id, { username: randomId() }, by(owner)))).toBe('invalid_format');
    expect((await entryOf(id)).username).toBe('paula');
  });

  test('is suggested for a waiting user, and reserved when they become active', async () => {
    const { user } = await admit('olivia', { new_users: 'approve' });
    const waiting = await entryOf(user.id);
    expect([waiting.username, suggestUsername(waiting)]).toEqual([null, 'olivia']);
    await addLogin((await make()).id, 'olivia');
    expect((await a.users.approve(user.id, {}, OPERATOR)).username).toBe('olivia-2');
  });

  for (const [called, identity, username] of [
    ['nothing but an address', { data: {}, email: 'livia.oak@example.com' }, 'livia.oak'],
    ['nothing but a name', { data: {} }, 'olivia-oak'],
    ['preferred_username', { data: { sub: '5', preferred_username: 'Livia' } }, 'livia'],
    ['what looks like the id of a user', { data: { username: 'c'.repeat(32) } }, 'olivia-oak'],
    // S12
    ...INVISIBLE.map((hex): [string, Partial<Identity>, string] => {
      const hidden = String.fromCodePoint(Number.parseInt(hex, 16));
      return [`a name with U+${hex}`, { data: { username: `${hidden}li${hidden}via${hidden}` } }, 'livia'];
    }),
    ['invisible characters alone', { data: { username: '\u200d\ufe0f' } }, 'olivia-oak'],
    ['a name of two code points', { data: { username: 'Zoe\u0308' } }, 'zo\u00eb'],
  ] as const) {
    test(`of a person whose provider says ${called}`, async () => {
      const { user } = await admit('', {}, identity);
      expect((await entryOf(user.id)).username).toBe(username);
    });
  }
});

// U1
describe('a local person', () => {
  test('has an e-mail address and the other profile fields', async () => {
    const profile = { email: 'paula@example.com', picture: 'https://example.com/p.png', locale: 'de-CH', zoneinfo: 'Europe/Zurich' };
    const { id } = await make({ username: 'paula', ...profile });
    expect(await entryOf(id)).toMatchObject({ ...profile, username: 'paula', email_verified: true });
    await a.users.update(id, { email: null, picture: null, locale: null, zoneinfo: null }, OPERATOR);
    expect(await entryOf(id)).toMatchObject({ email: null, email_verified: false, picture: null, locale: null, zoneinfo: null });
  });

  for (const [field, value] of [
    ['email', 'paula'],
    ['email', 'paula@example.com, boss@example.com'],
    ['email', 'Paula <paula@example.com>'],
    ['picture', 'http://example.com/p.png'],
    ['picture', 'https://me:secret@example.com/p.png'],
    ['picture', 'javascript:alert(1)'],
    ['locale', 'no language'],
    ['zoneinfo', 'Mars/Olympus'],
  ] as const) {
    test(`has no ${field} such as ${value}`, async () => {
      expect(await code(make({ [field]: value }))).toBe('invalid_format');
    });
  }
});

// S11
describe('an address', () => {
  test("that the owner or the operator enters is verified unless they say otherwise; an administrator's or one's own is not", async () => {
    const verified = async (fields: object, actor = OPERATOR) =>
      (await make({ email: `${randomId()}@example.com`, ...fields }, actor)).email_verified;
    expect([await verified({}), await verified({}, by(owner)), await verified({ email_verified: false })]).toEqual([true, true, false]);
    expect(await verified({}, by(admin))).toBe(false);
    expect(await code(verified({ email_verified: true }, by(admin)))).toBe('unauthorized');
    const { id } = await make({ email: 'paula@example.com' });
    expect(await a.users.update(id, { email: 'PAULA@example.com' }, by(admin))).toMatchObject({ email_verified: true });
    expect(await a.users.update(id, { email: 'boss@example.com' }, by(admin))).toMatchObject({ email_verified: false });
  });

  test("that is verified is one person's, in any case; a second claimant stays unverified", async () => {
    await make({ email: 'boss@example.com' });
    expect(await make({ email: 'BOSS@example.com' })).toMatchObject({ email: 'BOSS@example.com', email_verified: false });
    const claims = await Promise.all(Array.from({ length: 6 }, () => make({ email: 'new@example.com' })));
    expect(claims.filter(({ email_verified }) => email_verified)).toHaveLength(1);
  });

  const provider = { auth_provider_type: 'ldap', auth_provider_id: 'office' } as AuthProvider;
  const login = async (user_id: string, identity: Partial<Identity>) => {
    const [credential] = await a.rows.credentials.ofUser(user_id);
    const who = { subject: 'x', data: {}, name: null, amr: ['pwd'], ...identity };
    await a.profiles.follow(provider, who, (await a.rows.users.find(user_id))!, credential!.id, '192.0.2.1');
    return await entryOf(user_id);
  };

  test('from a directory is unverified unless the operator trusts it, and follows the directory', async () => {
    const { user } = await admit('olivia', {}, { unverified_email: 'olivia@example.com' });
    expect(await entryOf(user.id)).toMatchObject({ email: 'olivia@example.com', email_verified: false });
    expect(await login(user.id, { unverified_email: 'boss@example.com' })).toMatchObject({
      email: 'boss@example.com',
      email_verified: false,
    });
    expect(await login(user.id, { email: 'boss@example.com', email_verified: true })).toMatchObject({ email_verified: true });
    // Anyone who verified it, the person cannot take the mark to another address.
    expect(await login(user.id, { unverified_email: 'chief@example.com' })).toMatchObject({
      email: 'chief@example.com',
      email_verified: false,
    });
  });

  test('entered by a person stays, whatever a provider reports', async () => {
    const { user } = await admit('olivia', {}, { unverified_email: 'olivia@example.com' });
    await a.users.update(user.id, { email: 'mine@example.com' }, OPERATOR);
    expect(await login(user.id, { email: 'boss@example.com', email_verified: true })).toMatchObject({
      email: 'mine@example.com',
      email_verified: true,
    });
  });
});

describe('a row written by the previous version', () => {
  const follow = async (id: string, type: string, identity: Partial<Identity>) => {
    const provider = { auth_provider_type: type, auth_provider_id: type === 'homeassistant' ? null : 'office' } as AuthProvider;
    const [credential] = await a.rows.credentials.ofUser(id);
    const who = { subject: 'x', data: {}, name: null, amr: ['pwd'], ...identity };
    await a.profiles.follow(provider, who, (await a.rows.users.find(id))!, credential!.id, '192.0.2.1');
    return (await a.kysely.selectFrom('users').select('username').where('id', '=', id).executeTakeFirstOrThrow()).username;
  };

  test('gets its username at the next login, by the local login or by what the provider says', async () => {
    const local = await addPerson(a.database, { username: 'paula' });
    expect(await follow(local.id, 'homeassistant', { subject: 'paula', data: { username: 'paula' } })).toBe('paula');
    const { user } = await admit('olivia');
    await a.kysely.updateTable('users').set({ username: null }).where('id', '=', user.id).execute();
    expect(await follow(user.id, 'ldap', { data: { username: 'paula' } })).toBe('paula-2');
  });

  test('keeps a local name with an invisible character', async () => {
    const { id } = await addPerson(a.database, { username: 'olivia\ufe0f' });
    expect(await follow(id, 'homeassistant', { subject: 'olivia\ufe0f', data: { username: 'olivia\ufe0f' } })).toBe('olivia\ufe0f');
  });

  // S12
  describe('with an accent as a character of its own', () => {
    const DECOMPOSED = 'rene\u0301';
    const COMPOSED = 'ren\u00e9';

    test('keeps its name for itself, however others write it', async () => {
      const { id } = await addPerson(a.database, { username: DECOMPOSED });
      expect((await entryOf((await admit(COMPOSED)).user.id)).username).toBe(`${COMPOSED}-2`);
      const other = await make();
      expect(await code(a.users.update(other.id, { username: COMPOSED }, OPERATOR))).toBe('username_already_exists');
      expect(await code(addLogin(other.id, COMPOSED))).toBe('username_already_exists');
      expect(await follow(id, 'homeassistant', { subject: DECOMPOSED, data: { username: DECOMPOSED } })).toBe(DECOMPOSED);
      expect((await entryOf((await admit(COMPOSED, { auth_provider_id: 'lab' })).user.id)).username).toBe(`${COMPOSED}-3`);
    });

    test('does not become the twin of a composed one', async () => {
      await admit(COMPOSED);
      const { id } = await addPerson(a.database, { username: DECOMPOSED });
      expect(await follow(id, 'homeassistant', { subject: DECOMPOSED, data: { username: DECOMPOSED } })).toBeNull();
    });

    test('may be composed by its holder, and is theirs alone once given up', async () => {
      const { id } = await addPerson(a.database, { username: DECOMPOSED });
      await follow(id, 'homeassistant', { subject: DECOMPOSED, data: { username: DECOMPOSED } });
      await a.users.update(id, { username: COMPOSED }, OPERATOR);
      expect((await a.rows.localLogins.find(COMPOSED))?.username).toBe(COMPOSED);
      await a.users.update(id, { username: 'renate' }, OPERATOR);
      const other = await make();
      expect(await code(a.users.update(other.id, { username: COMPOSED }, OPERATOR))).toBe('username_retired');
      expect((await entryOf((await admit(COMPOSED)).user.id)).username).toBe(`${COMPOSED}-2`);
      await a.users.update(other.id, { username: COMPOSED, reuse_username: true }, OPERATOR);
      expect(await code(a.users.update(id, { username: COMPOSED }, OPERATOR))).toBe('username_already_exists');
      const retired = await a.kysely.selectFrom('retired_usernames').select('username').execute();
      expect(retired).toEqual([]);
    });
  });

  test('that the version before renamed follows its login', async () => {
    const { id } = await make();
    await addLogin(id, 'paula');
    await a.kysely.updateTable('local_logins').set({ username: 'pia' }).where('username', '=', 'paula').execute();
    await a.kysely.updateTable('credentials').set({ subject: 'pia', data: '{"username":"pia"}' }).where('user_id', '=', id).execute();
    expect(await follow(id, 'homeassistant', { subject: 'pia', data: { username: 'pia' } })).toBe('pia');
  });
});
