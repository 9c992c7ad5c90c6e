// latchkey token: grants of users, and access tokens for programs: long-lived ones of people,
// short-lived ones of machines.
import type { Command } from 'commander';
import { OPERATOR } from '../../accounts/actor.ts';
import type { RefreshTokenItem } from '../../accounts/refresh_tokens.ts';
import { AuthError } from '../../domain/errors.ts';
import { type CliCommand, type CliContext, type ConfigOption, withConfig, withContainer } from '../command.ts';
import { confirm, withYes, type YesOption } from '../confirm.ts';
import { commandError, usageError } from '../exit.ts';
import { findUser, userLabel } from '../find_user.ts';
import { readTime } from '../iso_time.ts';
import { type Columns, fetchAllPages, type ListOption, printList, withJson } from '../table.ts';

interface CreateOptions extends ConfigOption {
  system?: boolean;
  name?: string;
  days?: number;
}

const COLUMNS: Columns<RefreshTokenItem> = {
  id: ({ id }) => id,
  type: ({ type }) => type,
  name: ({ client_name, client_id }) => client_name ?? client_id,
  'created at': ({ created_at }) => created_at,
  'last used at': ({ last_used_at }) => last_used_at,
  from: ({ last_used_ip }) => last_used_ip,
  until: ({ expire_at }) => expire_at,
};

const USER = ['<user>', 'id, username, or a name that only one has'] as const;
/** The default lifespan (HA contract 11.3). */
const DEFAULT_DAYS = 3650;

export const command: CliCommand = {
  declare(program, context) {
    const token = program.command('token').description('access tokens for programs, and the grants of users');
    declareCreate(token, context);
    declareList(token, context);
    declareRevoke(token, context);
    declareRevokeAll(token, context);
  },
};

function declareCreate(token: Command, context: CliContext): void {
  withConfig(token.command('create'))
    .description('print an access token; it is shown this once')
    .argument(...USER)
    .option('--name <name>', 'a long-lived token of a person, under this name')
    .option('--days <days>', `how long that one lives, 1 to ${DEFAULT_DAYS}`, readDays)
    .option('--system', 'a short-lived token of a system user')
    .action((word: string, options: CreateOptions) => {
      const { name, days, system = false } = options;
      if (system === (name !== undefined) || (system && days !== undefined)) {
        throw usageError('Give --name (and --days) for a person, or --system for a system user');
      }
      return withContainer(context, options, async ({ users, refreshTokens }) => {
        const user = await findUser({ users }, word);
        const made =
          name === undefined
            ? (await refreshTokens.createSystem(user.id, OPERATOR)).access_token
            : (await refreshTokens.createLongLived({ user }, { client_name: name, lifespan: days ?? DEFAULT_DAYS }, OPERATOR)).token;
        context.io.err(`Made a token for ${userLabel(user)}; it is not shown again\n`);
        context.io.out(`${made}\n`);
      });
    });
}

function declareList(token: Command, context: CliContext): void {
  withConfig(withJson(token.command('list')))
    .description('the living grants of a user, oldest first')
    .argument(...USER)
    .action((word: string, options: ListOption & ConfigOption) =>
      withContainer(context, options, async ({ users, refreshTokens }) => {
        const { id } = await findUser({ users }, word);
        printList(context.io, options, await fetchAllPages((page) => refreshTokens.list(id, page)), COLUMNS);
      }),
    );
}

function declareRevoke(token: Command, context: CliContext): void {
  withConfig(token.command('revoke'))
    .description('revoke a grant of a user and its access tokens')
    .argument(...USER)
    .argument('[id]', 'the id that the list shows')
    .option('--all', 'every grant of the user')
    .action((word: string, id: string | undefined, options: ConfigOption & { all?: boolean }) => {
      if ((id !== undefined) === (options.all === true)) throw usageError('Give the id of a token, or --all');
      return withContainer(context, options, async ({ users, refreshTokens }) => {
        const user = await findUser({ users }, word);
        if (id === undefined) await refreshTokens.revokeAll(user.id, { current_id: null }, OPERATOR);
        else await refreshTokens.revoke(user.id, id, OPERATOR).catch(explained(userLabel(user), id));
        context.io.out(`Revoked ${id ?? 'every token'} of ${userLabel(user)}\n`);
      });
    });
}

function declareRevokeAll(token: Command, context: CliContext): void {
  withConfig(withYes(token.command('revoke-all')))
    .description('end all sessions and tokens of everybody; after a theft, or after a backup was restored')
    .option('--before <time>', 'only those issued before that time, such as 2026-03-14T09:26:53Z (default: all there are)', readTime)
    .action(async (options: ConfigOption & YesOption & { before?: Date }) => {
      const { before } = options;
      const which = before === undefined ? '' : ` from before ${before.toISOString()}`;
      await confirm(context.io, `This revokes the sessions and tokens of all users${which}. Continue?`, options);
      await withContainer(context, options, async ({ revokeAll }) => {
        const { sessions, refresh_tokens } = await revokeAll({ before }, OPERATOR);
        context.io.out(`Ended: ${sessions} sessions, ${refresh_tokens} grants\n`);
      });
    });
}

/** Says which of the two is wrong. */
function explained(user: string, id: string) {
  return (error: unknown): never => {
    if (error instanceof AuthError && error.code === 'invalid_token_id') throw commandError(`${user} has no token ${id}`);
    throw error;
  };
}

function readDays(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) < 1 || Number(text) > DEFAULT_DAYS)
    throw usageError(`--days must be a whole number from 1 to ${DEFAULT_DAYS}`);
  return Number(text);
}
