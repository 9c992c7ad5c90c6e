// Writes docs/apps/ from the recipes: one page per app, and the list. Run by `npm run docs:apps`.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ShownApp, showRecipe } from '../src/accounts/apps.ts';
import { createRecipes } from '../src/recipes/load.ts';
import type { AppStep } from '../src/recipes/render.ts';

const FOLDER = join(import.meta.dirname, 'apps');
const MADE = '<!-- Made from recipes/ by "npm run docs:apps": change the recipe instead. -->\n';

/** The text of every page, by its file name. */
export async function appPages(): Promise<Map<string, string>> {
  const apps = (await createRecipes().list()).map((recipe) => showRecipe(recipe, { public_url: 'https://auth.example.com' }));
  return new Map([['README.md', listPage(apps)], ...apps.map((app): [string, string] => [`${app.id}.md`, appPage(app)])]);
}

function listPage(apps: readonly ShownApp[]): string {
  const rows = apps.map(
    ({ id, name, category, summary, tested }) =>
      `| [${name}](${id}.md) | ${category} | ${summary} | ${tested.map(({ version, how, date }) => `${version}, ${how}, ${date}`).join('; ')} |\n`,
  );
  return `${MADE}
# Apps with a recipe

\`latchkey client add --app NAME --url URL\` registers one of these apps with the settings that it needs and prints its side,
ready to paste. Any other app is registered by hand: see [Apps](../apps.md). A recipe is one file in \`recipes/\`;
[CONTRIBUTING.md](../../CONTRIBUTING.md) says how to add one. "From documents": written from the app's own documents, and
not tried yet.

| app | for | what it is | version, how it was tested, when |
|---|---|---|---|
${rows.join('')}`;
}

function appPage({ id, name, summary, url, client, server, steps, notes, tested }: ShownApp): string {
  const command = `latchkey client add --app ${id}${url === null ? '' : ` --url ${url}`}`;
  const versions = tested.map(({ version, how, date, documents }) => {
    const pages = documents.map((page) => `<${page}>`).join(', ');
    return `- ${version}: ${how}, ${date}${pages === '' ? '' : `: ${pages}`}\n`;
  });
  return [
    MADE,
    `# ${name}\n\n${summary}\n`,
    client === null
      ? `Nothing is registered. \`latchkey apps ${id}${url === null ? '' : ` --url ${url}`}\` prints this for your own addresses.\n`
      : `\`\`\`\n$ ${command}\n\`\`\`\n\nThis registers \`${id}\` with these settings, and prints the app's side:\n\n${settingsTable(client)}`,
    ...(server === null ? [] : [`## The configuration of this server\n\n${fence('yaml', server)}`]),
    ...steps.map((step) => `## ${step.where}\n\n${stepText(step)}`),
    ...(notes.length === 0 ? [] : [`## To know\n\n${notes.map((note) => `- ${note}\n`).join('')}`]),
    `## Tested\n\n${versions.join('')}`,
  ].join('\n');
}

function settingsTable(client: object): string {
  const rows = Object.entries(client).map(([name, value]) => `| \`${name}\` | ${cell(value)} |\n`);
  return `| setting | value |\n|---|---|\n${rows.join('')}`;
}

function cell(value: unknown): string {
  const texts = Array.isArray(value) ? value : [typeof value === 'string' ? value : JSON.stringify(value)];
  return texts.map((text) => `\`${text}\``).join(' ') || 'none';
}

function stepText(step: AppStep): string {
  if ('text' in step) return fence(step.language, step.text);
  const rows = Object.entries(step.fields).map(([label, value]) => `| ${label} | \`${value}\` |\n`);
  return `| field | value |\n|---|---|\n${rows.join('')}`;
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const [file, text] of await appPages()) writeFileSync(join(FOLDER, file), text);
}
