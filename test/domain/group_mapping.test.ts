import { describe, expect, test } from 'vitest';
import { managedGroups, mappedGroups, newUserGroups } from '../../src/domain/group_mapping.ts';
import { normalizeGroupName } from '../../src/providers/ldap/group.ts';

const groups = { Staff: ['system-users', 'office'], 'cn=Admins,dc=example': ['system-admin'], Guests: [], Cleaners: ['office', 'cellar'] };

describe('the mapping', () => {
  for (const [story, names, expected] of [
    ['gives nothing to who is in no group', [], []],
    ['gives nothing to who is said to be in none', undefined, []],
    ['gives the groups that are named', ['Staff'], ['system-users', 'office']],
    ['gives each group once, in the order of the mapping', ['Cleaners', 'Staff'], ['system-users', 'office', 'cellar']],
    ['makes administrators where the operator wrote so', ['cn=Admins,dc=example'], ['system-admin']],
    ['compares names exactly', ['staff', 'Staff ', 'CN=Admins,DC=example'], []],
    ['knows no names but its own', ['constructor', '__proto__', 'office', 'system-admin'], []],
    ['has groups that map to nothing', ['Guests'], []],
  ] as const) {
    test(story, () => {
      expect(mappedGroups({ groups }, names ? { groups: [...names] } : {})).toEqual(expected);
    });
  }

  // W18
  test('compares names as the provider does', () => {
    const identity = { groups: ['staff', 'CN=admins, DC=Example'] };
    expect(mappedGroups({ groups, normalizeGroupName }, identity)).toEqual(['system-users', 'office', 'system-admin']);
  });

  test('manages every group it can give, and no other', () => {
    expect(managedGroups({ groups })).toEqual(['system-users', 'office', 'system-admin', 'cellar']);
    expect(managedGroups({})).toEqual([]);
  });

  test('gives nothing where there is none', () => {
    expect(mappedGroups({}, { groups: ['Staff'] })).toEqual([]);
  });
});

describe('a new user is put into', () => {
  const provider = { groups, default_groups: ['system-users'] };

  for (const [story, identity, expected] of [
    ['the default groups', {}, ['system-users']],
    ['the default groups and those of the mapping', { groups: ['Cleaners'] }, ['system-users', 'office', 'cellar']],
    ['the group that the provider names instead of the default ones', { group_ids: ['family'] }, ['family']],
    // K4
    ['the default groups rather than the administrators that the provider names', { group_ids: ['system-admin'] }, ['system-users']],
    ['the administrators by the mapping alone', { groups: ['cn=Admins,dc=example'] }, ['system-users', 'system-admin']],
  ] as const) {
    test(story, () => {
      expect(newUserGroups(provider, structuredClone(identity) as { groups?: string[]; group_ids?: string[] })).toEqual(expected);
    });
  }
});
