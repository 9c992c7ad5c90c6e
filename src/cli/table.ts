// Prints lists: JSON for programs, columns for people.
import { stripVTControlCharacters } from 'node:util';
import type { Command } from 'commander';
import { MAX_PAGE, type Page, type PageRequest } from '../domain/pagination.ts';
import { cleanText } from '../domain/text.ts';
import type { Io } from './command.ts';

/** The options of every list. */
export interface ListOption {
  json?: boolean;
}

/** A column's title and value; null leaves the cell empty. */
export type Columns<Item> = Record<string, (item: Item) => string | Date | boolean | null | undefined>;

/** Adds `--json` to a list. */
export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

/** Prints a list in the requested format. */
export function printList<Item>(io: Io, { json }: ListOption, items: readonly Item[], columns: Columns<Item>): void {
  io.out(json === true ? `${JSON.stringify(items, null, 2)}\n` : tableOf(items, columns));
}

function tableOf<Item>(items: readonly Item[], columns: Columns<Item>): string {
  const heads = Object.keys(columns).map((head) => head.toUpperCase());
  const rows = [heads, ...items.map((item) => Object.values(columns).map((read) => cellText(read(item))))];
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}

/** All items of a paginated list. */
export async function fetchAllPages<Item>(page: (request: PageRequest) => Promise<Page<Item>>): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const next: Page<Item> = await page({ limit: MAX_PAGE, cursor });
    items.push(...next.items);
    cursor = next.next_cursor;
  } while (cursor !== null);
  return items;
}

/** A cell. Untrusted text loses its control characters. */
export function cellText(value: string | Date | boolean | null | undefined): string {
  if (value instanceof Date) return value.toISOString().replace('.000', '');
  if (typeof value === 'boolean') return value ? 'yes' : '';
  return cleanText(stripVTControlCharacters(value ?? ''), 60);
}
