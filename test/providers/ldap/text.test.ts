import { describe, expect, it, test } from 'vitest';
import { comparableName, escapeDnValue, escapeFilterValue, fillTemplate } from '../../../src/providers/ldap/text.ts';

// K5
describe('in a filter', () => {
  test.each([
    ['what has a meaning there loses it', '*()\\\0', '\\2a\\28\\29\\5c\\00'],
    ['the rest stays', 'zoë, 😀 =&|!', 'zoë, 😀 =&|!'],
  ])('%s', (_story, value, escaped) => expect(escapeFilterValue(value)).toBe(escaped));
});

// K5
describe('in a distinguished name', () => {
  test.each([
    ['what has a meaning there loses it', '",+;<=>\\\0', '\\22\\2c\\2b\\3b\\3c\\3d\\3e\\5c\\00'],
    ['blanks at the edges and a first # are kept as they are', ' # ', '\\20#\\20'],
    ['one blank alone is escaped once', ' ', '\\20'],
    ['the rest stays', 'zoë #1 (x)*', 'zoë #1 (x)*'],
  ])('%s', (_story, value, escaped) => expect(escapeDnValue(value)).toBe(escaped));
});

it('a value that reads like a place is not filled again, and an unknown place stays', () => {
  const values = { username: '{dn}', dn: 'x' };
  expect(fillTemplate('(|(a={username})(b={dn})(c={toString}))', values, (value) => value)).toBe('(|(a={dn})(b=x)(c={toString}))');
});

// H5
test.each([
  ['case', 'ALICE'],
  ['blanks', '  alice '],
  ['width', 'ａｌｉｃｅ'],
  ['accents', 'álicé'],
  ['invisible characters', 'a\u00adl\u200bi\u2060c\ufe0fe'],
])('a name is the same name whatever its %s', (_what, spelling) => {
  expect(comparableName(spelling)).toBe('alice');
});

it('blanks within a name are one blank', () => {
  expect(comparableName('Alice \t Archer')).toBe('alice archer');
});
