import { expect, test } from 'vitest';
import { randomId, randomToken, safeEqual, sha256 } from '../../src/domain/secret.ts';

test('a token is its prefix and 256 random bits', () => {
  const tokens = Array.from({ length: 100 }, () => randomToken('lk_ac_'));
  expect(tokens.every((token) => /^lk_ac_[A-Za-z0-9_-]{43}$/.test(token))).toBe(true);
  expect(new Set(tokens).size).toBe(100);
});

test('an id is 32 hexadecimal characters', () => {
  expect(randomId()).toMatch(/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
});

test('a hash is the SHA-256 of the UTF-8 text', () => {
  expect(sha256('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('secrets are compared whole, of any length and alphabet', () => {
  expect(safeEqual('a', 'a')).toBe(true);
  expect(safeEqual('a', 'ab')).toBe(false);
  expect(safeEqual('', '')).toBe(true);
  expect(safeEqual('é', Buffer.from('é'))).toBe(true);
});
