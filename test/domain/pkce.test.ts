import { expect, test } from 'vitest';
import { isCodeChallenge, isCodeVerifier, s256, verifierMatches } from '../../src/domain/pkce.ts';

// RFC 7636 appendix B
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

test('the example of the RFC matches', () => {
  expect(s256(verifier)).toBe(challenge);
  expect(verifierMatches(verifier, challenge)).toBe(true);
});

test('another verifier, the challenge itself, and what is no verifier do not match', () => {
  expect(verifierMatches(`${verifier}x`, challenge)).toBe(false);
  expect(verifierMatches(challenge, challenge)).toBe(false);
  expect(verifierMatches('short', s256('short'))).toBe(false);
  expect(verifierMatches('', '')).toBe(false);
});

test('challenge and verifier have 43 to 128 characters of their alphabets', () => {
  const lengths: [number, boolean][] = [
    [42, false],
    [43, true],
    [128, true],
    [129, false],
  ];
  for (const [length, good] of lengths) {
    expect(isCodeChallenge('a'.repeat(length))).toBe(good);
    expect(isCodeVerifier('a'.repeat(length))).toBe(good);
  }
  expect(isCodeVerifier(`${'a'.repeat(43)}.~`)).toBe(true);
  expect(isCodeChallenge(`${'a'.repeat(43)}.`)).toBe(false);
  expect(
    ['=', '+', '/', '\n', ' '].some(
      (character) => isCodeChallenge('a'.repeat(43) + character) || isCodeVerifier('a'.repeat(43) + character),
    ),
  ).toBe(false);
});
