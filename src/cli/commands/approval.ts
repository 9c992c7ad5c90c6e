// latchkey approval: the people and apps that wait for the owner's decision.
import { OPERATOR } from '../../accounts/actor.ts';
import type { Approvals } from '../../accounts/approvals.ts';
import { AuthError } from '../../domain/errors.ts';
import { type CliCommand, type CliContext, type ConfigOption, withConfig, withContainer } from '../command.ts';
import { confirm, withYes, type YesOption } from '../confirm.ts';
import { commandError } from '../exit.ts';
import { type Columns, type ListOption, printList, withJson } from '../table.ts';

type Pending = Awaited<ReturnType<Approvals['pending']>>;

interface Waiting {
  kind: 'person' | 'app';
  id: string;
  name: string | null;
  /** The e-mail address of a person, or where an app redirects to. */
  about: string | null;
  created_at: Date;
}

const COLUMNS: Columns<Waiting> = {
  kind: ({ kind }) => kind,
  id: ({ id }) => id,
  name: ({ name }) => name,
  'e-mail or redirect': ({ about }) => about,
  since: ({ created_at }) => created_at,
};

const WHO = ['<id>', 'as the list shows it; of a person also the username'] as const;

export const command: CliCommand = {
  declare(program, context) {
    const approval = program.command('approval').description('people and apps that wait for approval');
    withConfig(withJson(approval.command('list')))
      .description('list the people and apps that wait')
      .action((options: ListOption & ConfigOption) =>
        withContainer(context, options, async ({ approvals }) =>
          printList(context.io, options, waitingOf(await approvals.pending()), COLUMNS),
        ),
      );
    withConfig(approval.command('approve'))
      .description('approve a person or an app')
      .argument(...WHO)
      .action((id: string, options: ConfigOption) => decide(context, id, 'approved', options));
    withConfig(withYes(approval.command('refuse')))
      .description('delete a waiting person, or block an app and revoke all its tokens')
      .argument(...WHO)
      .action((id: string, options: ConfigOption & YesOption) => decide(context, id, 'refused', options));
  },
};

async function decide(context: CliContext, id: string, status: 'approved' | 'refused', options: ConfigOption & YesOption): Promise<void> {
  await withContainer(context, options, async ({ approvals, users }) => {
    const user = (await approvals.pending()).users.find((one) => one.id === id || one.suggested_username === id);
    if (status === 'refused')
      await confirm(
        context.io,
        user ? `Delete ${user.name ?? id}, who is waiting for approval?` : `Block the app ${id} and revoke all its tokens?`,
        options,
      );
    if (user) await (status === 'approved' ? users.approve(user.id, {}, OPERATOR) : users.decline(user.id, OPERATOR));
    else await approvals.decide({ client_id: id, status, metadata_hash: null }, OPERATOR).catch(explained(id));
    context.io.out(`${status === 'approved' ? 'Approved' : 'Refused'} ${id}\n`);
  });
}

function explained(id: string) {
  return (error: unknown): never => {
    if (error instanceof AuthError && error.code === 'not_found')
      throw commandError(`No person or app with the ID ${id} is waiting; see "latchkey approval list"`);
    throw error;
  };
}

function waitingOf({ users, url_clients, clients }: Pending): Waiting[] {
  const people = users.map(({ id, name, suggested_username, email, created_at }) => ({
    kind: 'person' as const,
    id,
    name: name ?? suggested_username,
    about: email,
    created_at,
  }));
  const apps = [...url_clients, ...clients].map(({ client_id, metadata, created_at }) => ({
    kind: 'app' as const,
    id: client_id,
    name: typeof metadata.client_name === 'string' ? metadata.client_name : null,
    about: Array.isArray(metadata.redirect_uris) ? metadata.redirect_uris.join(', ') : null,
    created_at,
  }));
  return [...people, ...apps];
}
