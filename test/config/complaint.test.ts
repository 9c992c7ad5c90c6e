import { describe, expect, test } from 'vitest';
import { didYouMean, pathText } from '../../src/config/complaint.ts';

test('a path is written as one reads it', () => {
  expect(pathText(['auth_providers', 1, 'default_groups', 0])).toBe('auth_providers[1].default_groups[0]');
});

describe('a guess at what was meant', () => {
  const known = ['host', 'port', 'public_url', 'database_url'];
  for (const [word, guess] of [
    ['prot', 'port'],
    ['HOST', 'host'],
    ['public_ur', 'public_url'],
    ['databaseurl', 'database_url'],
    ['clients', ''],
    ['x', ''],
    ['', ''],
    ['p'.repeat(100_000), ''],
  ] as const) {
    test(`${word.slice(0, 20)} -> ${guess || 'nothing'}`, () => {
      expect(didYouMean(word, known)).toBe(guess && `; did you mean "${guess}"?`);
    });
  }
});
