// The documents lead somewhere: links and file names in them exist, and the walks of
// ARCHITECTURE.md stay short.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const DOCUMENTS = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

const withoutCode = (text: string) => text.replace(/^```.*?^```/gms, '');

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

test.each(DOCUMENTS)('%s links to files and headings that exist', (document) => {
  const links = Array.from(withoutCode(read(document)).matchAll(/\]\(([^)\s]+)\)/g), ([, link = '']) => link);
  const broken = links.filter((link) => {
    if (/^https?:|^mailto:/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? document : join(dirname(document), path);
    if (!existsSync(join(ROOT, target))) return true;
    const headings = Array.from(read(target).matchAll(/^#+ (.*)$/gm), ([, heading = '']) => anchorOf(heading));
    return anchor !== undefined && !headings.includes(anchor);
  });
  expect(broken).toEqual([]);
});

test.each(['ARCHITECTURE.md', 'CONTRIBUTING.md'])('%s names files that exist', (document) => {
  const names = Array.from(withoutCode(read(document)).matchAll(/`([\w./-]+\/[\w./-]*)`/g), ([, name = '']) => name);
  const paths = names.filter((name) => /\.(ts|tsx|sql|json|yaml)$|\/$/.test(name));
  expect(paths.length).toBeGreaterThan(3);
  expect(paths.filter((path) => !['', 'src', 'src/http'].some((folder) => existsSync(join(ROOT, folder, path))))).toEqual([]);
});

test.each<[string, number]>([
  ['Exchange a code', 6],
  ['Refresh', 7],
  ['Log in on the page', 12],
  ['Add an auth provider', 1],
  ['Add an API resource', 3],
])('the walk "%s" opens at most %i files', (walk, limit) => {
  const [, text = ''] = read('ARCHITECTURE.md').split(`**${walk}**`);
  const files = new Set(text.split('\n**')[0]?.match(/`src\/[\w./]+\.tsx?`/g));
  expect(files.size).toBeGreaterThan(0);
  expect(files.size).toBeLessThanOrEqual(limit);
});
