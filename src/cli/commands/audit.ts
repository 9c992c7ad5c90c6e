// latchkey audit: what happened, filtered; with --follow also what happens from now on.
import { setTimeout as pause } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { ActivityItem } from '../../accounts/activity.ts';
import type { AuditEventType } from '../../domain/audit_event.ts';
import { AUDIT_EVENT_TYPES } from '../../domain/audit_event_texts.ts';
import { addSeconds } from '../../domain/clock.ts';
import { MAX_PAGE } from '../../domain/pagination.ts';
import type { AuditFilter } from '../../repository/audit_events.ts';
import { type CliCommand, type CliContext, type ConfigOption, withConfig, withContainer } from '../command.ts';
import type { CliContainer } from '../container.ts';
import { usageError } from '../exit.ts';
import { findUser } from '../find_user.ts';
import { readTime } from '../iso_time.ts';
import { listenForStop } from '../stop.ts';
import { type Columns, cellText, fetchAllPages, type ListOption, printList, withJson } from '../table.ts';

interface AuditOptions extends ConfigOption, ListOption, Pick<AuditFilter, 'outcome' | 'since' | 'until'> {
  user?: string;
  client?: string;
  type?: AuditEventType;
  address?: string;
  limit: number;
  follow?: boolean;
}

const FACTS: Columns<ActivityItem> = {
  by: ({ actor_name, actor_user_id }) => actor_name ?? actor_user_id,
  to: ({ target_name, target_user_id }) => target_name ?? target_user_id,
  app: ({ client_name, client_id }) => client_name ?? client_id,
  from: ({ remote_address }) => remote_address,
  'error ref': ({ error_ref }) => error_ref,
};
const COLUMNS: Columns<ActivityItem> = { at: ({ at }) => at, what: ({ text }) => text, ...FACTS };

const DEFAULT_LIMIT = 50;
const POLL_MS = 1_000;
/** Seconds that an event may be written after its time. */
const WRITTEN_LATE = 30;

export const command: CliCommand = {
  declare(program, context) {
    withFilters(withConfig(withJson(program.command('audit'))))
      .description('the audit log, newest first')
      .option('--limit <count>', `how many events, at most ${MAX_PAGE}`, readLimit, DEFAULT_LIMIT)
      .option('--follow', 'oldest first, and further events as they happen, until interrupted; with --json one per line')
      .action((options: AuditOptions) =>
        withContainer(context, options, async (container) => {
          const filter = await filterOf(container, options);
          const { items } = await container.activity.list({ ...filter, limit: options.limit, cursor: null });
          if (options.follow !== true) return printList(context.io, options, items, COLUMNS);
          await follow(context, container, options, filter, items);
        }),
      );
  },
};

function withFilters(command: Command): Command {
  return command
    .option('--user <user>', 'done by or to this user: id, username, or a name that only one has')
    .option('--client <id>', 'concerning this app')
    .addOption(new Option('--type <type>', 'of this type, such as login.failed').choices(AUDIT_EVENT_TYPES))
    .addOption(new Option('--outcome <outcome>').choices(['done', 'refused']))
    .option('--address <address>', 'from this address')
    .option('--since <time>', 'not before, such as 2026-03-14T09:26:53Z', readTime)
    .option('--until <time>', 'before', readTime);
}

async function filterOf(container: CliContainer, options: AuditOptions): Promise<AuditFilter> {
  const { user, client, type, outcome, address, since, until } = options;
  const user_id = user === undefined ? undefined : (await findUser(container, user)).id;
  return { user_id, client_id: client, type, outcome, remote_address: address, since, until };
}

/** Prints events and then new ones; replicas may write them in another order than that of time. */
async function follow(
  { io }: CliContext,
  { activity }: CliContainer,
  options: AuditOptions,
  filter: AuditFilter,
  first: readonly ActivityItem[],
): Promise<void> {
  const stop = listenForStop(io.signals);
  const stopped = new AbortController();
  void stop.first.then(() => stopped.abort());
  const printed = new Map<number, Date>();
  let since = first.length < options.limit ? filter.since : first.at(-1)?.at;
  const print = (items: readonly ActivityItem[]) => {
    for (const item of items.filter(({ id }) => !printed.has(id)).reverse()) {
      io.out(options.json === true ? `${JSON.stringify(item)}\n` : lineOf(item));
      printed.set(item.id, item.at);
    }
    const start = items[0] && addSeconds(items[0].at, -WRITTEN_LATE);
    if (!start || (since && start <= since)) return;
    since = start;
    for (const [id, at] of printed) if (at < start) printed.delete(id);
  };
  try {
    print(first);
    while (!stopped.signal.aborted) {
      await pause(POLL_MS, undefined, { signal: stopped.signal }).catch(() => {});
      if (!stopped.signal.aborted) print(await fetchAllPages((page) => activity.list({ ...filter, ...page, since })));
    }
  } finally {
    stop.release();
  }
}

/** `2026-03-14T09:26:53Z  A login failed  by Ada  from 192.0.2.1` */
function lineOf(item: ActivityItem): string {
  const known = Object.entries(FACTS).map(([title, read]) => [title, cellText(read(item))]);
  const texts = known.filter(([, text]) => text !== '').map(([title, text]) => `${title} ${text}`);
  return `${[cellText(item.at), item.text, ...texts].join('  ')}\n`;
}

function readLimit(text: string): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) < 1 || Number(text) > MAX_PAGE) throw usageError(`--limit must be 1 to ${MAX_PAGE}`);
  return Number(text);
}
