// Pagination of lists. A cursor is opaque to clients and holds the position of the last item, so
// that new rows neither repeat nor hide any.
import { AuthError } from './errors.ts';

/** Maximum items per page. */
export const MAX_PAGE = 200;

export interface PageRequest {
  limit: number;
  /** The `next_cursor` of the previous page; null: the first page. */
  cursor: string | null;
}

export interface Page<Item> {
  items: Item[];
  /** Null on the last page. */
  next_cursor: string | null;
}

/** The position of a row in a list ordered by age. */
export interface PageCursor {
  created_at: Date;
  id: string;
}

/** Parses a cursor; null for the first page. Throws `invalid_format` for an invalid one. */
export function readCursor(cursor: string | null): PageCursor | null {
  if (cursor === null) return null;
  const [, time, id] = /^(\d{1,15})\.([0-9a-z_-]{1,64})$/.exec(cursor) ?? [];
  if (time === undefined || id === undefined) throw new AuthError('invalid_format', 'Invalid cursor');
  return { created_at: new Date(Number(time)), id };
}

/** The page size, between 1 and `MAX_PAGE`. */
export function pageSize({ limit }: PageRequest): number {
  return Math.min(Math.max(Math.trunc(limit), 1), MAX_PAGE);
}

/** Builds a page from one row more than it shows; the extra row means that there is a next page. */
export function buildPage<Row extends PageCursor>(rows: Row[], request: PageRequest): Page<Row> {
  const items = rows.slice(0, pageSize(request));
  const last = items.at(-1);
  const next_cursor = last && rows.length > items.length ? `${last.created_at.getTime()}.${last.id}` : null;
  return { items, next_cursor };
}
