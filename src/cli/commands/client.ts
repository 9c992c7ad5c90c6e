// latchkey client: registers and manages clients, and decides about waiting ones.
import type { Command } from 'commander';
import { OPERATOR } from '../../accounts/actor.ts';
import type { WaitingApp } from '../../accounts/approvals.ts';
import type { RegisteredClientEntry } from '../../accounts/clients.ts';
import { duration } from '../../config/duration.ts';
import { AuthError } from '../../domain/errors.ts';
import type { RegisteredClient } from '../../repository/clients.ts';
import { appSideText } from '../app_side.ts';
import { clientIdFrom, connectionFacts, factLines } from '../client_facts.ts';
import { defaultsOf, readSettings, type SettingOptions, settingFacts, withSettings } from '../client_options.ts';
import { type CliCommand, type CliContext, type ConfigOption, withConfig, withContainer } from '../command.ts';
import { confirm, withYes, type YesOption } from '../confirm.ts';
import { commandError, usageError } from '../exit.ts';
import { type Columns, fetchAllPages, type ListOption, printList, withJson } from '../table.ts';

interface AddOptions extends ConfigOption, ListOption {
  clientId?: string;
  app?: string;
  url?: string;
}

interface UpdateOptions extends ConfigOption, ListOption {
  unset?: string[];
}

const COLUMNS: Columns<RegisteredClient> = {
  client_id: ({ client_id }) => client_id,
  name: ({ client_name }) => client_name,
  kind: ({ token_endpoint_auth_method }) => (token_endpoint_auth_method === 'none' ? 'public' : token_endpoint_auth_method),
  from: ({ managed_by }) => managed_by,
  state: ({ is_enabled }) => (is_enabled ? 'active' : 'disabled'),
  trusted: ({ trusted }) => trusted,
  'redirects to': ({ redirect_uris }) => redirect_uris.join(', '),
};

const PENDING_COLUMNS: Columns<WaitingApp> = {
  client_id: ({ client_id }) => client_id,
  name: ({ metadata }) => (typeof metadata.client_name === 'string' ? metadata.client_name : null),
  'redirects to': ({ metadata }) => listOf(metadata.redirect_uris),
  scope: ({ metadata }) => listOf(metadata.scope),
  since: ({ created_at }) => created_at,
};

const WHICH = ['<client_id>', 'as the list shows it'] as const;
/** Time for configuring the new secret in the app. */
const DEFAULT_OVERLAP = '1d';

export const command: CliCommand = {
  declare(program, context) {
    const client = program.command('client').description('apps that log people in here');
    declareAdd(client, context);
    declareUpdate(client, context);
    declareLists(client, context);
    declareChanges(client, context);
    declareDecisions(client, context);
  },
};

function declareAdd(client: Command, context: CliContext): void {
  withSettings(withConfig(withJson(client.command('add'))), { without: ['client_name'] })
    .description('register an app; prints what it must be told, its secret this once')
    .argument('[name]', 'what people see (default with --app: the name of the app)')
    .option('--app <app>', 'one that "latchkey apps" lists: it is registered as it needs it; other options override that')
    .option('--url <url>', 'with --app: the address of the app')
    .option('--client-id <id>', 'what the app calls itself (default: made from the name)')
    .action((name: string | undefined, options: AddOptions & SettingOptions) => {
      if (options.app !== undefined) return addApp(context, options.app, name, options);
      if (options.url !== undefined) throw usageError('--url needs --app; otherwise give --redirect-uri');
      if (name === undefined) throw usageError('Give the name of the app, or --app');
      return add(context, name, options);
    });
}

/** By a recipe. */
async function addApp(context: CliContext, app: string, name: string | undefined, options: AddOptions & SettingOptions): Promise<void> {
  const { url } = options;
  const given = await readSettings({ ...options, name });
  const client_id = options.clientId ?? (name === undefined ? undefined : clientIdFrom(name));
  await withContainer(context, options, async ({ apps, public_url }) => {
    const registering = apps.register({ ...given, app, url, client_id }, OPERATOR);
    const { client_secret, app_side, ...made } = await registering.catch(explained(client_id ?? app));
    const facts = connectionFacts(made, public_url, client_secret);
    if (options.json === true) return context.io.out(`${JSON.stringify({ ...facts, app_side }, null, 2)}\n`);
    const once = client_secret === null ? '' : '; the secret is not shown again';
    context.io.err(`Registered ${made.client_name} as ${made.client_id}. Enter this in the app${once}:\n\n`);
    context.io.out(appSideText(app_side));
  });
}

async function add(context: CliContext, client_name: string, options: AddOptions & SettingOptions): Promise<void> {
  const given = await readSettings({ ...options, name: client_name });
  const { redirect_uris = [], grant_types = ['authorization_code'], jwks, jwks_uri } = given;
  if (redirect_uris.length === 0 && grant_types.includes('authorization_code'))
    throw usageError('Give --redirect-uri, or a --grant-type that sends people nowhere');
  const client_id = options.clientId ?? clientIdFrom(client_name);
  const by_keys = (jwks ?? jwks_uri ?? null) !== null;
  const fields = { ...(by_keys && { token_endpoint_auth_method: 'private_key_jwt' as const }), ...given, client_id };
  await withContainer(context, options, async ({ clients, public_url }) => {
    const { client_secret, ...made } = await clients.create(fields, OPERATOR).catch(explained(client_id));
    const facts = connectionFacts(made, public_url, client_secret);
    if (options.json === true) return context.io.out(`${JSON.stringify(facts, null, 2)}\n`);
    context.io.err(`Registered ${client_name}. Tell the app this${client_secret === null ? '' : '; the secret is not shown again'}:\n`);
    context.io.out(factLines(facts));
  });
}

function declareUpdate(client: Command, context: CliContext): void {
  withSettings(withConfig(withJson(client.command('update'))))
    .description('change settings of an app; the others stay. Prints the app as "show" does')
    .argument(...WHICH)
    .option(
      '--unset <setting>',
      'back to the default, such as logo_uri; several times for several',
      (name, names: string[] | undefined) => [...(names ?? []), name],
    )
    .action(async (client_id: string, options: UpdateOptions & SettingOptions) => {
      const patch = { ...defaultsOf(options.unset ?? []), ...(await readSettings(options)) };
      if (Object.keys(patch).length === 0) throw usageError('Nothing to change: give an option for a setting, or --unset');
      await withContainer(context, options, async ({ clients, public_url }) => {
        const updated = await clients.update(client_id, patch, OPERATOR);
        context.io.err(`Updated ${client_id}\n`);
        context.io.out(whole(updated, public_url, options));
      });
    });
}

function declareLists(client: Command, context: CliContext): void {
  withConfig(withJson(client.command('list')))
    .description('every app that is registered')
    .action((options: ListOption & ConfigOption) =>
      withContainer(context, options, async ({ clients }) => printList(context.io, options, await fetchAllPages(clients.list), COLUMNS)),
    );
  withConfig(withJson(client.command('show')))
    .description('one app: what it must be told, and all its settings')
    .argument(...WHICH)
    .action((client_id: string, options: ListOption & ConfigOption) =>
      withContainer(context, options, async ({ clients, public_url }) => {
        context.io.out(whole(await clients.get(client_id), public_url, options));
      }),
    );
  withConfig(withJson(client.command('pending')))
    .description('apps that no operator registered and that wait to be let in')
    .action((options: ListOption & ConfigOption) =>
      withContainer(context, options, async ({ approvals }) => {
        const { url_clients, clients } = await approvals.pending();
        printList(context.io, options, [...url_clients, ...clients], PENDING_COLUMNS);
      }),
    );
}

function declareChanges(client: Command, context: CliContext): void {
  withConfig(withYes(client.command('remove')))
    .description('delete a client and revoke all its tokens')
    .argument(...WHICH)
    .action((client_id: string, options: ConfigOption & YesOption) =>
      withContainer(context, options, async ({ clients }) => {
        await clients.get(client_id);
        await confirm(context.io, `Delete the client ${client_id} and revoke all its tokens?`, options);
        await clients.remove(client_id, OPERATOR);
        context.io.out(`Removed ${client_id}\n`);
      }),
    );
  withConfig(client.command('rotate-secret'))
    .description('create a new secret (shown only once); the old one stays valid for a while')
    .argument(...WHICH)
    .option('--overlap <duration>', 'for how long: 0s to 90d', DEFAULT_OVERLAP)
    .action((client_id: string, options: ConfigOption & { overlap: string }) => {
      const overlap = duration('0s', '90d').safeParse(options.overlap);
      if (!overlap.success) throw usageError(`--overlap ${overlap.error.issues[0]?.message}`);
      return withContainer(context, options, async ({ clients }) => {
        const { client_secret, others_expire_at } = await clients.rotateSecret(client_id, overlap.data, OPERATOR);
        context.io.err(`Made a secret for ${client_id}; those from before are good until ${others_expire_at.toISOString()}\n`);
        context.io.out(`${client_secret}\n`);
      });
    });
}

function declareDecisions(client: Command, context: CliContext): void {
  const declare = (name: string, description: string, done: string, status: 'approved' | 'refused') =>
    withConfig(client.command(name))
      .description(description)
      .argument('<client_id>', 'as "latchkey client pending" shows it')
      .action((client_id: string, options: ConfigOption) =>
        withContainer(context, options, async ({ approvals }) => {
          await approvals.decide({ client_id, status, metadata_hash: null }, OPERATOR);
          context.io.out(`${done} ${client_id}\n`);
        }),
      );
  declare('approve', 'let in an app that waits', 'Approved', 'approved');
  declare('refuse', 'block an app and revoke all its tokens', 'Refused', 'refused');
}

/** A client as `show` prints it. */
function whole(client: RegisteredClientEntry, public_url: string, { json }: ListOption): string {
  if (json === true) return `${JSON.stringify(client, null, 2)}\n`;
  // Two blocks: the server and the client may both have a jwks_uri.
  return `${factLines(connectionFacts(client, public_url))}\n${factLines({ ...settingFacts(client), ...stateOf(client) })}`;
}

function stateOf({ managed_by, is_enabled, approval, created_at, secrets }: RegisteredClientEntry): Record<string, string> {
  return {
    managed_by,
    state: is_enabled ? 'active' : 'disabled',
    ...(approval !== null && { approval }),
    created_at: created_at.toISOString(),
    ...Object.fromEntries(
      secrets.map(({ id, created_at, expires_at }) => [
        `secret ${id.slice(0, 8)}`,
        `since ${created_at.toISOString()}${expires_at ? `, until ${expires_at.toISOString()}` : ''}`,
      ]),
    ),
  };
}

/** With a hint at the solution. */
function explained(client_id: string) {
  return (error: unknown): never => {
    if (error instanceof AuthError && error.code === 'conflict')
      throw commandError(`Another client has the client_id ${client_id}: give this one another by --client-id`);
    throw error;
  };
}

function listOf(value: unknown): string | null {
  return Array.isArray(value) ? value.join(', ') : null;
}
