import { describe, expect, it } from 'vitest';
import { normalizeGroupName } from '../../../src/providers/ldap/group.ts';

const isSame = (one: string, other: string) => normalizeGroupName(one) === normalizeGroupName(other);

// W18: RFC 4517 sections 4.2.11 and 4.2.15
describe('the names of a group', () => {
  it.each([
    ['cn=Admins,dc=example,dc=com', 'CN=admins,DC=Example,DC=com'],
    ['cn=Admins,dc=example', 'cn = Admins , dc=example'],
    ['cn=Admins,dc=example', 'cn=Admins;dc=example'],
    ['cn=Admins,dc=example', '2.5.4.3=Admins,0.9.2342.19200300.100.1.25=example'],
    ['cn=Admins,dc=example', 'commonName=Admins,domainComponent=example'],
    ['cn=Admins,dc=example', 'OID.2.5.4.3=Admins,dc=example'],
    ['cn=The  Admins,dc=example', 'cn=the admins,dc=example'],
    ['cn=Admins\\, all,dc=example', 'cn=Admins\\2C all,dc=example'],
    ['cn="Admins, all",dc=example', 'cn=Admins\\, all,dc=example'],
    ['cn=B\\C3\\BCro,dc=example', 'cn=BÜRO,dc=example'],
    ['cn=Büro,dc=example', 'cn=Bu\u0308ro,dc=example'],
    ['cn=a+ou=b,dc=example', 'OU=B+CN=A,dc=example'],
    ['Staff', 'staff'],
    [' Staff  of  the house', 'STAFF of the house '],
    ['Straße', 'STRASSE'],
    ['Büro', 'BU\u0308RO'],
    ['a\u00adb', 'ab'],
    ['ｓｔａｆｆ', 'Staff'],
  ])('%j and %j are the same', (one, other) => {
    expect(isSame(one, other)).toBe(true);
  });

  it.each([
    ['cn=Admins,dc=example', 'cn=Admins,dc=example,dc=com'],
    ['cn=a,cn=b', 'cn=b,cn=a'],
    ['cn=a\\,cn=b', 'cn=a,cn=b'],
    ['cn=a\\+ou=b', 'cn=a+ou=b'],
    ['cn=Admins', 'ou=Admins'],
    ['cn=Admins', 'Admins'],
    ['cn=Admins,', 'cn=Admins'],
    ['Staff', 'Staffs'],
    ['Buro', 'Büro'],
    ['a b', 'ab'],
  ])('%j and %j are not', (one, other) => {
    expect(isSame(one, other)).toBe(false);
  });
});
