import { expect, it, test } from 'vitest';
import { missingClaims, oidcIdentity } from '../../../src/providers/oidc/identity.ts';
import { STANDARD_CLAIMS } from '../../../src/providers/oidc/presets.ts';

const ISSUER = 'https://op.example';
const identityOf = (claims: object, names = STANDARD_CLAIMS, trust_email = false) =>
  oidcIdentity(ISSUER, { sub: 's', ...claims }, { names, trust_email });

it('is found by issuer and subject together', () => {
  expect(identityOf({ name: 'Ann', preferred_username: 'ann', email: 'a@b.example' })).toEqual({
    subject: 'https://op.example s',
    data: { sub: 's', preferred_username: 'ann' },
    name: 'Ann',
    email: null,
    unverified_email: 'a@b.example',
    amr: [],
  });
});

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['empty', ''],
  ['longer than 255 characters', 's'.repeat(256)],
  ['a text with a NUL', 'a\0b'],
  ['half a character', '\ud800'],
  ['an object', {}],
  ['a number that is not exact', 2 ** 53],
  ['a broken number', 1.5],
])('a subject that is %s is nobody', (_story, sub) => {
  expect(identityOf({ sub })).toHaveProperty('refused');
});

// K10
test.each<[unknown, string | null]>([
  [true, 'ann@b.example'],
  ['true', 'ann@b.example'],
  [false, null],
  ['false', null],
  [1, null],
  [undefined, null],
])('with email_verified %j the e-mail address is %j', (email_verified, email) => {
  expect(identityOf({ email: 'ann@b.example', email_verified })).toMatchObject({ email });
  // S11: what the upstream vouches for counts as verified only where the operator trusts it.
  const trusted = identityOf({ email: 'ann@b.example', email_verified }, STANDARD_CLAIMS, true);
  expect('refused' in trusted ? trusted : (trusted.email_verified ?? false)).toBe(email !== null);
  expect(identityOf({ email: 'ann@b.example', email_verified })).not.toMatchObject({ email_verified: true });
});

test.each<[string, unknown, string[]]>([
  ['a list', ['a', 'b', 'a'], ['a', 'b']],
  ['a text', 'a', ['a']],
  ['objects with names', [{ name: 'a' }, { id: 1 }], ['a']],
  ['a mixture', ['a', 1, null, '', 'b\0', ['c']], ['a']],
  ['null', null, []],
  ['an empty list', [], []],
  ['very many', Array.from({ length: 2000 }, (_, index) => `g${index}`), Array.from({ length: 1000 }, (_, index) => `g${index}`)],
])('groups are read from %s', (_story, groups, read) => {
  expect(identityOf({ groups })).toMatchObject({ groups: read });
});

// W13
test.each([
  {},
  { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://graph.example' } } },
  { groups: [], _claim_names: { groups: 'src1' } },
])('of %j nothing is known about groups, which is not that there are none', (claims) => {
  expect(identityOf(claims)).not.toHaveProperty('groups');
});

it('a name with dots looks into objects, unless a claim is called so', () => {
  const names = { ...STANDARD_CLAIMS, groups: 'realm_access.roles' };
  expect(identityOf({ realm_access: { roles: ['a'] } }, names)).toMatchObject({ groups: ['a'] });
  expect(identityOf({ 'realm_access.roles': ['b'], realm_access: { roles: ['a'] } }, names)).toMatchObject({ groups: ['b'] });
  expect(identityOf({ realm_access: ['a'] }, names)).not.toHaveProperty('groups');
});

it('how the person proved it is carried on if it was several things', () => {
  expect(identityOf({ amr: ['pwd', 'mfa', 'own-word', 'otp'] })).toMatchObject({ amr: ['mfa', 'otp', 'pwd'] });
  expect(identityOf({ amr: ['pwd'] })).toMatchObject({ amr: [] });
  expect(identityOf({ amr: 'mfa' })).toMatchObject({ amr: [] });
});

it('a name on a page is one line without marks that hide something', () => {
  expect(identityOf({ name: 'Ann\u202e\nOwner' })).toMatchObject({ name: 'Ann Owner' });
  expect(identityOf({ name: ' ', preferred_username: 'ann' })).toMatchObject({ name: 'ann' });
});

it('tells which claims are still to be asked for', () => {
  expect(missingClaims({ sub: 's', name: 'n', email: 'e', email_verified: true }, STANDARD_CLAIMS)).toEqual([
    'preferred_username',
    'groups',
  ]);
});
