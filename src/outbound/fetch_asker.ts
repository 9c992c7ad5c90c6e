// In whose name documents of clients are fetched: an address, which has a budget of its own for requests that the page
// of another site may have made its browser send. Those use up nothing that the person's own requests need.
import { failureKey } from '../domain/network.ts';

const UNPROVEN = 'unproven ';

/** Stands in for the address wherever documents are fetched. */
export const unprovenAsker = (remote_address: string): string => `${UNPROVEN}${remote_address}`;

/** The key under which an asker's fetches are counted: one IPv4 address or IPv6 /64, proven requests apart from the others. */
export function fetchBudgetKey(asker: string): string {
  return asker.startsWith(UNPROVEN) ? `${UNPROVEN}${failureKey(asker.slice(UNPROVEN.length))}` : failureKey(asker);
}
