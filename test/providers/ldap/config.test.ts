import { expect, it, test } from 'vitest';
import { ldapConfig } from '../../../src/providers/ldap/config.ts';

const block = { url: 'ldaps://ldap.example.com', base_dn: 'dc=example,dc=com' };
const complaints = (settings: object) => {
  const { error } = ldapConfig.safeParse({ ...block, ...settings });
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
};

it('a URL and a base are enough', () => {
  expect(ldapConfig.parse(block)).toEqual({
    ...block,
    user_filter: '(uid={username})',
    attributes: { subject: 'entryUUID', username: 'uid', name: 'cn', email: 'mail' },
    group_filter: '(member={dn})',
    group_name: 'cn',
    nested_groups: false,
    trust_email: false,
  });
});

test.each<[string, object, RegExp[]]>([
  ['a URL of another kind', { url: 'https://ldap.example.com' }, [/^url: must be a URL/]],
  ['a URL with a path', { url: 'ldap://ldap.example.com/dc=x' }, [/^url: must be a URL/]],
  ['a URL with a user', { url: 'ldap://user@ldap.example.com' }, [/^url: must be a URL/]],
  ['StartTLS within TLS', { start_tls: true }, [/^start_tls: is for ldap URLs/]],
  ['neither base nor name', { base_dn: undefined }, [/^base_dn: is required, or user_dn$/]],
  ['base and name', { user_dn: 'uid={username},dc=x' }, [/^user_dn: give either base_dn or user_dn, not both$/]],
  ['a name without a place for the username', { base_dn: undefined, user_dn: 'uid=alice,dc=x' }, [/^user_dn: must be a name/]],
  ['a name that is none', { base_dn: undefined, user_dn: '{username}@example.com' }, [/^user_dn: must be a name/]],
  ['a service account without a password', { bind_dn: 'cn=x' }, [/^bind_password: goes with bind_dn/]],
  // K6
  ['a service account with an empty password', { bind_dn: 'cn=x', bind_password: '' }, [/^bind_password/]],
  ['a password without a service account', { bind_password: 'x' }, [/^bind_password: goes with bind_dn/]],
  [
    'a service account that has nothing to do',
    { base_dn: undefined, user_dn: 'uid={username},dc=x', bind_dn: 'cn=x', bind_password: 'x' },
    [/^bind_dn/],
  ],
  ['a filter without a place for the username', { user_filter: '(uid=alice)' }, [/^user_filter: must have \{username\}/]],
  ['a filter with an open parenthesis', { user_filter: '(&(uid={username})' }, [/^user_filter: must be a filter/]],
  // K5
  ['a filter whose attribute the stranger names', { user_filter: '({username}=x)' }, [/^user_filter: must be a filter/]],
  [
    'groups above groups that nothing could find',
    { nested_groups: true, group_filter: '(memberUid={username})' },
    [/^group_filter: must have \{dn\}/],
  ],
  ['an attribute that is none', { attributes: { name: 'c n' } }, [/^attributes.name: must be the name/]],
  ['an unknown attribute', { attributes: { phone: 'x' } }, [/^attributes/]],
])('%s is refused', (_story, settings, expected) => {
  expect(complaints(settings)).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
});

test.each([
  ['Active Directory walks up the groups itself', { group_filter: '(member:1.2.840.113556.1.4.1941:={dn})' }],
  [
    'a filter may look at several attributes',
    { user_filter: '(&(objectClass=person)(|(uid={username})(mail={username}))(!(locked=TRUE)))' },
  ],
  ['a host may be an address', { url: 'ldaps://[::1]:636' }],
])('%s', (_story, settings) => expect(complaints(settings)).toEqual([]));
