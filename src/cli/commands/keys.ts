// latchkey keys: token signing keys, and the secret_key that seals them.
import type { SigningKeyRow } from '../../repository/signing_keys.ts';
import { type CliCommand, type ConfigOption, withConfig, withContainer } from '../command.ts';
import { type Columns, type ListOption, printList, withJson } from '../table.ts';

const COLUMNS: Columns<SigningKeyRow & { state: string }> = {
  id: ({ id }) => id,
  algorithm: ({ algorithm }) => algorithm,
  state: ({ state }) => state,
  'signs from': ({ signs_from }) => signs_from,
  'verifies until': ({ expires_at }) => expires_at,
};

export const command: CliCommand = {
  declare(program, context) {
    const keys = program.command('keys').description('the keys that sign tokens');
    withConfig(withJson(keys.command('list')))
      .description('every key whose tokens are good')
      .action((options: ListOption & ConfigOption) =>
        withContainer(context, options, async ({ keyring }) => printList(context.io, options, keyring.list(), COLUMNS)),
      );
    withConfig(keys.command('rotate'))
      .description('publish a new key of each algorithm; it signs once every reader can know it')
      .action((options: ConfigOption) =>
        withContainer(context, options, async ({ keyring }) => {
          for (const algorithm of new Set(keyring.list().map((key) => key.algorithm))) {
            const id = await keyring.rotate({ algorithm });
            const successor = keyring.list().find((key) => key.id === id);
            const signs_from = successor?.signs_from.toISOString() ?? 'now on';
            context.io.out(`The ${algorithm} key ${id} is published and signs from ${signs_from}\n`);
          }
        }),
      );
    withConfig(keys.command('reseal'))
      .description('seal with secret_key what a key of previous_secret_keys has sealed')
      .action((options: ConfigOption) =>
        withContainer(context, options, async ({ resealSecrets }) => {
          const count = await resealSecrets();
          context.io.out(`Sealed ${count} value${count === 1 ? '' : 's'} anew; previous_secret_keys can be emptied on every replica\n`);
        }),
      );
  },
};
