// Lists that Home Assistant sends whole.
import type { Page, PageRequest } from '../../../domain/pagination.ts';

const PAGE = 200;
/** More items than a page of its front-end can show. */
const MAX_PAGES = 50;

/** Every item of a list, in order; at most 10,000. */
export async function allPages<Item>(list: (request: PageRequest) => Promise<Page<Item>>): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const page: Page<Item> = await list({ limit: PAGE, cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
    if (cursor === null) break;
  }
  return items;
}
