// Who fetches of client documents are charged to: an address, with a separate budget for requests
// that another site's page may have caused, so that those do not use up the person's own.
import { failureKey } from '../domain/network.ts';

const UNPROVEN = 'unproven ';

/** Marks an address as unproven wherever documents are fetched. */
export const unprovenAsker = (remote_address: string): string => `${UNPROVEN}${remote_address}`;

/** The budget key: an IPv4 address or IPv6 /64, with unproven requests apart. */
export function fetchBudgetKey(asker: string): string {
  return asker.startsWith(UNPROVEN) ? `${UNPROVEN}${failureKey(asker.slice(UNPROVEN.length))}` : failureKey(asker);
}
