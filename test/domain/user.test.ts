import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusalToAuthenticate } from '../../src/domain/login_block.ts';
import { isAdmin, isNormalisedUsername, normaliseUsername, usernameComplaint } from '../../src/domain/user.ts';
import { holds } from '../support/checks/holds.ts';
import { vectors } from '../support/clients/vectors.ts';

for (const { id, given, expect: want } of vectors('may-auth')) {
  test(`${id}: ${JSON.stringify(given)} is ${want.refusal ?? 'let in'}`, () => {
    expect(refusalToAuthenticate({ local_only: false, ...given }, given.remote ?? null)).toBe(want.refusal);
  });
}

test('the refusals come in Home Assistant order and words', () => {
  const localOnly = { is_active: true, local_only: true };
  const table: [Parameters<typeof refusalToAuthenticate>[0], string | null, string | null][] = [
    [{ is_active: false, local_only: true }, null, 'User is not active'],
    [{ is_active: true, local_only: false }, null, null],
    [localOnly, null, 'No request available to validate local access'],
    [localOnly, 'unknown', 'Invalid remote IP'],
    [localOnly, '8.8.8.8', 'User cannot authenticate remotely'],
    [localOnly, '::ffff:10.0.0.1', null],
  ];
  for (const [user, address, want] of table) expect(refusalToAuthenticate(user, address)).toBe(want);
});

test('the owner is an administrator also while inactive, others only as active members', () => {
  expect(isAdmin({ is_owner: true, is_active: false }, [])).toBe(true);
  expect(isAdmin({ is_owner: false, is_active: true }, ['system-users', 'system-admin'])).toBe(true);
  expect(isAdmin({ is_owner: false, is_active: false }, ['system-admin'])).toBe(false);
  expect(isAdmin({ is_owner: false, is_active: true }, ['system-users'])).toBe(false);
});

for (const { id, request, expect: want } of vectors('local-provider')) {
  const name: unknown = (request.change_username ?? [])[1] ?? request.ws?.username;
  const wanted = want.error?.translation_key ?? want.error;
  if (typeof name !== 'string') continue;
  test(`${id}: ${JSON.stringify(name)} is ${wanted === 'username_not_normalized' ? 'not ' : ''}normalised`, () => {
    expect(isNormalisedUsername(name)).toBe(wanted !== 'username_not_normalized');
  });
}

// H12
test('twins by case and surrounding space are one name; look-alikes are not', () => {
  expect([' Alice ', 'ALICE', '\u0085alice\n', 'aLıce'.replace('ı', 'I')].map(normaliseUsername)).toEqual([
    'alice',
    'alice',
    'alice',
    'alice',
  ]);
  expect(normaliseUsername('Straße')).toBe(normaliseUsername('STRASSE'));
  expect(normaliseUsername('\u0430lice')).not.toBe('alice');
  expect(normaliseUsername('ａlice')).not.toBe('alice');
  expect(normaliseUsername(' john  doe ')).toBe('john  doe');
});

test('a normalised name is normalised', () => {
  holds(fc.property(fc.string({ unit: 'binary' }), (text) => isNormalisedUsername(normaliseUsername(text))));
});

test('a user name is not empty, not endless and holds no control characters', () => {
  expect(['alice', ' Alice ', 'john doe', 'Zoë', 'a'.repeat(256), '👩‍🚀'].map(usernameComplaint)).toEqual(Array(6).fill(null));
  expect(usernameComplaint(' \t ')).toMatch(/empty/);
  expect(usernameComplaint('a'.repeat(257))).toMatch(/longer/);
  for (const character of ['\0', '\n', '\x1b', '\x7f', '\x85', '\ud800', '\u2028'])
    expect(usernameComplaint(`a${character}b`)).toMatch(/control/);
});
