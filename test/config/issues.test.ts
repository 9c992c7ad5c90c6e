import { describe, expect, test } from 'vitest';
import { didYouMean } from '../../src/config/issues.ts';

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
