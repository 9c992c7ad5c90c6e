// latchkey user: manages people and machines with the owner's permissions.
import type { Command } from 'commander';
import { OPERATOR } from '../../accounts/actor.ts';
import { suggestUsername } from '../../accounts/profiles.ts';
import type { UserListEntry } from '../../repository/users.ts';
import { type CliCommand, type CliContext, type ConfigOption, withConfig, withContainer } from '../command.ts';
import { confirm, withYes, type YesOption } from '../confirm.ts';
import type { CliContainer } from '../container.ts';
import { usageError } from '../exit.ts';
import { findUser, userLabel } from '../find_user.ts';
import { addPasswordOption, type PasswordOption, readNewPassword } from '../password.ts';
import { type ProfileOptions, profileOf, warnUnverifiedEmail, withProfile } from '../profile_options.ts';
import { type Columns, fetchAllPages, type ListOption, printList, withJson } from '../table.ts';

interface AddOptions extends ConfigOption, PasswordOption, ProfileOptions {
  username?: string;
  group?: string[];
  localOnly?: boolean;
  system?: boolean;
}

const COLUMNS: Columns<UserListEntry> = {
  id: ({ id }) => id,
  // For a waiting user, the suggested username.
  username: (user) => (user.is_pending ? suggestUsername(user) : user.username),
  name: ({ name }) => name,
  'e-mail': ({ email, email_verified }) => (email === null || email_verified ? email : `${email} (unverified)`),
  kind: kindOf,
  state: stateOf,
  'logs in by': ({ credentials }) => credentials.map(loginOf).join(', '),
  'local only': ({ local_only }) => local_only,
  groups: ({ group_ids }) => group_ids.join(', '),
};

const WHICH = 'id, username, or a name that only one has';

export const command: CliCommand = {
  declare(program, context) {
    const user = program.command('user').description('people and machines');
    declareList(user, context);
    declareAdd(user, context);
    declareEdit(user, context);
    declareApprove(user, context);
    declareDecline(user, context);
    declareChanges(user, context);
    declareDelete(user, context);
    declareSetPassword(user, context);
  },
};

function declareList(user: Command, context: CliContext): void {
  withConfig(withJson(user.command('list')))
    .description('every user, oldest first')
    .action((options: ListOption & ConfigOption) =>
      withContainer(context, options, async ({ users }) => printList(context.io, options, await fetchAllPages(users.list), COLUMNS)),
    );
}

function declareAdd(user: Command, context: CliContext): void {
  withConfig(withProfile(addPasswordOption(user.command('add'))))
    .description('a person who logs in with a username and a password, or a machine')
    .argument('<name>', 'what the user is called')
    .option('--username <username>', 'what the person logs in with')
    .option('--group <id>', 'a group of the user; give it several times for several', (id, ids: string[] = []) => [...ids, id])
    .option('--local-only', 'may log in from the local network alone')
    .option('--system', 'a machine: it never logs in; see "latchkey token create --system"')
    .action((name: string, options: AddOptions) => (options.system === true ? addSystem : addPerson)(context, name, options));
}

async function addSystem(context: CliContext, name: string, options: AddOptions): Promise<void> {
  if (options.username !== undefined || options.passwordStdin === true) throw usageError('A system user has no username and no password');
  if (Object.keys(profileOf(options)).length > 0) throw usageError('A system user has no profile');
  const user = { name, group_ids: options.group ?? [], local_only: options.localOnly };
  const made = await withContainer(context, options, ({ users }) => users.createSystem(user, OPERATOR));
  context.io.out(`Made the system user ${userLabel(made)}\n`);
}

async function addPerson(context: CliContext, name: string, options: AddOptions): Promise<void> {
  const { username } = options;
  if (username === undefined) throw usageError('A person needs --username');
  const password = await readNewPassword(context.io, options);
  await withContainer(context, options, async (container) => {
    const profile = profileOf(options);
    const made = await container.users.create(
      { name, group_ids: options.group ?? [], local_only: options.localOnly, ...profile },
      OPERATOR,
    );
    const { id } = made;
    try {
      const login = { username, password, reuse_username: options.reuseUsername };
      const stored = await container.localLogins.add(id, login, OPERATOR);
      context.io.out(`Made ${userLabel({ id, name, username: stored })}\n`);
    } catch (error) {
      // A user without a login would be useless.
      await container.users.delete(id, OPERATOR);
      throw error;
    }
    warnUnverifiedEmail(context, profile, made);
  });
}

function declareEdit(user: Command, context: CliContext): void {
  withConfig(withProfile(user.command('edit')))
    .description('change what a user is called and their profile; an empty text removes a value')
    .argument('<user>', WHICH)
    .option('--name <name>', 'what the user is called')
    .option('--username <username>', 'what apps know the person by, and what they log in with')
    .action((word: string, options: ConfigOption & ProfileOptions & { name?: string; username?: string }) => {
      const { name, username, reuseUsername } = options;
      const profile = profileOf(options);
      const naming = { ...(username !== undefined && { username }), ...(reuseUsername && { reuse_username: true }) };
      const patch = { ...(name !== undefined && { name }), ...naming, ...profile };
      if (Object.keys(patch).length === 0) throw usageError('Say what to change, such as --email; --help shows what there is');
      return withContainer(context, options, async (container) => {
        const { id } = await findUser(container, word);
        const changed = await container.users.update(id, patch, OPERATOR);
        context.io.out(`Changed ${userLabel(changed)}\n`);
        warnUnverifiedEmail(context, profile, changed);
      });
    });
}

function declareApprove(user: Command, context: CliContext): void {
  withConfig(user.command('approve'))
    .description('approve a user who waits for approval')
    .argument('<user>', WHICH)
    .option('--into <user>', 'a user they are already: their logins move there, and this one is deleted')
    .action((word: string, options: ConfigOption & { into?: string }) =>
      withContainer(context, options, async (container) => {
        const found = await findUser(container, word);
        if (options.into === undefined) {
          await container.users.approve(found.id, {}, OPERATOR);
          return context.io.out(`Approved ${userLabel(found)}\n`);
        }
        const into = await findUser(container, options.into);
        await container.mergeUsers.approveInto(found.id, into.id, OPERATOR);
        context.io.out(`Merged ${userLabel(found)} into ${userLabel(into)}\n`);
      }),
    );
}

function declareDecline(user: Command, context: CliContext): void {
  withConfig(user.command('decline'))
    .description('delete somebody who still waits for approval')
    .argument('<user>', WHICH)
    .action((word: string, options: ConfigOption) =>
      withContainer(context, options, async (container) => {
        const found = await findUser(container, word);
        await container.users.decline(found.id, OPERATOR);
        context.io.out(`Declined ${userLabel(found)}\n`);
      }),
    );
}

/** Commands that change one property of a user. */
function declareChanges(user: Command, context: CliContext): void {
  const declare = (
    name: string,
    description: string,
    done: string,
    change: (container: CliContainer, user: UserListEntry) => Promise<unknown>,
  ) =>
    withConfig(user.command(name))
      .description(description)
      .argument('<user>', WHICH)
      .action((word: string, options: ConfigOption) =>
        withContainer(context, options, async (container) => {
          const found = await findUser(container, word);
          await change(container, found);
          context.io.out(`${done} ${userLabel(found)}\n`);
        }),
      );
  declare('disable', 'keep a user out, tokens included', 'Disabled', ({ users }, { id }) =>
    users.update(id, { is_active: false }, OPERATOR),
  );
  declare('enable', 'let a disabled user in again', 'Enabled', ({ users }, { id }) => users.update(id, { is_active: true }, OPERATOR));
  declare('make-owner', 'hand ownership over', 'The owner is now', ({ users }, { id }) => users.handOverOwnership(id, OPERATOR));
}

function declareDelete(user: Command, context: CliContext): void {
  withConfig(withYes(user.command('delete')))
    .description('delete a user and everything that belongs to them')
    .argument('<user>', WHICH)
    .action((word: string, options: ConfigOption & YesOption) =>
      withContainer(context, options, async (container) => {
        const found = await findUser(container, word);
        await confirm(context.io, `Delete ${userLabel(found)} and everything that belongs to them?`, options);
        await container.users.delete(found.id, OPERATOR);
        context.io.out(`Deleted ${userLabel(found)}\n`);
      }),
    );
}

function declareSetPassword(user: Command, context: CliContext): void {
  withConfig(addPasswordOption(user.command('set-password')))
    .description('give a user a new password; their browser sessions end')
    .argument('<user>', WHICH)
    .option('--sign-out', 'their tokens end, too')
    .action(async (word: string, options: ConfigOption & PasswordOption & { signOut?: boolean }) => {
      const password = await readNewPassword(context.io, options);
      await withContainer(context, options, async (container) => {
        const found = await findUser(container, word);
        await container.localLogins.setPassword(found.id, { password, sign_out: options.signOut === true }, OPERATOR);
        context.io.out(`Changed the password of ${userLabel(found)}\n`);
      });
    });
}

function kindOf({ is_owner, system_generated }: UserListEntry): string {
  if (is_owner) return 'owner';
  return system_generated ? 'system' : 'person';
}

function stateOf({ is_active, is_pending }: UserListEntry): string {
  if (is_pending) return 'waits for approval';
  return is_active ? 'active' : 'disabled';
}

/** `ldap:office (olivia)`: a login, and its name at the provider. */
function loginOf({ type, id, data }: UserListEntry['credentials'][number]): string {
  const called = data.username ?? data.preferred_username ?? data.sub;
  return `${id === null ? type : `${type}:${id}`}${typeof called === 'string' ? ` (${called})` : ''}`;
}
