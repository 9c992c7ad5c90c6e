// That no threat is forgotten: each row of the list below is named by at least one test, in a
// comment beside it.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const THREATS = 'A1-32 B1-7 C1-25 D1-18 E1-14 F1-7 G1-9 H1-4 H7-16 H20-23 H25-26 I1-19 J1-6 J9 L1-12 M1 M3-4 M7 M9-13 M17-19 N1-10 N12-13';
/** Found by running the product: security, protocol, reliability, use. */
const FAULTS = 'S1-21 W1-19 R1-13 U1 U3-5 U7-10 U12 U15';
const ROWS = `${THREATS} ${FAULTS}`.split(' ').flatMap((range) => {
  const [, letter = '', first, last = first] = /^([A-Z])(\d+)(?:-(\d+))?$/.exec(range) ?? [];
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => `${letter}${Number(first) + index}`);
});

const ROOT = new URL('../', import.meta.url).pathname;
const FILES = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(test|browser)\.ts$/.test(name));
const NAMED = new Set(
  FILES.flatMap((name) => {
    const comments = readFileSync(`${ROOT}${name}`, 'utf8').matchAll(/\/\/ ((?:[A-Z]\d+(?:, | and )?)+)/g);
    return [...comments].flatMap(([, rows = '']) => rows.match(/[A-Z]\d+/g) ?? []);
  }),
);

// S20
test.each(ROWS)('%s is named by a test', (row) => {
  expect(NAMED).toContain(row);
});
