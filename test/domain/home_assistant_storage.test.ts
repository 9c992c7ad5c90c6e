import { describe, expect, test } from 'vitest';
import { readHomeAssistantStorage } from '../../src/domain/home_assistant_storage.ts';
import { vectors } from '../support/clients/vectors.ts';
import { homeAssistantStorage, idOf, type Storage, secretOf, tokenEntry } from '../support/fixtures/home_assistant_storage.ts';
import { NOON } from '../support/fixtures/people.ts';

type Change = (storage: Storage) => unknown;

function read(change: Change = () => {}) {
  const storage = homeAssistantStorage(NOON);
  change(storage);
  return readHomeAssistantStorage(storage, NOON);
}

const refusal = (change: Change) => {
  try {
    read(change);
  } catch (error) {
    return String((error as Error & { description: string }).description);
  }
  return undefined;
};

const person = (name: string, change?: Change) => read(change).people.find(({ id }) => id === idOf(name))!;

describe('files that Home Assistant does not write are refused with name and path', () => {
  test.each<[string, Change, string]>([
    ['no file', (s) => Object.assign(s, { auth: undefined }), 'auth: the file: is missing'],
    ['a list', (s) => Object.assign(s, { auth: [] }), 'auth: the file: '],
    ['another version', (s) => Object.assign(s.auth, { version: 2 }), 'auth: version: version 2 is not known; this release reads 1'],
    ['a version as text', (s) => Object.assign(s.auth, { version: '1' }), 'auth: version: '],
    ['another file', (s) => Object.assign(s.auth, { key: 'person' }), 'auth: key: '],
    ['no data', (s) => Object.assign(s.auth, { data: null }), 'auth: data: '],
    ['a user without an id', (s) => Object.assign(s.auth.data.users[3]!, { id: undefined }), 'auth: data.users[3].id: '],
    [
      'an id that is no id',
      (s) => Object.assign(s.auth.data.users[3]!, { id: '../x' }),
      'auth: data.users[3].id: must be 32 hexadecimal digits',
    ],
    ['a number as name', (s) => Object.assign(s.auth.data.users[3]!, { name: 5 }), 'auth: data.users[3].name: '],
    ['a text as flag', (s) => Object.assign(s.auth.data.users[3]!, { is_owner: 'yes' }), 'auth: data.users[3].is_owner: '],
    ['a user twice', (s) => s.auth.data.users.push(s.auth.data.users[3]!), 'auth: data.users[6].id: is there twice'],
    [
      'a token twice',
      (s) => s.auth.data.refresh_tokens.push(s.auth.data.refresh_tokens[0]!),
      'auth: data.refresh_tokens[9].id: is there twice',
    ],
    ['two owners', (s) => Object.assign(s.auth.data.users[3]!, { is_owner: true }), 'auth: data.users[3].is_owner: there is another owner'],
    ['a system user as owner', systemOwner, 'auth: data.users[0].is_owner: a system user cannot be the owner'],
    [
      'no passwords',
      (s) => Object.assign(s, { 'auth_provider.homeassistant': undefined }),
      'auth_provider.homeassistant: the file: is missing',
    ],
    [
      'half a login',
      (s) => s['auth_provider.homeassistant'].data.users.push({} as never),
      'auth_provider.homeassistant: data.users[4].username: ',
    ],
    ['a list of secrets', (s) => Object.assign(s['auth_module.totp'].data, { users: [] }), 'auth_module.totp: data.users: '],
    ['a long text', (s) => Object.assign(s.auth.data.users[3]!, { name: 'x'.repeat(5000) }), 'auth: data.users[3].name: '],
  ])('%s', (_story, change, words) => {
    expect(refusal(change)).toContain(words);
  });

  function systemOwner({ auth }: Storage) {
    for (const user of auth.data.users) user.is_owner = user.id === idOf('Home Assistant Content');
  }

  test('a refusal quotes no value, and names at most ten places', () => {
    const words = refusal((s) => {
      for (const token of s.auth.data.refresh_tokens) Object.assign(token, { token: 5, jwt_key: ['a secret'], id: 'a secret' });
    });
    expect(words?.split('; ')).toHaveLength(10);
    expect(words).not.toContain('a secret');
  });
});

describe('files of old releases', () => {
  test('without groups everybody but system users is an administrator', () => {
    const source = read((s) => {
      s.auth.data.groups = [];
      for (const user of s.auth.data.users) user.group_ids = [];
    });
    expect(source.people.map(({ group_ids }) => group_ids)).toEqual([[], [], ...Array.from({ length: 4 }, () => ['system-admin'])]);
    expect(source.notes).toContainEqual({ code: 'everybody_administrator' });
  });

  test('a single group without a policy is that of the administrators', () => {
    const source = read((s) => {
      s.auth.data.groups = [{ id: idOf('All'), name: 'All' }];
      for (const user of s.auth.data.users) user.group_ids = [idOf('All')];
    });
    expect(source.people.every(({ group_ids }) => group_ids.join() === 'system-admin')).toBe(true);
  });

  test('a group without a policy beside others makes no administrators', () => {
    const source = read((s) => {
      s.auth.data.groups.push({ id: idOf('All'), name: 'All' });
      s.auth.data.users[3]!.group_ids = [idOf('All')];
    });
    expect(source.people[3]).toMatchObject({ group_ids: [], notes: [{ code: 'group_unknown' }] });
  });
});

describe('vectors of the store', () => {
  const grants = (differences: object) => person('Oskar', withToken(differences)).grants;
  const withToken =
    (differences: object, user = 'Oskar'): Change =>
    (s) =>
      s.auth.data.refresh_tokens.push({ ...tokenEntry('t', user, NOON), ...differences });
  const checks: Record<string, () => unknown> = {
    'store-003': () => ({ dropped: grants({ jwt_key: undefined }).length === 0 }),
    'store-004': () => {
      const untyped = { client_id: null, token_type: undefined, credential_id: null };
      return { type: person('Supervisor', withToken(untyped, 'Supervisor')).grants.at(-1)?.token_type };
    },
    'store-005': () => ({ expire_at: grants({ expire_at: undefined })[0]?.idle_lifetime }),
  };
  for (const { id, expect: want } of vectors('store')) {
    const check = checks[id];
    const { basis: _, ...wanted } = want;
    if (check) test(id, () => expect(check()).toEqual(wanted));
  }
});

test('a token without a type is normal when it has a client', () => {
  const untyped: Change = (s) => s.auth.data.refresh_tokens.push({ ...tokenEntry('t', 'Oskar', NOON), token_type: undefined as never });
  expect(person('Oskar', untyped).grants[0]).toMatchObject({ token_type: 'normal', jwt_key: null, token_hash: expect.any(Buffer) });
});

test('idle expiry follows Home Assistant: 90 days after the last use, or never', () => {
  const [phone, browser] = person('Paula').grants;
  expect([phone?.idle_lifetime, browser?.idle_lifetime]).toEqual([90 * 86_400, 90 * 86_400]);
  expect(person('Wall tablet').grants[0]?.idle_lifetime).toBeNull();
});

test('two long-lived tokens of a name get names of their own', () => {
  const long_lived = {
    token_type: 'long_lived_access_token',
    client_id: null,
    client_name: 'a',
    access_token_expiration: 1e8,
    expire_at: null,
  };
  const double: Change = (s) =>
    s.auth.data.refresh_tokens.push(tokenEntry('x', 'Oskar', NOON, long_lived), tokenEntry('y', 'Oskar', NOON, long_lived));
  const names = person('Oskar', double).grants.map(({ client_name }) => client_name);
  expect(names).toEqual(['a', `a ${idOf('y').slice(0, 8)}`]);
});

test('the key of an app that refreshes is not kept', () => {
  expect(JSON.stringify(person('Paula').grants)).not.toContain(secretOf('phone key'));
});
