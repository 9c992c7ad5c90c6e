import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cleanText, foldCase, isolateText, pythonStrip } from '../../src/domain/text.ts';
import { holds } from '../support/checks/holds.ts';

const escapes = (text: string) => Array.from(text, (character) => character.codePointAt(0)?.toString(16)).join(' ');

test('the special cases fold as Unicode says', () => {
  const table: [string, string][] = [
    ['Straße STRASSE', 'strasse strasse'],
    ['ẞ', 'ss'],
    ['İ', 'i\u0307'],
    ['ı', 'ı'],
    ['ŉ', 'ʼn'],
    ['ǰ', 'j\u030c'],
    ['ΐ', 'ι\u0308\u0301'],
    ['ΰ', 'υ\u0308\u0301'],
    ['և', 'եւ'],
    ['ẖ', 'h\u0331'],
    ['ﬀﬁﬂﬃﬄﬅﬆ', 'fffiflffifflstst'],
    ['ﬓﬔﬕﬖﬗ', 'մնմեմիվնմխ'],
    ['ᾀ ᾈ', 'ἀι ἀι'],
    ['ᾷ ῼ', 'α\u0342ι ωι'],
    ['ΣΑΣ σας', 'σασ σασ'],
    ['Ꭰ ꭰ ᏸ', 'Ꭰ Ꭰ Ᏸ'],
    ['K Å Ω ſ µ ͅ', 'k å ω s μ ι'],
    ['ǅ Ა 𐐀', 'ǆ ა 𐐨'],
  ];
  for (const [text, want] of table) expect(escapes(foldCase(text))).toBe(escapes(want));
});

test('all of Unicode folds as in Python', () => {
  // Letters that gained a case in Unicode 16 and 17; the digest is Python's with Unicode 14, and
  // folds of old letters never change.
  const later = /[\u1c89\ua7cb\ua7cc\ua7ce\ua7d2\ua7d4\ua7da\ua7dc\u{10d50}-\u{10d65}\u{16ea0}-\u{16eb8}]/u;
  const folds: string[] = [];
  for (let point = 0; point <= 0x10ffff; point += 1) {
    const character = String.fromCodePoint(point);
    const fold = foldCase(character);
    if (fold !== character && !later.test(character)) folds.push(`${escapes(character)} ${escapes(fold)}\n`);
  }
  expect(folds.length).toBe(1530);
  expect(createHash('sha256').update(folds.join('')).digest('hex')).toBe(
    '89fd8030f6d9e229d653010e7bd56ce2987cdf7e8b065e8dc1d055774c294c54',
  );
});

test('folding again changes nothing, and ASCII folds to lower case', () => {
  holds(fc.property(fc.string({ unit: 'grapheme' }), (text) => foldCase(foldCase(text)) === foldCase(text)));
  holds(fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => foldCase(text) === text.toLowerCase()));
});

test('strip removes what Python calls space, at both ends only', () => {
  const spaces: number[] = [];
  for (let point = 0; point <= 0xffff; point += 1) if (pythonStrip(String.fromCharCode(point)) === '') spaces.push(point);
  const python = [
    9,
    10,
    11,
    12,
    13,
    0x1c,
    0x1d,
    0x1e,
    0x1f,
    0x20,
    0x85,
    0xa0,
    0x1680,
    ...Array.from({ length: 11 }, (_, index) => 0x2000 + index),
  ];
  expect(spaces).toEqual([...python, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000]);
  expect(pythonStrip(' \u0085 john  doe\u3000\n')).toBe('john  doe');
  expect(pythonStrip('\ufeffa')).toBe('\ufeffa');
  expect(pythonStrip(`a${' '.repeat(60_000)}b`).length).toBe(60_002);
});

// S18, N5
test('every bidi control and every character that is drawn as nothing is taken out, joiners and emoji stay', () => {
  const hidden = ['\u00ad', '\u034f', '\u061c', '\u115f', '\u180e', '\u200b', '\u200e', '\u200f', '\u2061', '\u206f', '\u3164', '\ufff9'];
  const controls = ['\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069', '\u{e0041}'];
  for (const mark of [...hidden, ...controls]) expect([mark, cleanText(`a${mark}b`)]).toEqual([mark, 'ab']);
  for (const text of ['\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645', '\u{1f469}\u200d\u{1f680}', '\u2764\ufe0f'])
    expect(cleanText(text)).toBe(text);
});

// S18
test('a text that runs from right to left does not turn what stands around it', () => {
  expect(isolateText('\u05d0\u05d1')).toBe('\u2068\u05d0\u05d1\u2069');
  expect(isolateText('Ada')).toBe('Ada');
});

// N5
test('bidi and invisible marks are taken out of what is shown', () => {
  expect(cleanText('\u202egnp.exe\u202c \u2066x\u2069\u200b\ufeff')).toBe('gnp.exe x');
  expect(cleanText('\ud800a')).toBe('\ufffda');
});

// H25
test('a text from outside stays on one line and within its length', () => {
  expect(cleanText('a\r\nb\u001b[31m\u0000c\u2028d')).toBe('a b [31m c d');
  expect(cleanText('x'.repeat(65_536), 10)).toBe('xxxxxxxxx…');
  expect(cleanText('x'.repeat(10), 10)).toBe('xxxxxxxxxx');
  expect(cleanText('😀'.repeat(11), 10)).toBe(`${'😀'.repeat(9)}…`);
  expect(cleanText(`\u202e${'\u200b'.repeat(100)}x`, 10)).toBe('…');
});
