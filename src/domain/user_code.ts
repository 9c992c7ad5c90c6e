// The code that a person carries from a device to the browser (RFC 8628 section 6.1): eight of twenty consonants, so that no word comes up and
// none is mistaken for another; shown in two groups.
import { randomInt } from 'node:crypto';

/** What a device's code is traded by (RFC 8628 section 3.4). */
export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 8;

/** A new code, as it is stored. 20^8 of them are enough for a code of ten minutes that is asked for by people who are logged in. */
export function newUserCode(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** The code in what a person typed, in whatever case and groups; null for what is none. */
export function readUserCode(text: string): string | null {
  const code = text
    .slice(0, 64)
    .replace(/[\s\p{Pd}.]/gu, '')
    .toUpperCase();
  return code.length === LENGTH && Array.from(code).every((letter) => ALPHABET.includes(letter)) ? code : null;
}

/** As a person reads it. */
export function showUserCode(code: string): string {
  return `${code.slice(0, LENGTH / 2)}-${code.slice(LENGTH / 2)}`;
}
