// The rules of the source tree: layers, packages, cycles, the clock, SQL and classes.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  comparedTexts,
  forbiddenImports,
  forbiddenPackages,
  importCycle,
  type Source,
  spreadDependencies,
} from './support/checks/floors.ts';

const root = join(import.meta.dirname, '..', 'src');
const sources: Source[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
const texts = sources.map(({ path, text }) => [path, text] as const);

test('imports go down only, between folders and between plug-ins', () => {
  expect(forbiddenImports(sources)).toEqual([]);
});

test('each package is imported only where it is allowed', () => {
  expect(forbiddenPackages(sources)).toEqual([]);
});

test('services are wired with named dependencies', () => {
  expect(spreadDependencies(sources)).toEqual([]);
});

test('no code decides by the text of an error', () => {
  expect(comparedTexts(sources)).toEqual([]);
});

test('there are no import cycles', () => {
  expect(importCycle(sources)).toEqual([]);
});

test('every file opens with a comment that says what it is for', () => {
  const silent = texts.filter(([, text]) => !/^(#!.*\n)?(\/\/ |\/\*\*)/.test(text)).map(([path]) => path);
  expect(silent).toEqual([]);
});

test('nothing reads the wall clock', () => {
  const readers = texts.filter(([, text]) => /\bDate\.now\(|new Date\(\)/.test(text)).map(([path]) => path);
  expect(readers).toEqual([]);
});

test('the one class is AuthError', () => {
  const classes = texts.flatMap(([path, text]) =>
    [...text.matchAll(/^\s*(?:export )?(?:abstract )?class (\w+)/gm)].map(([, name]) => `${path} ${name}`),
  );
  expect(classes).toEqual(['domain/errors.ts AuthError']);
});

const importing = (path: string, specifier: string): Source[] => [{ path, text: `import { b } from '${specifier}';` }];

test.each<[string, Source[], (sources: Source[]) => string[]]>([
  ['an upward import', importing('domain/a.ts', '../login/b.ts'), forbiddenImports],
  ['an import from the CLI into HTTP', importing('http/routes/a.ts', '../../cli/b.ts'), forbiddenImports],
  ['a route in http/server', importing('http/server/a.ts', '../routes/token.ts'), forbiddenImports],
  ['a page in a route', importing('http/routes/a.ts', '../pages/login/login_page.tsx'), forbiddenImports],
  ['an import between plug-ins', importing('grants/a.ts', './b.ts'), forbiddenImports],
  ['an import between plug-in folders', importing('providers/ldap/a.ts', '../oidc/b.ts'), forbiddenImports],
  ['a file in an unknown folder', importing('helpers/a.ts', '../domain/b.ts'), forbiddenImports],
  ['fastify in the domain', importing('domain/a.ts', 'fastify'), forbiddenPackages],
  ['SQL outside of the repository', importing('accounts/a.ts', 'kysely'), forbiddenPackages],
  ['a package that no folder may use', importing('oauth/a.ts', 'left-pad/lib'), forbiddenPackages],
  [
    'a comparison with the text of an error',
    [{ path: 'oauth/a.ts', text: "if (error.description === 'Not Found') return;" }],
    comparedTexts,
  ],
  ['a destructured text', [{ path: 'oauth/a.ts', text: "const { message } = error; return message?.startsWith('x');" }], comparedTexts],
  ['a pattern for the text of an error', [{ path: 'oauth/a.ts', text: 'if (/expired/.test(error.message)) return;' }], comparedTexts],
  ['dependencies spread in wiring', [{ path: 'wiring/a.ts', text: 'createUsers({\n  clock,\n  ...base,\n})' }], spreadDependencies],
  [
    'a cycle',
    [
      { path: 'tokens/a.ts', text: "export * from './b.ts';" },
      { path: 'tokens/b.ts', text: "await import('./a.ts');" },
    ],
    importCycle,
  ],
])('%s is found', (_violation, planted, check) => {
  expect(check(planted)).not.toEqual([]);
});

test('a plug-in folder may import its own files', () => {
  expect(forbiddenImports(importing('providers/ldap/index.ts', './entry.ts'))).toEqual([]);
});
