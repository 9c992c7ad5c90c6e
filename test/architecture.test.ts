import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { forbiddenImports, importCycle, longFiles, type Source } from './support/floors.ts';

const root = join(import.meta.dirname, '..', 'src');
const sources: Source[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
const texts = sources.map(({ path, text }) => [path, text] as const);

test('imports go down only', () => {
  expect(forbiddenImports(sources)).toEqual([]);
});

test('no file imports itself by way of others', () => {
  expect(importCycle(sources)).toEqual([]);
});

test('no file is longer than 300 lines', () => {
  expect(longFiles(sources)).toEqual([]);
});

test('every file opens by saying what it promises', () => {
  const silent = texts.filter(([, text]) => !/^(#!.*\n)?(\/\/ |\/\*\*)/.test(text)).map(([path]) => path);
  expect(silent).toEqual([]);
});

test('nothing reads the wall clock beside the one that is handed in', () => {
  // main.ts and app.ts are where the wall clock is handed in.
  const readers = texts.filter(([path, text]) => path !== 'app.ts' && /\bDate\.now\(|new Date\(\)/.test(text)).map(([path]) => path);
  expect(readers).toEqual([]);
});

test('only the repository knows SQL', () => {
  const speakers = texts
    .filter(([path, text]) => !path.startsWith('repository/') && /\bfrom 'kysely'|\bfrom 'pg'/.test(text))
    .map(([path]) => path);
  expect(speakers).toEqual([]);
});

test('the one class is AuthError', () => {
  const classes = texts.flatMap(([path, text]) =>
    [...text.matchAll(/^\s*(?:export )?(?:abstract )?class (\w+)/gm)].map(([, name]) => `${path} ${name}`),
  );
  expect(classes).toEqual(['domain/errors.ts AuthError']);
});

test.each<[string, Source[], (sources: Source[]) => string[]]>([
  ['an upward import', [{ path: 'domain/a.ts', text: "import { b } from '../login/b.ts';" }], forbiddenImports],
  ['an import of a sibling floor', [{ path: 'http/a.ts', text: "import { b } from '../cli/b.ts';" }], forbiddenImports],
  ['an import between plug-ins', [{ path: 'grants/a.ts', text: "import { b } from './b.ts';" }], forbiddenImports],
  [
    'a cycle',
    [
      { path: 'tokens/a.ts', text: "export * from './b.ts';" },
      { path: 'tokens/b.ts', text: "await import('./a.ts');" },
    ],
    importCycle,
  ],
  ['a file of 301 lines', [{ path: 'domain/a.ts', text: '// x\n'.repeat(301) }], longFiles],
])('%s is found', (_fault, planted, check) => {
  expect(check(planted)).not.toEqual([]);
});
