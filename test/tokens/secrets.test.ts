import { expect, test } from 'vitest';
import { authorizationCodeHash, newAuthorizationCode } from '../../src/tokens/authorization_code.ts';
import { newRefreshToken, refreshTokenHash } from '../../src/tokens/refresh_token.ts';

// C7
test('10,000 codes are different, long and random, and only their hash is kept', () => {
  const codes = Array.from({ length: 10_000 }, () => newAuthorizationCode());
  expect(new Set(codes.map(({ code }) => code)).size).toBe(10_000);
  for (const { code, code_hash } of codes) {
    expect(code).toMatch(/^lk_ac_[A-Za-z0-9_-]{43}$/);
    expect(code_hash).toHaveLength(32);
  }
  const text = codes.map(({ code }) => code.slice(6)).join('');
  const shares = [...new Set(text)].map((character) => text.split(character).length / text.length);
  const bits_per_character = -shares.reduce((sum, share) => sum + share * Math.log2(share), 0);
  expect(bits_per_character * 43).toBeGreaterThan(250);
});

test('a secret is found by its hash, whole and exact', () => {
  const { refresh_token, token_hash } = newRefreshToken();
  expect(refresh_token).toMatch(/^lk_rt_[A-Za-z0-9_-]{43}$/);
  expect(refreshTokenHash(refresh_token)).toEqual(token_hash);
  for (const other of [refresh_token.slice(0, -1), `${refresh_token}A`, refresh_token.slice(6), ` ${refresh_token}`]) {
    expect(refreshTokenHash(other)).not.toEqual(token_hash);
  }
  const { code, code_hash } = newAuthorizationCode();
  expect(authorizationCodeHash(code)).toEqual(code_hash);
});
