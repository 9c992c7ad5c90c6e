// The people and groups of the directory that the tests of the ldap provider log in at.
import { SERVICE, SUFFIX } from './slapd.ts';

const PEOPLE = `ou=people,${SUFFIX}`;
const GROUPS = `ou=groups,${SUFFIX}`;
/** Groups that lie in each other: `chain-1` in `chain-2`, and so on. */
const CHAIN = Array.from({ length: 12 }, (_, index) => index + 1);

type Attributes = Record<string, string | string[]>;

function entry(dn: string, attributes: Attributes): string {
  const lines = Object.entries(attributes).flatMap(([name, values]) => [values].flat().map((value) => `${name}:: ${base64(value)}`));
  return [`dn:: ${base64(dn)}`, ...lines, '', ''].join('\n');
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** By `dn`'s first part; who has no password cannot bind. */
function person(rdn: string, attributes: Attributes): string {
  return entry(`${rdn},${PEOPLE}`, { objectClass: 'inetOrgPerson', sn: 'x', ...attributes });
}

function group(cn: string, ...member: string[]): string {
  return entry(`cn=${cn},${GROUPS}`, { objectClass: 'groupOfNames', cn, member });
}

export const dnOf = (uid: string) => `uid=${uid},${PEOPLE}`;
export const groupDn = (cn: string) => `cn=${cn},${GROUPS}`;
export const PLACES = { people: PEOPLE, groups: GROUPS };

/** `password` is that of everybody who has one. */
export function directory(password: string): string {
  return [
    entry(SUFFIX, { objectClass: ['dcObject', 'organization'], o: 'example', dc: 'example' }),
    entry(SERVICE.bind_dn, {
      objectClass: ['organizationalRole', 'simpleSecurityObject'],
      cn: 'service',
      userPassword: SERVICE.bind_password,
    }),
    entry(PEOPLE, { objectClass: 'organizationalUnit', ou: 'people' }),
    entry(GROUPS, { objectClass: 'organizationalUnit', ou: 'groups' }),
    person('uid=alice', { uid: 'alice', cn: 'Alice Archer', mail: ['alice@example.org'], userPassword: password }),
    person('uid=bob', { uid: 'bob', cn: 'Bob', mail: 'shared@example.org', description: ['one', 'two'], userPassword: password }),
    person('uid=carol', { uid: 'carol', cn: 'Carol', mail: 'shared@example.org' }),
    person('uid=dave', { uid: 'dave', cn: 'Dave', userPassword: password }),
    person('uid=zoë', { uid: 'zoë', cn: 'Zoë', userPassword: password }),
    person('uid=o\\2cbrien\\2b', { uid: 'o,brien+', cn: 'O Brien', userPassword: password }),
    person('uid=star*(x)\\5c', { uid: 'star*(x)\\', cn: 'Star', userPassword: password }),
    entry(dnOf('away'), { objectClass: ['referral', 'extensibleObject'], uid: 'away', ref: `ldap://127.0.0.1:1/${dnOf('away')}` }),
    group('staff', dnOf('alice'), groupDn('everyone')),
    group('everyone', groupDn('staff'), dnOf('bob')),
    group('of-zoë', dnOf('carol')),
    ...CHAIN.map((link) => group(`chain-${link}`, link === 1 ? dnOf('dave') : groupDn(`chain-${link - 1}`))),
  ].join('');
}
