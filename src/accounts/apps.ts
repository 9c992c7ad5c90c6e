// Apps that a recipe is known for: listed, shown for an address, and registered. The page, the API
// and the command line share this.
import { AuthError } from '../domain/errors.ts';
import { STANDARD_SCOPES } from '../domain/scope.ts';
import { randomBuffer } from '../domain/secret.ts';
import type { Recipes } from '../recipes/load.ts';
import type { Recipe } from '../recipes/recipe.ts';
import { type AppSide, appUrl, clientOf, renderAppSide } from '../recipes/render.ts';
import type { Actor } from './actor.ts';
import type { ClientPatch, Clients, RegisteredClientEntry } from './clients.ts';

export interface AppsDeps {
  recipes: Recipes;
  clients: Pick<Clients, 'create'>;
  /** The issuer. */
  public_url: string;
  allow_http_redirect_uris: boolean;
}

/** An app without what is made for one address. */
export interface AppEntry extends Pick<Recipe, 'id' | 'name' | 'icon' | 'category' | 'summary' | 'tested' | 'url'> {
  /** Whether the app is registered as a client. */
  needs_client: boolean;
}

export interface ShownApp extends AppEntry, AppSide {
  /** The settings it would be registered with; null: none. */
  client: ClientPatch | null;
}

export interface NewApp extends ClientPatch {
  /** The name of the recipe. */
  app: string;
  /** The app's own address; not needed for one that has none. */
  url?: string | undefined;
  /** Default: the name of the recipe. */
  client_id?: string | undefined;
}

export type Apps = ReturnType<typeof createApps>;

/** What needs no quotes in the app's files. */
const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** Shown in place of secrets that do not exist yet. */
const NO_SECRET = { client_secret: 'lk_cs_…', random_secret: '32-random-bytes…' };

export function createApps({ recipes, clients, public_url, allow_http_redirect_uris }: AppsDeps) {
  return {
    /** Every recipe, by name. */
    list: async (): Promise<AppEntry[]> => (await recipes.list()).map(entryOf),

    /**
     * An app as it would be registered for an address, by default the recipe's example; without
     * secrets. Throws `not_found`, and `invalid_format` for the address.
     */
    show: async (app: string, url?: string): Promise<ShownApp> => showRecipe(await recipes.get(app), { public_url, url }),

    /**
     * Registers an app by its recipe; what else is given overrides the recipe. Returns the client
     * as `Clients.create` does, with the app's side.
     */
    async register({ app, url, client_id, ...given }: NewApp, actor: Actor): Promise<Registered> {
      const recipe = await recipes.get(app);
      const { name } = recipe;
      if (recipe.client === null)
        throw new AuthError('invalid_format', `${name} is not registered: "latchkey apps ${app} --url URL" prints its configuration`);
      const address = addressOf(recipe, url ?? missingUrl(recipe));
      const fields = { ...settingsOf(recipe, address), client_id: client_id ?? recipe.id, ...said(given) };
      if (!CLIENT_ID.test(fields.client_id))
        throw new AuthError('invalid_format', 'client_id must be letters, digits, dots, hyphens and underscores, for the files of the app');
      const { token_endpoint_auth_method = 'client_secret_basic', scope = STANDARD_SCOPES, redirect_uris = [] } = fields;
      requireEncryption(redirect_uris, allow_http_redirect_uris);
      const render = (client: { client_id: string; scope: string[]; redirect_uris: string[] }, client_secret: string | null) =>
        renderAppSide(recipe, { url: address, issuer: public_url, client, client_secret, random_secret: randomSecret() });
      // Nothing is registered whose app's side could not be told.
      const secret = token_endpoint_auth_method.startsWith('client_secret') ? NO_SECRET.client_secret : null;
      render({ client_id: fields.client_id, scope: [...scope], redirect_uris: [...redirect_uris] }, secret);
      const made = await clients.create(fields, actor);
      return { ...made, app_side: render(made, made.client_secret) };
    },
  };
}

export interface Registered extends RegisteredClientEntry {
  client_secret: string | null;
  app_side: AppSide;
}

/** A recipe for an address, by default the recipe's example; without secrets. */
export function showRecipe(recipe: Recipe, { public_url, url }: { public_url: string; url?: string | undefined }): ShownApp {
  const address = addressOf(recipe, url);
  const client = recipe.client === null ? null : settingsOf(recipe, address);
  const { scope = [], redirect_uris = [] } = client ?? {};
  const has_secret = client !== null && client.token_endpoint_auth_method !== 'none';
  const side = renderAppSide(recipe, {
    url: address,
    issuer: public_url,
    client: client && { client_id: recipe.id, scope, redirect_uris },
    client_secret: has_secret ? NO_SECRET.client_secret : null,
    random_secret: NO_SECRET.random_secret,
  });
  return { ...entryOf(recipe), client, ...side };
}

function entryOf({ id, name, icon, category, summary, tested, url, client }: Recipe): AppEntry {
  return { id, name, icon, category, summary, tested, url, needs_client: client !== null };
}

function settingsOf(recipe: Recipe, url: string | null): ClientPatch {
  return { client_name: recipe.name, ...(url !== null && { client_uri: url }), ...clientOf(recipe, url) };
}

function addressOf({ url: example }: Recipe, url: string | undefined): string | null {
  return example === null ? null : appUrl(url ?? example);
}

function missingUrl({ name, url }: Recipe): string | undefined {
  if (url === null) return undefined;
  throw new AuthError('invalid_format', `url is missing: the address of ${name}, such as ${url}`);
}

function requireEncryption(redirect_uris: readonly string[], allow_http_redirect_uris: boolean): void {
  const open = redirect_uris.find((uri) => /^http:/i.test(uri) && !/^http:\/\/(localhost|127\.|\[::1\])/i.test(uri));
  if (open === undefined || allow_http_redirect_uris) return;
  const setting = 'allow_http_redirect_uris: true in the YAML file, or LATCHKEY_ALLOW_HTTP_REDIRECT_URIS=true, and a restart';
  throw new AuthError('unfit_redirect_uri', `${new URL(open).origin} is not encrypted, which needs ${setting}`);
}

function said(patch: ClientPatch): ClientPatch {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
}

function randomSecret(): string {
  return randomBuffer(32).toString('base64url');
}
