// latchkey apps: the apps that a recipe is known for. `client add --app` registers one.
import { type AppEntry, showRecipe } from '../../accounts/apps.ts';
import { createRecipes } from '../../recipes/load.ts';
import { appSideText } from '../app_side.ts';
import { type CliCommand, type ConfigOption, loadCommandConfig, withConfig } from '../command.ts';
import { type Columns, type ListOption, printList, withJson } from '../table.ts';

interface AppsOptions extends ConfigOption, ListOption {
  url?: string;
}

const COLUMNS: Columns<AppEntry> = {
  app: ({ id }) => id,
  name: ({ name }) => name,
  for: ({ category }) => category,
  tested: ({ tested }) => tested.map(({ how }) => how).join(', '),
  'what it is': ({ summary }) => summary,
};

export const command: CliCommand = {
  declare(program, context) {
    withConfig(withJson(program.command('apps')))
      .description('apps that "client add --app" knows; with a name: what to enter in the app')
      .argument('[app]', 'one of the list')
      .option('--url <url>', 'the address of the app (default: an example)')
      .action(async (app: string | undefined, options: AppsOptions) => {
        const { io } = context;
        const recipes = createRecipes();
        if (app === undefined) {
          const entries = (await recipes.list()).map(({ client, ...recipe }): AppEntry => ({ ...recipe, needs_client: client !== null }));
          return printList(io, options, entries, COLUMNS);
        }
        const recipe = await recipes.get(app);
        const { public_url, listen } = await loadCommandConfig(context, options);
        const shown = showRecipe(recipe, { public_url: public_url ?? `http://localhost:${listen.port}`, url: options.url });
        if (options.json === true) return io.out(`${JSON.stringify(shown, null, 2)}\n`);
        const add = `latchkey client add --app ${app}${shown.url === null ? '' : ` --url ${options.url ?? shown.url}`}`;
        io.out(`${shown.name}: ${shown.summary}\n${shown.client ? `${add}\n` : ''}\n${appSideText(shown)}`);
      });
  },
};
