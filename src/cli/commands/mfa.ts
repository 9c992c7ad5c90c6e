// latchkey mfa: second factors of users, including resetting lost ones.
import type { Command } from 'commander';
import { OPERATOR } from '../../accounts/actor.ts';
import type { MfaEnrolmentEntry } from '../../repository/mfa_enrolments.ts';
import { type CliCommand, type CliContext, type ConfigOption, withConfig, withContainer } from '../command.ts';
import { confirm, withYes, type YesOption } from '../confirm.ts';
import { findUser, userLabel } from '../find_user.ts';
import { type Columns, type ListOption, printList, withJson } from '../table.ts';

const COLUMNS: Columns<MfaEnrolmentEntry> = {
  id: ({ id }) => id,
  'mfa module': ({ mfa_module_id }) => mfa_module_id,
  name: ({ name }) => name,
  'created at': ({ created_at }) => created_at,
  'last used at': ({ last_used_at }) => last_used_at,
};

const WHICH = 'id, username, or a name that only one has';

export const command: CliCommand = {
  declare(program, context) {
    const mfa = program.command('mfa').description('second factors');
    declareList(mfa, context);
    declareReset(mfa, context);
  },
};

function declareList(mfa: Command, context: CliContext): void {
  withConfig(withJson(mfa.command('list')))
    .description("a person's second factors")
    .argument('<user>', WHICH)
    .action((word: string, options: ListOption & ConfigOption) =>
      withContainer(context, options, async (container) => {
        const { enrolments } = await container.mfa.list((await findUser(container, word)).id);
        printList(context.io, options, enrolments, COLUMNS);
      }),
    );
}

function declareReset(mfa: Command, context: CliContext): void {
  withConfig(withYes(mfa.command('reset')))
    .description('remove all second factors of a person who has lost them')
    .argument('<user>', WHICH)
    .action((word: string, options: ConfigOption & YesOption) =>
      withContainer(context, options, async (container) => {
        const user = await findUser(container, word);
        await confirm(context.io, `Remove all second factors of ${userLabel(user)}?`, options);
        const count = await container.mfa.reset(user.id, OPERATOR);
        context.io.out(`Took ${count} away from ${userLabel(user)}\n`);
      }),
    );
}
