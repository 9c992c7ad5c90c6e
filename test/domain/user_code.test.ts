import { expect, test } from 'vitest';
import { newUserCode, readUserCode, showUserCode } from '../../src/domain/user_code.ts';

// G1
test('a code is eight of twenty consonants, and another one each time', () => {
  const codes = Array.from({ length: 1000 }, newUserCode);
  expect(codes.filter((code) => !/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/.test(code))).toEqual([]);
  expect(new Set(codes).size).toBe(1000);
  expect(new Set(codes.join('')).size).toBe(20);
});

test.each([
  ['WDJB-MJHT', 'WDJBMJHT'],
  [' wdjb mjht ', 'WDJBMJHT'],
  ['wdjb–mjht', 'WDJBMJHT'],
  ['W-D.J B\tMJHT', 'WDJBMJHT'],
])('%j is read as the intended code', (typed, code) => {
  expect(readUserCode(typed)).toBe(code);
  expect(readUserCode(showUserCode(code))).toBe(code);
});

// G9
test.each(['', 'WDJB-MJH', 'WDJB-MJHTT', 'AEIO-UAEI', 'WDJB-MJ1T', '"><svg onload=alert(1)>', 'ÄÖÜÄÖÜÄÖ', '𝐖DJB-MJH'])(
  '%j is no code',
  (typed) => {
    expect(readUserCode(typed)).toBeNull();
  },
);

test('an overlong text is no code', () => {
  expect(readUserCode(`${'-'.repeat(100_000)}WDJBMJHT`)).toBeNull();
});
