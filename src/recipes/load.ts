// Reads the folder of recipes. A recipe that would not render or register is refused here, so
// nobody meets one.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { AuthError } from '../domain/errors.ts';
import { pathText } from '../domain/json.ts';
import { type Recipe, recipeSchema } from './recipe.ts';
import { clientFlaws, clientOf, renderAppSide } from './render.ts';

const FOLDER = fileURLToPath(new URL('../../recipes', import.meta.url));

export interface Recipes {
  /** By name. */
  list(): Promise<Recipe[]>;
  /** Throws `not_found`. */
  get(id: string): Promise<Recipe>;
}

/** The recipes that come with the program; each file is read once. */
export function createRecipes(folder = FOLDER): Recipes {
  const read = new Map<string, Recipe>();
  let ids: string[] | undefined;

  async function get(id: string): Promise<Recipe> {
    ids ??= (await readdir(folder)).filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -'.yaml'.length));
    if (!ids.includes(id)) throw new AuthError('not_found', 'There is no recipe for this app: "latchkey apps" lists them');
    const recipe = read.get(id) ?? parseRecipe(id, await readFile(join(folder, `${id}.yaml`), 'utf8'));
    read.set(id, recipe);
    return recipe;
  }

  return {
    get,
    async list() {
      const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml'));
      const recipes = await Promise.all(files.map((file) => get(file.slice(0, -'.yaml'.length))));
      return recipes.sort((one, other) => one.name.localeCompare(other.name, 'en'));
    },
  };
}

/** Throws an error that names the recipe and everything that is wrong with it. */
export function parseRecipe(id: string, text: string): Recipe {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id)) throw new Error(`${id}: the name of a recipe is made of a-z, 0-9 and hyphens`);
  const result = recipeSchema.safeParse(parse(text, { schema: 'core' }));
  if (!result.success)
    throw new Error(`${id}: ${result.error.issues.map(({ path, message }) => `${pathText(path)} ${message}`).join('; ')}`);
  const recipe: Recipe = { id, ...result.data };
  const flaws = flawsOf(recipe);
  if (flaws.length > 0) throw new Error(`${id}: ${flaws.join('; ')}`);
  return recipe;
}

/** What would go wrong with an address like the example's. */
function flawsOf(recipe: Recipe): string[] {
  const { url } = recipe;
  const fields = recipe.client && clientOf(recipe, url);
  const method = fields?.token_endpoint_auth_method ?? 'client_secret_basic';
  const has_secret = fields !== null && method.startsWith('client_secret');
  const client = fields && { client_id: recipe.id, scope: fields.scope ?? [], redirect_uris: fields.redirect_uris ?? [] };
  renderAppSide(recipe, {
    url,
    issuer: 'https://auth.example.com',
    client,
    client_secret: has_secret ? 'secret' : null,
    random_secret: 'random',
  });
  const unused = (name: string) => !JSON.stringify(recipe.steps).includes(`{{${name}}}`);
  return [
    ...(fields ? clientFlaws(fields) : []),
    ...(fields && fields.scope === undefined ? ['client.scope must be given'] : []),
    ...(has_secret && unused('client_secret') ? ['no step contains {{client_secret}}'] : []),
    ...(fields && unused('client_id') ? ['no step contains {{client_id}}'] : []),
    ...(url !== null && !/\{\{(url|host|hostname)\}\}/.test(JSON.stringify(recipe)) ? ['the url is not used: make it null'] : []),
  ];
}
