import { describe, expect, it, test } from 'vitest';
import { attributesOf, attributeValues, binaryAttributes, type LdapEntry } from '../../../src/providers/ldap/entry.ts';

const entry: LdapEntry = {
  dn: 'CN=Alice,DC=example',
  objectGUID: Buffer.from('00ff10203040506070', 'hex'),
  Mail: ['a@example.org', 'b@example.org'],
  cn: 'Alice',
  sn: [],
  description: ['', 'nul\0', 'x'.repeat(1025), 'good'],
};

describe('the values of an attribute', () => {
  test.each<[string, string, string[]]>([
    ['are found in any case of its name', 'mail', ['a@example.org', 'b@example.org']],
    ['are one where there is one', 'cn', ['Alice']],
    ['are none where it is empty', 'sn', []],
    ['are none where it is missing', 'uid', []],
    ['of bytes are hexadecimal text', 'objectguid', ['00ff10203040506070']],
    ['called dn are the name of the entry', 'DN', ['CN=Alice,DC=example']],
    ['that no row could hold are left out', 'description', ['good']],
  ])('%s', (_story, attribute, values) => expect(attributeValues(entry, attribute)).toEqual(values));
});

it('the name of the entry is not asked for, and nothing is not everything', () => {
  expect(attributesOf(['uid', 'dn', undefined])).toEqual(['uid']);
  expect(attributesOf(['dn'])).toEqual(['1.1']);
});

it('bytes are asked for in the spelling of the settings and in that of Active Directory', () => {
  expect(binaryAttributes(['uid', 'OBJECTGUID'])).toEqual(['objectGUID', 'objectSid', 'OBJECTGUID']);
});
