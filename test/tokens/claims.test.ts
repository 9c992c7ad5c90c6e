import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import type { UserFacts } from '../../src/repository/user_facts.ts';
import { namesUserClaims, userClaims } from '../../src/tokens/claims.ts';
import { NOON } from '../support/fixtures/people.ts';

const FACTS: UserFacts = {
  user_id: '5',
  name: 'Ada Lovelace',
  username: 'ada',
  email: 'ada@example.com',
  email_verified: true,
  picture: null,
  locale: 'en-GB',
  zoneinfo: null,
  group_ids: ['family', 'system-users'],
  created_at: NOON,
};
const PROFILE = { name: 'Ada Lovelace', preferred_username: 'ada', locale: 'en-GB', updated_at: NOON.getTime() / 1000 };
const EMAIL = { email: 'ada@example.com', email_verified: true };
const GROUPS = { groups: ['family', 'system-users'] };

for (const [scope, claims] of [
  ['openid', {}],
  ['openid profile', PROFILE],
  ['openid email', EMAIL],
  ['openid groups', GROUPS],
  ['groups email profile', { ...PROFILE, ...EMAIL, ...GROUPS }],
  ['openid offline_access address phone lights', {}],
] as const) {
  test(`userinfo tells for ${scope}: ${Object.keys(claims).join(' ') || 'nothing'}`, () => {
    expect(userClaims(scope.split(' '), null, 'userinfo', FACTS)).toEqual(claims);
  });
}

describe('claims that are named', () => {
  const named: JsonObject = {
    userinfo: { email: { essential: true }, phone_number: null, iss: null },
    id_token: { groups: null, __proto__x: null },
  };

  test('are returned where requested, and nowhere else', () => {
    expect(userClaims(['openid'], named, 'userinfo', FACTS)).toEqual({ email: 'ada@example.com' });
    expect(userClaims(['openid', 'profile'], named, 'id_token', FACTS)).toEqual(GROUPS);
    expect([namesUserClaims(named, 'userinfo'), namesUserClaims(named, 'id_token')]).toEqual([true, true]);
  });

  for (const claims of [
    null,
    {},
    { id_token: null },
    { id_token: [] },
    { id_token: 'name' },
    { id_token: { acr: null, auth_time: null } },
  ] as const) {
    test(`are none in ${JSON.stringify(claims)}`, () => {
      expect(userClaims(['openid', 'profile'], claims as JsonObject | null, 'id_token', FACTS)).toEqual({});
      expect(namesUserClaims(claims as JsonObject | null, 'id_token')).toBe(false);
    });
  }
});

test('what is not known is left out', () => {
  const facts = { ...FACTS, name: null, username: null, email: null, locale: null };
  expect(userClaims(['profile', 'email'], null, 'userinfo', facts)).toEqual({ updated_at: PROFILE.updated_at });
});
