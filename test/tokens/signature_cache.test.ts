import { expect, test, vi } from 'vitest';
import { createSignatureCache } from '../../src/tokens/signature_cache.ts';

test('a signature is checked once', () => {
  const tokens = createSignatureCache();
  const verify = vi.fn(() => ({ sub: 'paula' }));
  expect(tokens.claimsOf('a.b.c', verify)).toEqual({ sub: 'paula' });
  expect(tokens.claimsOf('a.b.c', verify)).toEqual({ sub: 'paula' });
  expect(verify).toHaveBeenCalledTimes(1);
});

test('what is not good is checked each time', () => {
  const tokens = createSignatureCache();
  const verify = vi.fn(() => null);
  expect([tokens.claimsOf('a.b.c', verify), tokens.claimsOf('a.b.c', verify)]).toEqual([null, null]);
  expect(verify).toHaveBeenCalledTimes(2);
});

test('nobody can change what a token was found to say', () => {
  const tokens = createSignatureCache();
  const claims = tokens.claimsOf('a.b.c', () => ({ sub: 'paula' }));
  expect(() => Object.assign(claims ?? {}, { sub: 'otto' })).toThrow(TypeError);
});

test('the least recently used is evicted first', () => {
  const tokens = createSignatureCache(2);
  const again = vi.fn(() => ({}));
  for (const token of ['one', 'two', 'three']) tokens.claimsOf(token, () => ({}));
  for (const token of ['three', 'two', 'one']) tokens.claimsOf(token, again);
  expect(again).toHaveBeenCalledTimes(1);
});
