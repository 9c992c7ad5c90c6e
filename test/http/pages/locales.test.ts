// The catalogues: flat JSON, the same keys and placeholders in every language, every key in use.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';

const FOLDER = 'src/http/pages/locales';
const read = (name: string): Record<string, string> => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
const en = read('en.json');
const others = readdirSync(FOLDER).filter((name) => name !== 'en.json');
const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

test('there are catalogues besides the English one', () => {
  expect(others.length).toBeGreaterThan(1);
});

describe.each(others)('%s', (name) => {
  const catalogue = read(name);

  it('has every key of the English catalogue, in its order, and no other', () => {
    expect(Object.keys(catalogue)).toEqual(Object.keys(en));
  });

  it('has the placeholders of each English text', () => {
    const wrong = Object.entries(en).filter(([key, text]) => placeholders(catalogue[key] ?? '').join() !== placeholders(text).join());
    expect(wrong.map(([key]) => key)).toEqual([]);
  });

  it('has no empty text', () => {
    expect(Object.entries(catalogue).filter(([, text]) => text.trim() === '')).toEqual([]);
  });
});

test('every key is used by a page, or belongs to a computed family', () => {
  const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => readFileSync(join('src', name), 'utf8'))
    .join('\n');
  const families = [...source.matchAll(/`([\w.]+)\.\$\{/g)].map(([, family]) => `${family}.`);
  const unused = Object.keys(en).filter((key) => !source.includes(`'${key}'`) && !families.some((family) => key.startsWith(family)));
  expect(unused).toEqual([]);
});
