// latchkey explain: shows the decision behind the reference of an error.
import { stripVTControlCharacters } from 'node:util';
import type { KeptAuditEvent } from '../../repository/audit_events.ts';
import { type CliCommand, type ConfigOption, withConfig, withContainer } from '../command.ts';
import { commandError } from '../exit.ts';
import { type ListOption, withJson } from '../table.ts';

export const command: CliCommand = {
  declare(program, context) {
    withConfig(withJson(program.command('explain')))
      .description('why a request was refused')
      .argument('<reference>', 'the Error-Ref that the refusal came with')
      .action((reference: string, options: ListOption & ConfigOption) =>
        withContainer(context, options, async ({ audit }) => {
          const events = await audit.find(reference.trim().toLowerCase());
          if (options.json === true) return context.io.out(`${JSON.stringify(events, null, 2)}\n`);
          if (events.length === 0) throw commandError(NOTHING);
          context.io.out(events.map(textOf).join('\n'));
        }),
      );
  },
};

const NOTHING =
  'Nothing is kept under this reference: it is mistyped, older than audit.retention, or one of many refusals of one address, which are only counted';

/** One line per known fact. */
function textOf({ at, type, outcome, detail, ...rest }: KeptAuditEvent): string {
  const { actor_user_id, target_user_id, client_id, remote_address } = rest;
  const facts = { at: at.toISOString(), what: `${type} (${outcome})`, actor_user_id, target_user_id, client_id, remote_address, ...detail };
  return Object.entries(facts)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${stripVTControlCharacters(typeof value === 'string' ? value : JSON.stringify(value))}\n`)
    .join('');
}
