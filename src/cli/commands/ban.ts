// latchkey ban: lists and lifts bans of addresses.
import { parseAddress, parseNetwork } from '../../domain/network.ts';
import { type CliCommand, type ConfigOption, withConfig, withContainer } from '../command.ts';
import { commandError, usageError } from '../exit.ts';
import { type Columns, type ListOption, printList, withJson } from '../table.ts';

/** The newest; lists are bounded. */
const LIMIT = 1000;

const COLUMNS: Columns<{ address: string; is_foreign_host: boolean; banned_at: Date; expires_at: Date }> = {
  address: ({ address }) => address,
  'banned at': ({ banned_at }) => banned_at,
  until: ({ expires_at }) => expires_at,
  requests: ({ is_foreign_host }) => (is_foreign_host ? 'under unknown host names' : 'all'),
};

export const command: CliCommand = {
  declare(program, context) {
    const ban = program.command('ban').description('addresses that failed too often');
    withConfig(withJson(ban.command('list')))
      .description('the bans that hold now, newest first')
      .action((options: ListOption & ConfigOption) =>
        withContainer(context, options, async ({ throttle }) => printList(context.io, options, await throttle.listBans(LIMIT), COLUMNS)),
      );
    withConfig(ban.command('lift'))
      .description('let an address in again; a server notices within seconds')
      .argument('<address>', 'as the list shows it, or any address of that network')
      .action((text: string, options: ConfigOption) => {
        const address = readAddress(text);
        return withContainer(context, options, async ({ throttle }) => {
          if (!(await throttle.lift(address))) throw commandError(`${text} is not banned`);
          context.io.out(`Lifted the ban of ${text}\n`);
        });
      });
  },
};

/** The list shows IPv6 bans as networks. */
function readAddress(text: string): string {
  const address = parseNetwork(text) && text.replace(/\/.*$/s, '');
  if (!address || !parseAddress(address)) throw usageError(`"${text}" is no address`);
  return address;
}
