import { describe, expect, test } from 'vitest';
import { duration, lifetime } from '../../src/config/duration.ts';

describe('a duration', () => {
  for (const [text, seconds] of [
    ['30s', 30],
    ['30m', 1800],
    ['12h', 43_200],
    ['90d', 7_776_000],
  ] as const) {
    test(`${text} is ${seconds} seconds`, () => {
      expect(duration('1s', '90d').parse(text)).toBe(seconds);
    });
  }

  for (const value of ['', '30', 30, '-1m', '1.5h', '1 h', '1h30m', '1w', '1M', 'never', '91d', '0s', '9999999999999d', null]) {
    test(`${JSON.stringify(value)} is none within 1s and 90d`, () => {
      expect(duration('1s', '90d').safeParse(value).success).toBe(false);
    });
  }

  test('may be never where that is allowed', () => {
    expect(lifetime('1h', '90d').parse('never')).toBeNull();
    expect(lifetime('1h', '90d').parse('2h')).toBe(7200);
    expect(lifetime('1h', '90d').safeParse('59m').success).toBe(false);
  });
});
