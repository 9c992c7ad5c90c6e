// The recipes: each one is valid, can be registered as it is, and leaves nothing unfilled; broken
// ones are refused with the reason.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { appPages } from '../../docs/app_pages.ts';
import { showRecipe } from '../../src/accounts/apps.ts';
import { AuthError } from '../../src/domain/errors.ts';
import { createRecipes, parseRecipe } from '../../src/recipes/load.ts';
import { appUrl, clientFlaws, clientOf } from '../../src/recipes/render.ts';
import { complaints } from '../config/support.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join(ROOT, 'recipes');
const IDS = readdirSync(FOLDER).map((file) => file.replace(/\.yaml$/, ''));
const ISSUER = 'https://login.example.org';

describe.each(IDS)('%s', (id) => {
  const recipe = parseRecipe(id, readFileSync(join(FOLDER, `${id}.yaml`), 'utf8'));
  const url = recipe.url === null ? undefined : 'https://box.example.net:8443/sub';
  const shown = showRecipe(recipe, { public_url: ISSUER, url });
  const text = JSON.stringify(shown);

  it('renders for another address without anything unfilled', () => {
    expect(text).not.toMatch(/\{\{(?! )|undefined/);
    expect(text).not.toContain('auth.example.com');
    if (recipe.url !== null) expect(text.replaceAll(JSON.stringify(recipe.url), '')).not.toContain(new URL(recipe.url).host);
  });

  it('has settings that "client add" takes', () => {
    expect(recipe.client === null ? [] : clientFlaws(clientOf(recipe, url ?? null))).toEqual([]);
  });

  it('has blocks that are valid in their language', () => {
    const blocks = shown.steps.flatMap((step) => ('text' in step ? [step] : []));
    for (const { language, text } of blocks) {
      if (language === 'json') expect(() => JSON.parse(text), text).not.toThrow();
      if (language === 'yaml') expect(() => parse(text), text).not.toThrow();
      if (language === 'sh') expect(text.split('\n').filter((line) => /^\w+= |^\w+=[^"'].* [^#]/.test(line))).toEqual([]);
      expect(text, 'no tabs or blanks at the end').not.toMatch(/[\t ]+$/m);
    }
    expect(blocks.length + shown.steps.length).toBeGreaterThan(0);
  });

  it('changes the configuration of this server only to a valid one', async () => {
    expect(shown.server === null ? [] : await complaints(shown.server)).toEqual([]);
  });
});

const GOOD = {
  name: 'App',
  icon: 'A',
  category: 'code',
  summary: 'An app.',
  tested: [{ version: '1', how: 'ci', date: '2026-12-01' }],
  url: 'https://app.example.com',
  client: { redirect_uris: ['{{url}}/cb'], scope: 'openid' },
  steps: [{ where: 'app.ini', language: 'ini', text: 'id = {{client_id}}\nsecret = {{client_secret}}\n' }],
};

it('a recipe as short as it can be is good', () => {
  expect(parseRecipe('app', JSON.stringify(GOOD))).toMatchObject({ id: 'app', notes: [], client: GOOD.client });
});

const step = (text: string) => ({ steps: [{ where: 'x', language: 'ini', text: `{{client_id}} {{client_secret}} ${text}` }] });
const client = (fields: object) => ({ client: { ...GOOD.client, ...fields } });

test.each<[string, object, RegExp]>([
  ['an unknown placeholder', step('{{isuer}}'), /app: steps.* unknown placeholder \{\{isuer\}\}/],
  ['a placeholder that is not closed', step('{{issuer'), /unknown placeholder/],
  ['a placeholder that nothing fills', { ...step(''), url: null, ...client({ redirect_uris: ['{{url}}/cb'] }) }, /needs a url/],
  ['a secret that the client does not have', client({ token_endpoint_auth_method: 'none' }), /needs a client_secret/],
  ['a secret that is not told', { steps: [{ where: 'x', fields: { ID: '{{client_id}}' } }] }, /no step contains \{\{client_secret\}\}/],
  ['a page of settings without fields', { steps: [{ where: 'x', fields: {} }] }, /steps\[0\]/],
  ['no steps', { steps: [] }, /steps/],
  ['a redirect URI with a pattern', client({ redirect_uris: ['{{url}}/*'] }), /redirect_uris\[0\] .*no wildcards/],
  ['a redirect URI in the clear', client({ redirect_uris: ['http://app.example.com/cb'] }), /redirect_uris\[0\] must be https/],
  ['no redirect URI', client({ redirect_uris: [] }), /redirect_uris must not be empty/],
  ['no scopes', { client: { redirect_uris: ['{{url}}/cb'] } }, /client\.scope must be given/],
  [
    'a public client without PKCE',
    { ...client({ token_endpoint_auth_method: 'none', require_pkce: false }), steps: [{ where: 'x', fields: { ID: '{{client_id}}' } }] },
    /require_pkce must be true/,
  ],
  ['a setting that does not exist', client({ pkce: true }), /client has a field that recipes cannot set/],
  ['trust, which the operator decides', client({ trusted: true }), /client has a field that recipes cannot set/],
  ['a setting of the wrong type', client({ require_pkce: 'no' }), /require_pkce must be/],
  ['a reserved claim', client({ claims: { email: { value: 'x' } } }), /reserved claim name/],
  [
    'no documents that it was written from',
    { tested: [{ version: '1', how: 'from documents', date: '2026-12-01' }] },
    /must name the documents/,
  ],
  ['an unknown field', { colour: 'red' }, /colour/],
  ['a date that does not exist', { tested: [{ version: '1', how: 'ci', date: '2026-13-01' }] }, /date/],
])('a recipe with %s is refused', (_story, change, complaint) => {
  expect(() => parseRecipe('app', JSON.stringify({ ...GOOD, ...change }))).toThrow(complaint);
});

test.each(['../app', 'App', 'app.yaml', ''])('%j is no name of a recipe', (id) => {
  expect(() => parseRecipe(id, JSON.stringify(GOOD))).toThrow(/name of a recipe/);
});

it('finds recipes by their names only', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-recipes-'));
  writeFileSync(join(folder, 'app.yaml'), JSON.stringify(GOOD));
  writeFileSync(join(folder, 'notes.txt'), 'no recipe');
  const recipes = createRecipes(folder);
  expect((await recipes.list()).map(({ id }) => id)).toEqual(['app']);
  expect(await recipes.get('app')).toMatchObject({ name: 'App' });
  for (const id of ['notes', 'App', '../recipes/app', 'app.yaml', '__proto__', ''])
    await expect(recipes.get(id), id).rejects.toMatchObject({ code: 'not_found' });
});

test.each([
  ['https://app.example.com', 'https://app.example.com'],
  ['https://app.example.com/', 'https://app.example.com'],
  ['HTTPS://App.Example.com:443/Sub/', 'https://app.example.com/Sub'],
  ['http://192.168.1.20:3000', 'http://192.168.1.20:3000'],
  ['http://[fd00::1]:3000/', 'http://[fd00::1]:3000'],
])('the address %s is %s', (text, plain) => {
  expect(appUrl(text)).toBe(plain);
});

test.each([
  ...['', 'app.example.com', 'ftp://app.example.com', 'javascript:alert(1)', 'https://', 'https://user@app.example.com'],
  ...['https://app.example.com/?a=b', 'https://app.example.com/#a', "https://app.example.com/';id", 'https://app.example.com/$(id)'],
  ...['https://app.example.com/a b', 'https://app.example.com/{{issuer}}', `https://app.example.com/${'a'.repeat(500)}`],
  ...['https://app.example.com/"\nroot: x', 'https://app.example.com/`id`', 'https://app.example.com//evil'],
])('%j is no address of an app', (text) => {
  expect(() => appUrl(text)).toThrow(AuthError);
});

it('docs/apps is what the recipes make', async () => {
  const made = await appPages();
  const folder = join(ROOT, 'docs', 'apps');
  const written = new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
  expect([...written.keys()].sort()).toEqual([...made.keys()].sort());
  for (const [file, text] of made) expect(written.get(file), `run "npm run docs:apps" (${file})`).toBe(text);
});

const blockOf = async (id: string) => {
  const { steps } = showRecipe(await createRecipes().get(id), { public_url: 'https://auth.example.com' });
  const [first] = steps;
  if (!first || !('text' in first)) throw new Error(`${id} begins with no file`);
  return `\`\`\`${first.language}\n${first.text}\`\`\`\n`;
};

test.each([
  ['grafana', 'docs/apps.md'],
  ['nginx', 'docs/forward-auth.md'],
  ['caddy', 'docs/forward-auth.md'],
  ['traefik', 'docs/forward-auth.md'],
])('the block of %s in %s is the output of its recipe', async (id, page) => {
  expect(readFileSync(join(ROOT, page), 'utf8')).toContain(await blockOf(id));
});

it('the recipes are in the image, where the program looks for them', () => {
  expect(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).toMatch(/^COPY recipes \.\/recipes$/m);
  expect(readFileSync(join(ROOT, '.dockerignore'), 'utf8')).not.toMatch(/^recipes/m);
});
