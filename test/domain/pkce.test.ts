import { expect, test } from 'vitest';
import { isCodeChallenge, isCodeVerifier, s256Challenge, verifierMatches } from '../../src/domain/pkce.ts';

// RFC 7636 appendix B
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

test('the example of the RFC matches', () => {
  expect(s256Challenge(verifier)).toBe(challenge);
  expect(verifierMatches(verifier, challenge)).toBe(true);
});

test('another verifier, the challenge itself, and what is no verifier do not match', () => {
  expect(verifierMatches(`${verifier}x`, challenge)).toBe(false);
  expect(verifierMatches(challenge, challenge)).toBe(false);
  expect(verifierMatches('short', s256Challenge('short'))).toBe(false);
  expect(verifierMatches('', '')).toBe(false);
});

// W6
test('an S256 challenge has exactly 43 characters, a verifier 43 to 128, of their alphabets', () => {
  const lengths: [number, boolean, boolean][] = [
    [42, false, false],
    [43, true, true],
    [44, false, true],
    [128, false, true],
    [129, false, false],
  ];
  for (const [length, is_challenge, is_verifier] of lengths) {
    expect([length, isCodeChallenge('a'.repeat(length))]).toEqual([length, is_challenge]);
    expect([length, isCodeVerifier('a'.repeat(length))]).toEqual([length, is_verifier]);
  }
  expect(isCodeVerifier(`${'a'.repeat(43)}.~`)).toBe(true);
  expect(isCodeChallenge(`${'a'.repeat(42)}.`)).toBe(false);
  expect(
    ['=', '+', '/', '\n', ' '].some(
      (character) => isCodeChallenge('a'.repeat(42) + character) || isCodeVerifier('a'.repeat(43) + character),
    ),
  ).toBe(false);
});
