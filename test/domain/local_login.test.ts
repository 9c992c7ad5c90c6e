import { describe, expect, test } from 'vitest';
import { newUsername, requireNewPassword, requireNewUsername } from '../../src/domain/local_login.ts';
import { INVISIBLE } from '../support/checks/invisible.ts';

const rule = { username: 'paulus@example.com', minimum_length: 8 };
const check =
  (password: string, differences = {}) =>
  () =>
    requireNewPassword(password, { ...rule, ...differences });

// H9
describe('a new password', () => {
  test.each([
    ['of exactly the minimum', 'tr0ub4do'],
    ['of 64 characters', `${'x'.repeat(63)}y`],
    ['of the longest length', `${'x'.repeat(1023)}y`],
    ['with blanks at its ends', ' long enough '],
    ['of eight emoji', '🦊🐻🐼🐨🐯🦁🐮🐷'],
    ['with letters of any script', 'пароль от дома'],
  ])('%s is taken', (_, password) => {
    expect(check(password)).not.toThrow();
  });

  test.each([
    ['is too short', 'tr0ub4d', 'Password must have at least 8 characters'],
    ['is too short for its emoji', '🦊🐻🐼🐨', 'Password must have at least 8 characters'],
    ['is too long', 'x'.repeat(1025), 'Password must not be longer than 1024 characters'],
    ['is the username', 'paulus@example.com', 'Password must not be the username'],
    ['is the username in capitals', ' PAULUS@example.com', 'Password must not be the username'],
    ['is among the most common ones', 'password1', 'Password is one of the most common ones'],
    ['is a common one in capitals', 'QwertyUiop', 'Password is one of the most common ones'],
    ['has a NUL inside', 'long\0enough', 'Password must be text'],
    ['is broken text', 'long enough \ud800', 'Password must be text'],
  ])('that %s is refused', (_, password, description) => {
    expect(check(password)).toThrow(expect.objectContaining({ code: 'invalid_password', description }));
  });

  test('follows the configured minimum', () => {
    expect(check('x', { minimum_length: 1 })).not.toThrow();
    expect(check('fourteen chars', { minimum_length: 15 })).toThrow('at least 15');
  });
});

describe('a new username', () => {
  test.each(['paulus', 'john doe', 'strasse', 'a', 'ünïcödé'])('%j is taken', (username) => {
    expect(() => requireNewUsername(username)).not.toThrow();
  });

  // H12
  test.each(['Paulus', ' paulus', 'paulus\u00a0', 'straße', 'ΣΊΣΥΦΟΣ'])('%j is refused as not normalised', (username) => {
    const description = `Username "${username}" is not normalized. Please make sure the username is lowercase and does not contain any whitespace.`;
    expect(() => requireNewUsername(username)).toThrow(expect.objectContaining({ code: 'username_not_normalized', description }));
  });

  test.each(['', ' ', 'x'.repeat(257), 'a\0b', 'a\nb', '\ud800'])('%j is no name at all', (username) => {
    expect(() => requireNewUsername(username)).toThrow(expect.objectContaining({ code: 'invalid_format' }));
  });

  // S12
  test.each(INVISIBLE)('with U+%s in it is refused: it looks like another name', (hex) => {
    const username = `oli${String.fromCodePoint(Number.parseInt(hex, 16))}via`;
    const refusal = expect.objectContaining({ code: 'invalid_format', description: 'Username must not contain invisible characters' });
    expect(() => requireNewUsername(username)).toThrow(refusal);
    expect(() => newUsername(username)).toThrow(refusal);
  });
});
