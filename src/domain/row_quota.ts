// Quotas of rows that can be created without logging in, and who they are charged to.
import { type Client, isConfidential } from './client.ts';
import { exemptAddresses, failureKey } from './network.ts';

/** Maximum rows of one kind per IPv4 address or IPv6 /64. */
export const MAX_OF_NETWORK = 100;
/** The maximum for requests that pages of other sites make a network's browsers send. */
const MAX_CROSS_SITE = 10;
/** The maximum for an authenticated client of the operator, which has many users. */
const MAX_OF_CLIENT = 1000;

/** Who a row is charged to, and what happens beyond the limit. */
export interface RowQuota {
  /** An IPv4 address, an IPv6 /64, or a text that is neither. */
  network: string;
  max: number;
  /** Whether the oldest unused row is deleted instead of refusing the new one. */
  replaces_oldest: boolean;
}

/** The requester of a row. */
interface RowAsker {
  remote_address: string;
  /** A page of another site made the browser send the request; charged apart from the address. */
  is_cross_site?: boolean | undefined;
  /** The authenticated client. */
  client?: Pick<Client, 'client_id' | 'kind' | 'token_endpoint_auth_method'>;
}

export type RowQuotas = (asker: RowAsker) => RowQuota;

/**
 * The quotas of all such tables. Shared addresses (loopback, trusted proxies) are never refused.
 */
export function createRowQuotas({ trusted_proxies }: { trusted_proxies: readonly string[] }): RowQuotas {
  const isExempt = exemptAddresses(trusted_proxies);
  return ({ remote_address, is_cross_site = false, client }) => {
    // Clients of other kinds can be created by anybody.
    if (client?.kind === 'registered' && isConfidential(client))
      return { network: `client ${client.client_id}`, max: MAX_OF_CLIENT, replaces_oldest: true };
    const network = failureKey(remote_address);
    const replaces_oldest = isExempt(remote_address);
    if (is_cross_site) return { network: `cross-site ${network}`, max: MAX_CROSS_SITE, replaces_oldest };
    return { network, max: MAX_OF_NETWORK, replaces_oldest };
  };
}
