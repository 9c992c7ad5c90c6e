// latchkey client: registers and manages clients, and decides about waiting ones.
import type { Command } from 'commander';
import { OPERATOR } from '../../accounts/actor.ts';
import type { RegisteredClientEntry } from '../../accounts/clients.ts';
import { duration } from '../../config/duration.ts';
import {
  CLIENT_PROFILES,
  type ClientProfile,
  RESPONSE_MODES,
  type ResponseMode,
  type TokenEndpointAuthMethod,
} from '../../domain/client.ts';
import { AuthError } from '../../domain/errors.ts';
import { parseScope } from '../../domain/scope.ts';
import type { RegisteredClient } from '../../repository/clients.ts';
import type { UrlClient } from '../../repository/url_clients.ts';
import { clientIdFrom, connectionFacts, factLines } from '../client_facts.ts';
import { type CliCommand, type CliContext, type ConfigOption, withConfig, withContainer } from '../command.ts';
import { confirm, withYes, type YesOption } from '../confirm.ts';
import { commandError, usageError } from '../exit.ts';
import { type Columns, fetchAllPages, type ListOption, printList, withJson } from '../table.ts';

interface AddOptions extends ConfigOption, ListOption {
  clientId?: string;
  redirectUri?: string[];
  postLogoutRedirectUri?: string[];
  public?: boolean;
  trusted?: boolean;
  scope?: string;
  grantType?: string[];
  responseMode?: string[];
  group?: string[];
  resource?: string[];
  jwksUri?: string;
  profile?: string;
  pkce: boolean;
  idTokenClaims?: boolean;
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

const PENDING_COLUMNS: Columns<UrlClient> = {
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
    declareLists(client, context);
    declareChanges(client, context);
    declareDecisions(client, context);
  },
};

function declareAdd(client: Command, context: CliContext): void {
  const several = (text: string, texts: string[] = []) => [...texts, text];
  withConfig(withJson(client.command('add')))
    .description('register an app; prints what it must be told, its secret this once')
    .argument('<name>', 'what people see')
    .option('--redirect-uri <uri>', 'where the app wants its answers; give it several times for several', several)
    .option('--client-id <id>', 'what the app calls itself (default: made from the name)')
    .option('--public', 'an app that can keep no secret: in a browser, on a phone, at a command line')
    .option('--trusted', 'people are not asked whether they agree')
    .option('--scope <scopes>', 'what it may ask for (default: openid profile email groups offline_access)')
    .option('--group <id>', 'only members of this group may use it; several times for several', several)
    .option('--grant-type <type>', 'how it gets tokens (default: authorization_code and refresh_token)', several)
    .option(
      '--response-mode <mode>',
      `how it may have its answers: ${RESPONSE_MODES.join(', ')} (default: all); several times for several`,
      several,
    )
    .option('--post-logout-redirect-uri <uri>', 'where people may go after they logged out', several)
    .option('--jwks-uri <uri>', 'where it publishes the keys that it proves itself with, instead of a secret')
    .option('--profile <profile>', `demands beyond those on every app: ${CLIENT_PROFILES.join(', ')} (needs --jwks-uri)`)
    .option('--no-pkce', 'a confidential app that does not support PKCE')
    .option('--id-token-claims', 'an app that reads name, e-mail and groups from the ID token only')
    .option('--resource <uri>', 'another server that it may ask tokens for', several)
    .action((name: string, options: AddOptions) => add(context, name, options));
}

async function add(context: CliContext, client_name: string, options: AddOptions): Promise<void> {
  const { redirectUri: redirect_uris = [], grantType: grant_types } = options;
  if (redirect_uris.length === 0 && (grant_types ?? ['authorization_code']).includes('authorization_code'))
    throw usageError('Give --redirect-uri, or a --grant-type that sends people nowhere');
  const scope = options.scope === undefined ? undefined : (parseScope(options.scope) ?? badScope(options.scope));
  const fields = {
    client_id: options.clientId ?? clientIdFrom(client_name),
    client_name,
    scope,
    redirect_uris,
    post_logout_redirect_uris: options.postLogoutRedirectUri ?? [],
    resources: options.resource ?? [],
    grant_types,
    response_modes: options.responseMode?.map(responseMode),
    allowed_group_ids: options.group ?? null,
    trusted: options.trusted === true,
    require_pkce: options.pkce,
    id_token_claims: options.idTokenClaims === true,
    token_endpoint_auth_method: authMethod(options),
    jwks_uri: options.jwksUri ?? null,
    profile: options.profile === undefined ? null : clientProfile(options.profile),
  };
  await withContainer(context, options, async ({ clients, public_url }) => {
    const { client_secret, ...made } = await clients.create(fields, OPERATOR).catch(explained(fields.client_id));
    const facts = connectionFacts(made, public_url, client_secret);
    if (options.json === true) return context.io.out(`${JSON.stringify(facts, null, 2)}\n`);
    context.io.err(`Registered ${client_name}. Tell the app this${client_secret === null ? '' : '; the secret is not shown again'}:\n`);
    context.io.out(factLines(facts));
  });
}

function declareLists(client: Command, context: CliContext): void {
  withConfig(withJson(client.command('list')))
    .description('every app that is registered')
    .action((options: ListOption & ConfigOption) =>
      withContainer(context, options, async ({ clients }) => printList(context.io, options, await fetchAllPages(clients.list), COLUMNS)),
    );
  withConfig(withJson(client.command('show')))
    .description('one app, and what it must be told')
    .argument(...WHICH)
    .action((client_id: string, options: ListOption & ConfigOption) =>
      withContainer(context, options, async ({ clients, public_url }) => {
        const found = await clients.get(client_id);
        const text =
          options.json === true
            ? `${JSON.stringify(found, null, 2)}\n`
            : factLines({ ...connectionFacts(found, public_url), ...stateOf(found) });
        context.io.out(text);
      }),
    );
  withConfig(withJson(client.command('pending')))
    .description('apps that name themselves by a URL and wait to be let in')
    .action((options: ListOption & ConfigOption) =>
      withContainer(context, options, async ({ approvals }) =>
        printList(context.io, options, (await approvals.pending()).url_clients, PENDING_COLUMNS),
      ),
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
      .argument('<url>', 'the client_id, as "latchkey client pending" shows it')
      .action((client_id: string, options: ConfigOption) =>
        withContainer(context, options, async ({ approvals }) => {
          await approvals.decide({ client_id, status, metadata_hash: null }, OPERATOR);
          context.io.out(`${done} ${client_id}\n`);
        }),
      );
  declare('approve', 'let in an app that waits', 'Approved', 'approved');
  declare('refuse', 'block an app permanently and revoke all its tokens', 'Refused', 'refused');
}

function stateOf(client: RegisteredClientEntry): Record<string, string> {
  const {
    managed_by,
    is_enabled,
    trusted,
    grant_types,
    require_pkce,
    id_token_claims,
    profile,
    response_modes,
    allowed_group_ids,
    secrets,
  } = client;
  return {
    'managed by': managed_by,
    state: is_enabled ? 'active' : 'disabled',
    trusted: trusted ? 'yes' : 'no',
    ...(grant_types.includes('authorization_code') && { PKCE: require_pkce ? 'required' : 'not required' }),
    'claims in the ID token': id_token_claims ? 'yes' : 'no',
    ...(profile !== null && { profile }),
    'response modes': response_modes.join(', '),
    'open to': allowed_group_ids?.join(', ') ?? 'everybody',
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

function responseMode(text: string): ResponseMode {
  const known = RESPONSE_MODES.find((mode) => mode === text);
  if (known === undefined) throw usageError(`--response-mode "${text}" must be one of ${RESPONSE_MODES.join(', ')}`);
  return known;
}

function authMethod({ public: is_public, jwksUri }: AddOptions): TokenEndpointAuthMethod | undefined {
  if (is_public === true) return 'none';
  return jwksUri === undefined ? undefined : 'private_key_jwt';
}

function clientProfile(text: string): ClientProfile {
  const known = CLIENT_PROFILES.find((profile) => profile === text);
  if (known === undefined) throw usageError(`--profile "${text}" must be one of ${CLIENT_PROFILES.join(', ')}`);
  return known;
}

function badScope(text: string): never {
  throw usageError(`--scope "${text}" must be words of printable ASCII with blanks between them`);
}
