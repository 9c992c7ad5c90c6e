// That no module of the FAPI 2.0 plan is forgotten: each of the table has one test that bears its
// name, and no test bears another.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAPI2_MODULES, FAPI2_NOTES } from './fapi2_modules.ts';

/** Titles of single tests, and of those in tables. */
function titlesIn(file: string): string[] {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8');
  return [...source.matchAll(/(?:^ *test\(|\[\s*)'((?:[\w]+-)+[\w]+)',/gm)].map(([, title = '']) => title);
}

test('the table has every module, once', () => {
  const modules = Object.values(FAPI2_MODULES).flat();
  expect([modules.length, new Set(modules).size]).toEqual([57, 57]);
  for (const module of Object.keys(FAPI2_NOTES)) expect(modules).toContain(module);
});

test.each(Object.entries(FAPI2_MODULES))('%s has the tests that the table says', (file, modules) => {
  expect(titlesIn(file).sort()).toEqual([...modules].sort());
});
