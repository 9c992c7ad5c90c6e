// That no module of a plan is forgotten: each stands in the table, and where the table says there
// is a test that bears its name.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PLANS } from './modules.ts';

/** How many modules each plan has. */
const SIZES = {
  'oidcc-basic-certification-test-plan': 38,
  'oidcc-config-certification-test-plan': 1,
  'oidcc-formpost-basic-certification-test-plan': 38,
  'oidcc-rp-initiated-logout-certification-test-plan': 11,
  'oidcc-backchannel-rp-initiated-logout-certification-test-plan': 2,
};

const FOLDER = new URL('.', import.meta.url).pathname;
const SOURCES = new Map(
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => [file, readFileSync(`${FOLDER}${file}`, 'utf8')]),
);
const MODULES = PLANS.flatMap(({ response_mode, modules }) => modules.map((module) => ({ response_mode, ...module })));

/** The modules that a file has a test of; skipped ones do not count. */
const testedIn = (file: string) => [...(SOURCES.get(file) ?? '').matchAll(/^ *test\('(oidcc-[\w-]+)', /gm)].map(([, name]) => name!);

test('every plan is there, with all of its modules', () => {
  expect(Object.fromEntries(PLANS.map(({ plan, modules }) => [plan, new Set(modules.map(({ module }) => module)).size]))).toEqual(SIZES);
});

test.each(MODULES)('$module in response_mode $response_mode is a test', ({ module, file, response_mode }) => {
  expect(testedIn(file).filter((name) => name === module)).toEqual([module]);
  // A file of several plans runs every test of it in each of their modes.
  if (response_mode === 'form_post') expect(SOURCES.get(file)).toContain('describe.each(MODES)');
});

test('every test that bears the name of a module is in the table', () => {
  const tested = [...SOURCES.keys()].flatMap((file) => testedIn(file).map((module) => `${file} ${module}`));
  expect([...new Set(tested)].sort()).toEqual([...new Set(MODULES.map(({ file, module }) => `${file} ${module}`))].sort());
});
