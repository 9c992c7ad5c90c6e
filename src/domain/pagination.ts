// Lists come in pages. A cursor is opaque to clients; it holds the place of the last item, so that rows made meanwhile neither repeat nor hide any.
import { AuthError } from './errors.ts';

/** The most items of one page. */
export const MAX_PAGE = 200;

export interface PageRequest {
  limit: number;
  /** The `next_cursor` of the page before; null: the first page. */
  cursor: string | null;
}

export interface Page<Item> {
  items: Item[];
  /** Null on the last page. */
  next_cursor: string | null;
}

/** The place of a row in a list that goes by age. */
export interface PageCursor {
  created_at: Date;
  id: string;
}

/** The place a cursor holds; null for the first page. Throws `invalid_format` when it is none of ours. */
export function readCursor(cursor: string | null): PageCursor | null {
  if (cursor === null) return null;
  const [, time, id] = /^(\d{1,15})\.([0-9a-z_-]{1,64})$/.exec(cursor) ?? [];
  if (time === undefined || id === undefined) throw new AuthError('invalid_format', 'Invalid cursor');
  return { created_at: new Date(Number(time)), id };
}

/** The rows between 1 and `MAX_PAGE` that a page may show. */
export function pageSize({ limit }: PageRequest): number {
  return Math.min(Math.max(Math.trunc(limit), 1), MAX_PAGE);
}

/** Makes a page of one row more than it shows: that row says whether there is a next page. */
export function buildPage<Row extends PageCursor>(rows: Row[], request: PageRequest): Page<Row> {
  const items = rows.slice(0, pageSize(request));
  const last = items.at(-1);
  const next_cursor = last && rows.length > items.length ? `${last.created_at.getTime()}.${last.id}` : null;
  return { items, next_cursor };
}
