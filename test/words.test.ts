// Plain English: comments are short and narrow, and words that made the code hard to read do not
// come back.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const SOURCES = ['src', 'test', 'bench'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(tsx?|js|css)$/.test(name))
    .map((name) => join(folder, name)),
);
const CONFIGS = readdirSync(ROOT).filter((name) => name.endsWith('.config.ts'));
const DOCUMENTS = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name)),
];

/** Everyday words and metaphors in place of the field's terms. */
const BANNED =
  /\b(for ever|whoever|whomever|all the same|in the clear|of ours|goes on|go on|may in|told of|is told|are told|tells apart|bore|ways? in|(is|are) dead|everybody who asks|foreverybody|comes? back to it|once and for all|nobody's)\b/i;
const MAX_COLUMNS = 100;
const MAX_LINES = 3;

const linesOf = (path: string) =>
  readFileSync(join(ROOT, path), 'utf8')
    .split('\n')
    .map((text, index) => ({ text, place: `${path}:${index + 1}` }));
const isComment = (text: string) => /^\s*(\/\/|\/?\*)/.test(text);

test('comments are at most 100 columns wide', () => {
  const wide = [...SOURCES, ...CONFIGS].flatMap(linesOf).filter(({ text }) => isComment(text) && text.length > MAX_COLUMNS);
  expect(wide.map(({ place }) => place)).toEqual([]);
});

test('comments are at most three lines long', () => {
  const long = SOURCES.flatMap((path) => {
    let run = 0;
    return linesOf(path).filter(({ text }) => {
      const is_delimiter = /^\s*(\/\*\*|\*\/)$/.test(text);
      if (!isComment(text)) run = 0;
      else if (!is_delimiter) run += 1;
      return run === MAX_LINES + 1 && !is_delimiter;
    });
  });
  expect(long.map(({ place }) => place)).toEqual([]);
});

/** The first line of a test's title. */
const isTitle = ({ place, text }: { place: string; text: string }) =>
  place.startsWith('test/') && /^\s*(?:test|it|describe|\]( as const)?\))[\w.]*\(.*['`]/.test(text);

test('neither comments, titles of tests nor documents use the banned words', () => {
  const found = [
    ...SOURCES.flatMap(linesOf).filter((line) => isComment(line.text) || isTitle(line)),
    ...DOCUMENTS.filter((path) => path.endsWith('.md')).flatMap(linesOf),
  ].filter(({ text }) => BANNED.test(text));
  expect(found.map(({ place, text }) => `${place}: ${text.trim()}`)).toEqual([]);
});
