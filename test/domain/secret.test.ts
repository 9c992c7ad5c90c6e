import { expect, test } from 'vitest';
import { randomBuffer, randomId, randomToken, safeEqual, sha256 } from '../../src/domain/secret.ts';

test('a token is its prefix and 256 random bits', () => {
  const tokens = Array.from({ length: 100 }, () => randomToken('lk_ac_'));
  expect(tokens.every((token) => /^lk_ac_[A-Za-z0-9_-]{43}$/.test(token))).toBe(true);
  expect(new Set(tokens).size).toBe(100);
});

test('random bytes never come twice, across draws of any size', () => {
  const sizes = [1, 5, 32, 4096, 4000, 100];
  const taken = Array.from({ length: 300 }, (_, round) => randomBuffer(sizes[round % sizes.length] ?? 0));
  expect(taken.map((bytes) => bytes.length)).toEqual(taken.map((_, round) => sizes[round % sizes.length]));
  const eights = taken.flatMap((bytes) => Array.from({ length: bytes.length >> 3 }, (_, i) => bytes.toString('hex', 8 * i, 8 * i + 8)));
  expect(new Set(eights).size).toBe(eights.length);
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
