// Device user codes (RFC 8628 section 6.1): eight of twenty consonants, so that they form no words
// and are not confused; shown in two groups.
import { randomInt } from 'node:crypto';

/** The grant type of device codes (RFC 8628 section 3.4). */
export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 8;

/** A new code in stored form. 20^8 are enough for ten minutes and logged-in guessers. */
export function newUserCode(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** The code in a typed text, ignoring case and grouping; null if malformed. */
export function readUserCode(text: string): string | null {
  const code = text
    .slice(0, 64)
    .replace(/[\s\p{Pd}.]/gu, '')
    .toUpperCase();
  return code.length === LENGTH && Array.from(code).every((letter) => ALPHABET.includes(letter)) ? code : null;
}

/** The displayed form. */
export function showUserCode(code: string): string {
  return `${code.slice(0, LENGTH / 2)}-${code.slice(LENGTH / 2)}`;
}
