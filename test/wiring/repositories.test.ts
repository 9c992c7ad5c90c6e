// Every repository is built once, by the composition root alone, and no exported type name exists
// twice.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const SOURCES = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => ({ name, text: readFileSync(`src/${name}`, 'utf8') }));
const declared = (pattern: RegExp) => SOURCES.flatMap(({ text }) => Array.from(text.matchAll(pattern), ([, name = '']) => name));

test('each repository is built in repository/repositories.ts, once', () => {
  const factories = declared(/^export function (create\w+Repository)\(/gm);
  expect(factories.length).toBeGreaterThan(25);
  const calls = SOURCES.flatMap(({ name, text }) =>
    Array.from(text.matchAll(/(?<!function )\b(create\w+Repository)\(/g), ([, factory = '']) => `${name}: ${factory}`),
  );
  expect(calls.sort()).toEqual(factories.map((factory) => `repository/repositories.ts: ${factory}`).sort());
});

test('no type is exported under the same name from two files', () => {
  const names = declared(/^export (?:interface|type) (\w+)/gm);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
